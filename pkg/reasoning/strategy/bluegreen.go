package strategy

import (
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// How long things take at most. EKS makes a control plane in about ten minutes
// and a node group in five; the rest is room for a bad day.
const (
	syncTimeout         = 60 * time.Minute
	shiftTimeout        = 30 * time.Minute
	decommissionTimeout = 60 * time.Minute
	verifyTimeout       = 30 * time.Minute
	// trafficVerifyTimeout is shorter: users are on a cluster of which nothing is
	// known, so the upgrade soon goes back to the safe side.
	trafficVerifyTimeout = 15 * time.Minute
	lookTimeout          = 10 * time.Minute
	settling             = 15 * time.Minute // images are pulled, load balancers become healthy
)

// blueGreen makes a second cluster of the target version, delivers the
// workloads to it, moves the traffic in steps, watches, and takes the old one
// away when the request says so.
//
// Until blue is gone everything can go back: first the traffic in one jump,
// then green. After that nothing can.
func blueGreen(in Input) ([]upgrade.Step, error) {
	if in.Request.Traffic.Bake < in.MetricsPeriod {
		return nil, upgrade.KindInvalidInput.Field("plan", "traffic.bake",
			fmt.Sprintf("%s is shorter than the metrics' resolution of %s", in.Request.Traffic.Bake, in.MetricsPeriod), "give a longer one")
	}
	p := plan{Input: in, blue: in.Request.Cluster, green: in.Request.Green}
	build := []func() (upgrade.Step, error){p.verifyBlue, p.provision, p.sync}
	for _, w := range in.Request.Traffic.Weights() {
		build = append(build, func() (upgrade.Step, error) { return p.shift(w) })
	}
	build = append(build, p.soak)
	if in.Request.Decommission == upgrade.DestroyBlue {
		build = append(build, p.decommission)
	}
	steps := make([]upgrade.Step, 0, len(build))
	for _, b := range build {
		step, err := b()
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

type plan struct {
	Input
	blue, green string
}

func (p plan) verifyBlue() (upgrade.Step, error) {
	return upgrade.Step{ID: "verify-blue", Kind: upgrade.StepVerify, Title: "Verify " + p.blue + " before anything changes",
		Verify:  append([]upgrade.Criterion{p.active(upgrade.Blue, p.Cluster.Version), p.weightsHold(upgrade.AllBlue)}, p.healthy(upgrade.Blue, 0)...),
		Timeout: upgrade.Duration(lookTimeout), VerifyTimeout: upgrade.Duration(verifyTimeout)}, nil
}

func (p plan) provision() (upgrade.Step, error) {
	target := p.Request.Target
	installed, err := addons(p.Cluster.Addons, target)
	if err != nil {
		return upgrade.Step{}, err
	}
	subnets := make([]string, len(p.Cluster.Subnets))
	for i, s := range p.Cluster.Subnets {
		subnets[i] = s.ID
	}
	data, err := input(upgrade.ProvisionInput{Cluster: p.green, Like: p.blue, Version: target, NodeGroups: nodeGroups(p.Cluster.NodeGroups, target),
		Addons: installed, Subnets: subnets, SecurityGroups: p.Cluster.SecurityGroups, RoleARN: p.Cluster.RoleARN})
	if err != nil {
		return upgrade.Step{}, err
	}
	back, err := p.destroyGreen()
	return upgrade.Step{ID: "provision-green", Kind: upgrade.StepProvision, Title: fmt.Sprintf("Create %s with Kubernetes %s", p.green, target), Input: data,
		Verify:   []upgrade.Criterion{p.active(upgrade.Green, target), p.nodesReady(upgrade.Green, settling)},
		Rollback: []upgrade.Step{back}, Timeout: p.ProvisionTimeout, VerifyTimeout: upgrade.Duration(verifyTimeout)}, err
}

func (p plan) sync() (upgrade.Step, error) {
	data, err := input(upgrade.SyncInput{From: p.blue, To: p.green})
	if err != nil {
		return upgrade.Step{}, err
	}
	back, err := p.destroyGreen()
	return upgrade.Step{ID: "sync-workloads", Kind: upgrade.StepSync, Title: "Deliver the workloads of " + p.blue + " to " + p.green, Input: data,
		Verify:   p.healthy(upgrade.Green, settling),
		Rollback: []upgrade.Step{back}, Timeout: upgrade.Duration(syncTimeout), VerifyTimeout: upgrade.Duration(verifyTimeout)}, err
}

func (p plan) shift(w upgrade.Weights) (upgrade.Step, error) {
	data, err := input(p.shiftTo(w))
	if err != nil {
		return upgrade.Step{}, err
	}
	back, err := p.returnTraffic()
	return upgrade.Step{ID: fmt.Sprintf("shift-%d", w.Green), Kind: upgrade.StepShift, Title: fmt.Sprintf("Send %d %% of the traffic to %s", w.Green, p.green), Input: data,
		Verify: p.serving(w, p.Request.Traffic.Bake, p.Request.Traffic.Bake), Rollback: []upgrade.Step{back},
		Timeout: p.andTTL(shiftTimeout), Bake: p.Request.Traffic.Bake, VerifyTimeout: upgrade.Duration(trafficVerifyTimeout)}, err
}

func (p plan) soak() (upgrade.Step, error) {
	data, err := input(upgrade.SoakInput{For: p.Request.Soak})
	if err != nil {
		return upgrade.Step{}, err
	}
	back, err := p.returnTraffic()
	// A window that is shorter than the metrics' resolution holds no value.
	window := max(p.Request.Soak, p.MetricsPeriod)
	return upgrade.Step{ID: "soak", Kind: upgrade.StepSoak, Title: fmt.Sprintf("Watch %s under all the traffic for %s", p.green, p.Request.Soak), Input: data,
		Verify: p.serving(upgrade.AllGreen, 0, window), Rollback: []upgrade.Step{back},
		Timeout: p.Request.Soak + upgrade.Duration(30*time.Minute), VerifyTimeout: upgrade.Duration(trafficVerifyTimeout)}, err
}

func (p plan) decommission() (upgrade.Step, error) {
	data, err := input(p.decommissionOf(upgrade.Blue))
	return upgrade.Step{ID: "decommission-blue", Kind: upgrade.StepDecommission, Title: "Delete " + p.blue, Input: data, NoReturn: true,
		Verify:  []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: p.blue, Side: upgrade.Blue}},
		Timeout: p.andTTL(decommissionTimeout), VerifyTimeout: upgrade.Duration(verifyTimeout)}, err
}

// returnTraffic is the way back of every step that moves or watches traffic.
// Blue's endpoint is verified, its error rate is not: with the traffic just
// back, the metrics still show the time before.
func (p plan) returnTraffic() (upgrade.Step, error) {
	data, err := input(p.shiftTo(upgrade.AllBlue))
	return upgrade.Step{ID: "return-traffic", Kind: upgrade.StepShift, Title: "Return all the traffic to " + p.blue, Input: data,
		Verify:  []upgrade.Criterion{p.weightsHold(upgrade.AllBlue), p.endpointAnswers(upgrade.Blue, settling)},
		Timeout: p.andTTL(shiftTimeout), VerifyTimeout: upgrade.Duration(verifyTimeout)}, err
}

// destroyGreen is the way back of every step that makes green.
func (p plan) destroyGreen() (upgrade.Step, error) {
	data, err := input(p.decommissionOf(upgrade.Green))
	return upgrade.Step{ID: "destroy-green", Kind: upgrade.StepDecommission, Title: "Delete " + p.green, Input: data,
		Verify:  []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: p.green, Side: upgrade.Green}},
		Timeout: p.andTTL(decommissionTimeout), VerifyTimeout: upgrade.Duration(verifyTimeout)}, err
}

// andTTL is the timeout of a step that changes record sets: such a step is done
// when the TTL has passed since.
func (p plan) andTTL(timeout time.Duration) upgrade.Duration {
	return upgrade.Duration(timeout) + p.Request.Traffic.TTL
}

func (p plan) shiftTo(w upgrade.Weights) upgrade.ShiftInput {
	t := p.Request.Traffic
	return upgrade.ShiftInput{HostedZone: t.HostedZone, Record: t.Record, TTL: t.TTL, Blue: p.blue, Green: p.green, Service: t.Service,
		Weights: w, Steps: t.Weights(), Safe: upgrade.Blue}
}

func (p plan) decommissionOf(side upgrade.Side) upgrade.DecommissionInput {
	return upgrade.DecommissionInput{Cluster: p.name(side), Side: side, HostedZone: p.Request.Traffic.HostedZone, Record: p.Request.Traffic.Record}
}
