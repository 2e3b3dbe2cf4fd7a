package proof_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/proof"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// BenchmarkRun tries 5,000 Deployments, start of the API server included:
//
//	go test ./pkg/proof -run '^$' -bench Run -benchtime 1x
//
// CPU seconds are of this program and of both it started.
func BenchmarkRun(b *testing.B) {
	some := slices.DeleteFunc(read(b, "../../test/testdata/clusters/online-boutique"), func(o *unstructured.Unstructured) bool { return o.GetKind() != "Deployment" })
	var all []*unstructured.Unstructured
	for i := range 5000 {
		o := some[i%len(some)].DeepCopy()
		o.SetName(fmt.Sprintf("%s-%d", o.GetName(), i))
		o.SetNamespace(fmt.Sprintf("team-%d", i%50))
		all = append(all, o)
	}
	for b.Loop() {
		began, cpu := time.Now(), used()
		p, err := proof.Run(b.Context(), proof.Options{Programs: programs(b), Version: v(36), Against: v(35), Manifests: each(all, upgrade.FromFile), Dir: b.TempDir()})
		if err != nil || p.Tried != len(all) || len(p.Results) > 0 {
			b.Fatal(p, err)
		}
		b.ReportMetric(float64(p.Tried)/time.Since(began).Seconds(), "objects/s")
		b.ReportMetric((used() - cpu).Seconds(), "CPU-s/op")
	}
}

// used is the processor time of this program and of those that it started and
// that have ended.
func used() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return sum
}
