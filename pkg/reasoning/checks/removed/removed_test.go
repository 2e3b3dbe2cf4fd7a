package removed_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks/removed"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

// TestKnownRemovals holds the tables to what the changelogs of Kubernetes say.
func TestKnownRemovals(t *testing.T) {
	gates := map[string]removed.Gate{
		"CSIMigrationRBD":                        {Gone: v(31)},   // CHANGELOG-1.31: in-tree RBD removed
		"GitRepoVolumeDriver":                    {Locked: v(36)}, // KEP-5040
		"DisableKubeletCloudCredentialProviders": {Gone: v(33), Locked: v(31), To: true},
		"NFTablesProxyMode":                      {Locked: v(33), To: true},
		"KubeProxyIPVS":                          {}, // CHANGELOG-1.37: added, on by default
		"RotateKubeletServerCertificate":         {},
	}
	for name, want := range gates {
		if got, known := removed.FeatureGate(name); !known || got != want {
			t.Errorf("gate %s: %+v, known %t, want %+v", name, got, known, want)
		}
	}
	if _, known := removed.FeatureGate("NoSuchGate"); known {
		t.Error("a gate that never was is known")
	}
	flags := map[[2]string]upgrade.Version{
		{"kubelet", "pod-infra-container-image"}:   v(35),
		{"kubelet", "keep-terminated-pod-volumes"}: v(31),
		{"kubelet", "cloud-config"}:                v(34),
		{"kubelet", "max-pods"}:                    {},
		{"kubelet", "node-labels"}:                 {},
		{"kubelet", "cloud-provider"}:              {},
		{"kubelet", "v"}:                           {},
		{"kube-proxy", "proxy-port-range"}:         v(31),
		{"kube-proxy", "proxy-mode"}:               {},
	}
	for of, want := range flags {
		if got, gone := removed.Flag(of[0], of[1]); got != want || gone != (want != upgrade.Version{}) {
			t.Errorf("flag %s: %s, want %s", of, got, want)
		}
	}
	if _, gone := removed.Key("kubelet", "maxPods"); gone {
		t.Error("maxPods is gone from the kubelet's configuration")
	}
}

func TestTablesSpanTheReleasesThatEKSOffers(t *testing.T) {
	if removed.First.Compare(v(28)) > 0 || removed.Last.Compare(v(37)) < 0 {
		t.Errorf("the tables span %s to %s", removed.First, removed.Last)
	}
}
