// Package removed knows which feature gates, flags and configuration keys the
// components of a node stop accepting, and in which release. A kubelet that is
// given one of these does not start.
//
// The tables are read from the sources of Kubernetes, one release of each minor:
// what an older one declares and a newer one lacks is gone since the newer one.
package removed

import "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"

//go:generate go run ./gen

// Gate is a feature gate.
type Gate struct {
	Gone   upgrade.Version // first release that does not know it; zero: the last one knows it
	Locked upgrade.Version // first release that refuses any value but To; zero: either is accepted
	To     bool
}

// FeatureGate returns a gate, and whether any of the releases knows it.
func FeatureGate(name string) (Gate, bool) {
	g, known := gates[name]
	return g, known
}

// Flag returns the first release in which a component (kubelet, kube-proxy,
// kube-scheduler) has lost the flag, which is named without dashes before it; or
// false when none has lost it.
func Flag(component, name string) (upgrade.Version, bool) {
	gone, lost := flags[component][name]
	return gone, lost
}

// Key returns the first release in which the configuration file of a component
// (kubelet) has lost a key; or false when none has lost it.
func Key(component, name string) (upgrade.Version, bool) {
	gone, lost := keys[component][name]
	return gone, lost
}
