// Package checks holds what the agent knows about upgrades that go wrong. Each
// check looks at what was perceived and says what is wrong, how bad it is and
// what to do; it sees no AWS and no Kubernetes. A check that lacks the data it
// needs says so in a finding: no data is never a pass.
package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/apiuse"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// View is everything that was perceived of one cluster.
type View struct {
	Request    upgrade.Request
	Now        time.Time
	AWS        *upgrade.ClusterState    // nil: not seen
	Kubernetes *upgrade.KubernetesState // nil: not seen
	Files      *upgrade.KubernetesState // what manifest files say; nil: there are none. Without a cluster it is Kubernetes, too
	Notes      []upgrade.ReleaseNote
	Scans      []upgrade.Scan
	Proof      *upgrade.Proof     // nil: not seen
	Rules      rules.Set          // what the users know better
	Snapshots  []upgrade.Snapshot // all of them, for what they could not see
	Asked      []upgrade.Source   // what was to be looked at; the rest was left out on purpose

	apis      []apiuse.Use // what all sources together show of API versions that go away
	catalogue []Check
	index     *index
	drain     *upgrade.DrainForecast // nil: what it needs was not seen
	outside   []Dependency           // likewise
}

// Sources are all sources; an upgrade asks each. Manifests come on top.
func Sources() []upgrade.Source {
	return []upgrade.Source{upgrade.SourceAWS, upgrade.SourceKubernetes, upgrade.SourceReleaseNotes, upgrade.SourceScanners}
}

// NewView joins the snapshots. Two of one source, or one of another cluster, is
// an InvalidRequest.
func NewView(request upgrade.Request, now time.Time, snapshots []upgrade.Snapshot) (View, error) {
	v := View{Request: request, Now: now, Snapshots: snapshots, Asked: Sources()}
	seen := map[upgrade.Source]bool{}
	for _, s := range snapshots {
		if s.Cluster != request.Cluster {
			return v, upgrade.KindSnapshotMismatch.Errorf("join snapshots", "the snapshot of %s is of cluster %q, not of %q", s.Source, s.Cluster, request.Cluster).
				WithRemedy("start a new upgrade")
		}
		if seen[s.Source] {
			return v, upgrade.KindSnapshotMismatch.Errorf("join snapshots", "there are two snapshots of %s", s.Source).WithRemedy("start a new upgrade")
		}
		seen[s.Source] = true
		switch s.Source {
		case upgrade.SourceAWS:
			v.AWS = s.AWS
		case upgrade.SourceKubernetes:
			v.Kubernetes = s.Kubernetes
		case upgrade.SourceReleaseNotes:
			v.Notes = s.Notes
		case upgrade.SourceManifests:
			v.Files = s.Kubernetes
		case upgrade.SourceScanners:
			v.Scans, v.Proof = s.Scans, s.Proof
		}
	}
	if v.Kubernetes == nil && !seen[upgrade.SourceKubernetes] {
		v.Kubernetes = v.Files
	}
	return v, nil
}

// Family groups checks by subject: one file each.
type Family string

// The families, in the order of the catalogue.
const (
	Perception   Family = "perception"   // what could not be seen
	Versions     Family = "versions"     // control plane, kubelet, kube-proxy: versions and support
	ControlPlane Family = "controlPlane" // the cluster in EKS, its insights
	Nodes        Family = "nodes"        // node groups, launch templates, images, Karpenter
	Network      Family = "network"      // addresses, load balancers
	Quotas       Family = "quotas"       // of EC2 and EBS
	Addons       Family = "addons"       // add-ons of EKS and what is run in their place
	APIs         Family = "apis"         // API versions that go away, and what writes them
	Proof        Family = "proof"        // manifests tried on the target version
	Admission    Family = "admission"    // webhooks, policies, API services, CRDs
	Disruption   Family = "disruption"   // disruption budgets and what else hinders a drain
	Drain        Family = "drain"        // the simulated drain
	Workloads    Family = "workloads"    // how pods are made
	Storage      Family = "storage"      // volumes
	Identity     Family = "identity"     // IRSA, issuers, trust
	Traffic      Family = "traffic"      // external-dns, target groups, load balancers: what two clusters share
	Dependencies Family = "dependencies" // what workloads use outside the cluster
	ReleaseNotes Family = "releaseNotes" // what Kubernetes and EKS announce
)

// Families lists the families, in the order of the catalogue.
func Families() []Family {
	return []Family{Perception, Versions, ControlPlane, Nodes, Network, Quotas, Addons, APIs, Proof, Admission, Disruption, Drain, Workloads, Storage, Identity, Traffic, Dependencies, ReleaseNotes}
}

// Subject says in words what a family is about.
func (f Family) Subject() string {
	return map[Family]string{
		Perception: "what could not be seen", Versions: "versions and support", ControlPlane: "the cluster in EKS and its insights", Nodes: "node groups, launch templates, images, Karpenter",
		Network: "addresses and load balancers", Quotas: "quotas of EC2 and EBS", Addons: "add-ons", APIs: "API versions that go away", Proof: "manifests tried on the target version",
		Admission: "webhooks, policies, API services, CRDs", Disruption: "disruption budgets and what else hinders a drain", Drain: "the simulated drain", Workloads: "how pods are made",
		Storage: "volumes", Identity: "IRSA, issuers, trust", Traffic: "what two clusters share", Dependencies: "what workloads use outside the cluster", ReleaseNotes: "what Kubernetes and EKS announce",
	}[f]
}

// Blocks says when findings of a check keep an upgrade from starting. A finding
// that is milder than its check does not.
type Blocks string

// When a check blocks.
const (
	BlocksNever     Blocks = "never"
	BlocksAlways    Blocks = "always"
	BlocksInPlace   Blocks = "inPlace"   // only an upgrade of the cluster itself
	BlocksBlueGreen Blocks = "blueGreen" // only an upgrade by a second cluster
)

// in reports whether it blocks upgrades by the strategy.
func (b Blocks) in(s upgrade.Strategy) bool {
	return b == BlocksAlways || string(b) == string(s)
}

// Check is one rule. Its findings have its severity, remedy and source and block
// as it says; a finding that is milder or worse says so itself.
type Check struct {
	ID       string // "pdb-blocks-drain"
	Family   Family
	Title    string // names the problem: findings are made only when there is one
	Severity upgrade.Severity
	Blocks   Blocks
	Needs    []upgrade.Part // without each of them the check is not made
	Source   string         // link to the rule
	Remedy   string         // what to do, for any object; findings can be more precise
	Eksup    string         // checks of eksup that it stands for: "K8S002"; docs/eksup.md is made of these
	run      func(View, Check) []upgrade.Finding
}

// All returns the catalogue: every check, by family.
func All() []Check {
	return slices.Concat(
		perceptionChecks, ruleChecks,
		versionChecks, supportChecks, skewChecks,
		healthChecks, insightChecks,
		templateChecks,
		networkChecks, capacityChecks,
		addonChecks,
		apiChecks, helmChecks, scannerChecks,
		proofChecks,
		admissionChecks, crdChecks,
		disruptionChecks, drainChecks,
		workloadChecks, podChecks,
		controllerChecks, nodePartChecks,
		storageChecks,
		identityChecks, trafficChecks, dependencyChecks, noteChecks,
	)
}

// Result is what the checks say.
type Result struct {
	Findings []upgrade.Finding
	Outcomes []upgrade.CheckOutcome // one for each check of the catalogue, in its order
	Drain    *upgrade.DrainForecast // nil: what it needs was not seen
	Outside  []Dependency           // what is used outside of the cluster
}

// Run makes every check. One that lacks a part is not made, and that is said of
// it; perception-complete makes a finding of each part that is missing.
func Run(v View) Result {
	r := Result{Findings: []upgrade.Finding{}}
	v.catalogue, v.index = All(), newIndex(v.Kubernetes)
	v.apis = apiuse.Join(v.apiSigns(), lifecycle.All().With(v.Rules.APIs))
	v.drain = v.forecast()
	r.Drain = v.drain
	if len(v.unseen(dependencyNeeds)) == 0 {
		v.outside = usedOutside(v)
		r.Outside = v.outside
	}
	for _, c := range v.catalogue {
		outcome := upgrade.CheckOutcome{Check: c.ID, Status: upgrade.CheckPassed}
		if absent := v.unseen(c.Needs); len(absent) > 0 {
			outcome.Status, outcome.Why = upgrade.CheckNotChecked, "not seen: "+strings.Join(absent, ", ")
			r.Outcomes = append(r.Outcomes, outcome)
			continue
		}
		findings := c.run(v, c)
		outcome.Findings = len(findings)
		for _, f := range findings {
			if f.NotChecked {
				outcome.Status, outcome.Why = upgrade.CheckNotChecked, f.Evidence
				break
			}
			outcome.Status = upgrade.CheckFound
		}
		r.Findings = append(r.Findings, findings...)
		r.Outcomes = append(r.Outcomes, outcome)
	}
	v.Rules.Apply(r.Findings, v.Now)
	return r
}

// found starts a finding that blocks as the check says, with its remedy.
func (c Check) found(v View, evidence string) upgrade.Finding {
	f := c.finding(evidence, c.Remedy)
	f.Blocks = c.Blocks.in(v.Request.Strategy)
	return f
}

// drained is found for what hurts while nodes of this cluster are drained: an
// upgrade by a second cluster drains none, so that it is milder there.
func (c Check) drained(v View, evidence string) upgrade.Finding {
	f := c.found(v, evidence)
	if v.Request.Strategy == upgrade.BlueGreen {
		f.Severity = lessen(f.Severity)
	}
	return f
}

func lessen(s upgrade.Severity) upgrade.Severity {
	switch s {
	case upgrade.Critical:
		return upgrade.Medium
	case upgrade.High, upgrade.Medium:
		return upgrade.Low
	}
	return upgrade.Info
}

// finding starts a finding that does not block.
func (c Check) finding(evidence, remedy string) upgrade.Finding {
	return upgrade.Finding{Check: c.ID, Title: c.Title, Severity: c.Severity, Source: c.Source, Evidence: evidence, Remedy: remedy}
}

// blocking starts a finding that stops the upgrade.
func (c Check) blocking(evidence, remedy string) upgrade.Finding {
	f := c.finding(evidence, remedy)
	f.Blocks = true
	return f
}

// unseen starts a finding that says what the check could not see.
func (c Check) unseen(evidence, remedy string) upgrade.Finding {
	f := c.finding(evidence, remedy)
	f.NotChecked = true
	return f
}

// on adds the object that the finding is about.
func on(f upgrade.Finding, object upgrade.ObjectRef) upgrade.Finding {
	f.Object = &object
	return f
}

// at changes the severity.
func at(f upgrade.Finding, s upgrade.Severity) upgrade.Finding {
	f.Severity = s
	return f
}

// some lists a few names and says how many more there are.
func some(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// issues writes EKS's health issues in one line.
func issues(all []upgrade.HealthIssue) string {
	texts := make([]string, len(all))
	for i, x := range all {
		texts[i] = x.Code + ": " + x.Message
		if len(x.Resources) > 0 {
			texts[i] += " (" + some(x.Resources) + ")"
		}
	}
	return strings.Join(texts, "; ")
}
