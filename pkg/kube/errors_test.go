package kube_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestErrorsOfAPIServersHaveKinds(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, c := range map[string]struct {
		err  error
		want upgrade.Kind
	}{
		"too many requests": {apierrors.NewTooManyRequests("slow", 1), upgrade.KindKubernetesThrottled},
		"nobody known":      {apierrors.NewUnauthorized("who"), upgrade.KindKubernetesUnauthorized},
		"not allowed":       {apierrors.NewForbidden(pods, "web", errors.New("no")), upgrade.KindKubernetesForbidden},
		"not there":         {apierrors.NewNotFound(pods, "web"), upgrade.KindKubernetesNotFound},
		"there already":     {apierrors.NewAlreadyExists(pods, "web"), upgrade.KindKubernetesConflict},
		"changed meanwhile": {apierrors.NewConflict(pods, "web", errors.New("no")), upgrade.KindKubernetesConflict},
		"invalid":           {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web", nil), upgrade.KindKubernetesInvalid},
		"a bad request":     {apierrors.NewBadRequest("no"), upgrade.KindKubernetesInvalid},
		"an expired list":   {apierrors.NewResourceExpired("old"), upgrade.KindKubernetesUnavailable},
		"an error inside":   {apierrors.NewInternalError(errors.New("etcd")), upgrade.KindKubernetesUnavailable},
		"a timeout":         {apierrors.NewServerTimeout(pods, "list", 1), upgrade.KindKubernetesUnavailable},
		"half an answer":    {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), upgrade.KindKubernetesUnavailable},
		"a teapot":          {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 418}}, upgrade.KindKubernetesUnexpected},
		"anything else":     {errors.New("odd"), upgrade.KindKubernetesUnexpected},
	} {
		got := kube.Wrap("list pods", fmt.Errorf("call: %w", c.err))
		if upgrade.KindOf(got) != c.want || upgrade.CodeOf(got) != c.want.Definition().Code || !errors.Is(got, c.err) {
			t.Errorf("%s: kind %s, code %s, want %s", name, upgrade.KindOf(got), upgrade.CodeOf(got), c.want)
		}
	}
	want := upgrade.Details{"status": "403", "reason": "Forbidden", "object": "pods/web"}
	if got := upgrade.DetailsOf(kube.Wrap("x", apierrors.NewForbidden(pods, "web", errors.New("no")))); !maps.Equal(got, want) {
		t.Errorf("details %v, want %v", got, want)
	}
}

func TestAPIServersThatAreOutOfReachSaySo(t *testing.T) {
	dial := func(ip string) error {
		return &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 443}, Err: os.ErrDeadlineExceeded}}
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a private address":   {dial("10.0.12.7"), "private endpoint (10.0.12.7)"},
		"another one":         {dial("192.168.1.1"), "private endpoint (192.168.1.1)"},
		"a public address":    {dial("52.16.1.1"), ""},
		"no such name":        {&url.Error{Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, "is not known here"},
		"no answer to a name": {&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, ""},
		"a read that is late": {&net.OpError{Op: "read", Addr: &net.TCPAddr{IP: net.ParseIP("10.0.12.7")}, Err: os.ErrDeadlineExceeded}, ""},
	} {
		got := kube.Wrap("read the version of shop", c.err)
		if upgrade.KindOf(got) != upgrade.KindKubernetesUnavailable || !strings.Contains(got.Error(), c.want) || (c.want == "") == (strings.Contains(got.Error(), "from here") || strings.Contains(got.Error(), "known here")) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
