package eksbackend

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

func TestDeprecatedAPIsAreCountedFromMetrics(t *testing.T) {
	got, err := deprecatedAPIs(strings.NewReader(`# HELP apiserver_requested_deprecated_apis Gauge of deprecated APIs that have been requested.
apiserver_requested_deprecated_apis{group="example.com",removed_release="1.36",resource="widgets",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="example.com",resource="widgets",scope="cluster",subresource="",verb="LIST",version="v1beta1"} 3
apiserver_request_total{code="201",component="apiserver",dry_run="",group="example.com",resource="widgets",scope="resource",subresource="",verb="POST",version="v1beta1"} 4
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 9
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []eks.APIUse{{Path: "/apis/example.com/v1beta1/widgets", RemovedIn: "1.36", Requests: 7}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := deprecatedAPIs(strings.NewReader("apiserver_request_total{} x\n")); err == nil {
		t.Error("a value that is no number must be an error")
	}
}
