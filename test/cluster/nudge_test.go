package cluster

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// boundPod is a pod as the API server has it.
func boundPod(node, phase string, conditions ...any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: object{
		"metadata": object{"uid": "1", "namespace": "default", "name": "web"},
		"spec":     object{"nodeName": node}, "status": object{"phase": phase, "conditions": conditions},
	}}
}

func TestPodsThatWaitForKWOK(t *testing.T) {
	going := boundPod("n", "Running", object{"type": "Ready", "status": "True"})
	going.Object["metadata"].(object)["deletionTimestamp"] = "2026-08-01T12:00:00Z"
	for name, tc := range map[string]struct {
		pod  *unstructured.Unstructured
		want bool
	}{
		"bound, nothing more":  {boundPod("n", "Pending", object{"type": "PodScheduled", "status": "True"}), true},
		"to be deleted":        {going, true},
		"without a node":       {boundPod("", "Pending"), false},
		"ready":                {boundPod("n", "Running", object{"type": "Ready", "status": "True"}), false},
		"kept unready by KWOK": {boundPod("n", "Pending", object{"type": "Ready", "status": "False"}), false},
		"done with its work":   {boundPod("n", "Succeeded"), false},
	} {
		if got := untouched(tc.pod); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAPodIsNudgedAgainAndAgainUntilKWOKSeesIt(t *testing.T) {
	n := &nudger{alone: map[types.UID]aloneSince{}}
	now := time.Now()
	n.see(boundPod("n", "Pending"), false)
	if got := n.due(now.Add(nudgeAfter / 2)); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	for i := range 2 {
		now = now.Add(nudgeAfter + time.Second)
		if got := n.due(now); len(got) != 1 || got[0].namespace != "default" || got[0].name != "web" {
			t.Errorf("time %d: %v", i, got)
		}
		if got := n.due(now); len(got) != 0 {
			t.Errorf("at once again: %v", got)
		}
	}
	n.see(boundPod("n", "Running", object{"type": "Ready", "status": "True"}), false)
	if got := n.due(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("a pod that runs: %v", got)
	}
	n.see(boundPod("n", "Pending"), false)
	n.see(boundPod("n", "Pending"), true)
	if got := n.due(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("a pod that is gone: %v", got)
	}
}
