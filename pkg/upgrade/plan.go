package upgrade

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// StepKind names the executor of a step.
type StepKind string

// The step kinds, with the type of their input.
const (
	StepVerify       StepKind = "verify"        // changes nothing; only its criteria count. No input
	StepProvision    StepKind = "provision"     // ProvisionInput
	StepSync         StepKind = "syncWorkloads" // SyncInput
	StepShift        StepKind = "shiftTraffic"  // ShiftInput
	StepSoak         StepKind = "soak"          // SoakInput
	StepDecommission StepKind = "decommission"  // DecommissionInput
)

// Plan is the ordered steps of an upgrade, or of its rollback. It is immutable
// and hashed; an approval is bound to the hash.
type Plan struct {
	Upgrade    string   `json:"upgrade"`
	Cluster    string   `json:"cluster"` // blue
	Green      string   `json:"green"`
	From       Version  `json:"from"`
	Target     Version  `json:"target"`
	Strategy   Strategy `json:"strategy"`
	Mode       Mode     `json:"mode"`
	Assessment Ref      `json:"assessment,omitzero"`
	MadeAt     Time     `json:"madeAt"`
	Steps      []Step   `json:"steps"`
	Hash       string   `json:"hash"` // of the plan's JSON with an empty hash
}

// Step is one unit of change with its verification and its way back.
type Step struct {
	ID            string          `json:"id"` // unique in the plan: "shift-10"
	Kind          StepKind        `json:"kind"`
	Title         string          `json:"title"` // for people: "Shift 10 % of the traffic to shop-green"
	Input         json.RawMessage `json:"input"`
	Verify        []Criterion     `json:"verify"`             // all must pass; at least one
	Rollback      []Step          `json:"rollback,omitempty"` // undo it; shared ids are run once
	NoReturn      bool            `json:"noReturn,omitempty"` // point of no return: nothing before it can be undone afterwards
	Timeout       Duration        `json:"timeout"`            // from the first call to done
	Bake          Duration        `json:"bake,omitempty"`     // waited after done, before the verification
	VerifyTimeout Duration        `json:"verifyTimeout"`      // an inconclusive verification fails after it
}

// ProvisionInput asks for a cluster like another one.
type ProvisionInput struct {
	Cluster        string      `json:"cluster"` // to create
	Like           string      `json:"like"`    // whose role, network and node groups it takes
	Version        Version     `json:"version"`
	NodeGroups     []NodeGroup `json:"nodeGroups"`
	Addons         []Addon     `json:"addons"` // with the versions to install
	Subnets        []string    `json:"subnets"`
	SecurityGroups []string    `json:"securityGroups,omitempty"`
	RoleARN        string      `json:"roleArn"`
}

// SyncInput asks to deliver the workloads of one cluster to another.
type SyncInput struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ShiftInput asks for new weights.
type ShiftInput struct {
	HostedZone string     `json:"hostedZone"`
	Record     string     `json:"record"`
	TTL        Duration   `json:"ttl"`
	Blue       string     `json:"blue"` // cluster names; they are the set identifiers too
	Green      string     `json:"green"`
	Service    ObjectName `json:"service"` // whose load balancer takes the traffic
	Weights    Weights    `json:"weights"`
	Steps      []Weights  `json:"steps"` // all steps of the plan, for the rule that none is skipped
	Safe       Side       `json:"safe"`  // where a jump may go
}

// SoakInput asks to wait and watch.
type SoakInput struct {
	For Duration `json:"for"`
}

// DecommissionInput asks to delete a cluster.
type DecommissionInput struct {
	Cluster    string `json:"cluster"`
	Side       Side   `json:"side"`
	HostedZone string `json:"hostedZone"` // where its weight must be 0, or its record absent
	Record     string `json:"record"`
}

// CriterionKind is a way to verify.
type CriterionKind string

// The criteria.
const (
	ClusterActive   CriterionKind = "clusterActive"   // EKS says ACTIVE, of the version, without health issues
	NodesReady      CriterionKind = "nodesReady"      // every node is Ready, and there is at least one
	WorkloadsReady  CriterionKind = "workloadsReady"  // every application has the replicas that it wants
	EndpointAnswers CriterionKind = "endpointAnswers" // the Service's load balancer answers HTTP below 500
	ErrorRate       CriterionKind = "errorRate"       // the share of failed requests over the window
	WeightsHold     CriterionKind = "weightsHold"     // Route 53 has the weights, in sync
	ClusterGone     CriterionKind = "clusterGone"     // EKS does not know the cluster
)

// Criterion is one thing to verify. Cluster is set for all but WeightsHold.
type Criterion struct {
	Kind         CriterionKind `json:"kind"`
	Cluster      string        `json:"cluster,omitempty"`
	Side         Side          `json:"side,omitempty"`
	Within       Duration      `json:"within,omitempty"`       // a fail earlier than this after the step was done is inconclusive: still settling
	Version      Version       `json:"version,omitzero"`       // ClusterActive
	Like         string        `json:"like,omitempty"`         // WorkloadsReady: every application of this cluster must be there too
	Service      ObjectName    `json:"service,omitzero"`       // EndpointAnswers, ErrorRate
	MaxErrorRate float64       `json:"maxErrorRate,omitempty"` // ErrorRate
	MinRequests  int           `json:"minRequests,omitempty"`  // ErrorRate
	Window       Duration      `json:"window,omitempty"`       // ErrorRate
	HostedZone   string        `json:"hostedZone,omitempty"`   // WeightsHold
	Record       string        `json:"record,omitempty"`       // WeightsHold
	Weights      Weights       `json:"weights,omitzero"`       // WeightsHold
	Blue         string        `json:"blue,omitempty"`         // WeightsHold: the set identifiers
	Green        string        `json:"green,omitempty"`
}

// Seal sets the hash of the plan.
func (p *Plan) Seal() error {
	hash, err := p.computeHash()
	if err != nil {
		return err
	}
	p.Hash = hash
	return nil
}

func (p Plan) computeHash() (string, error) {
	p.Hash = ""
	return HashJSON(p)
}

// Validate checks that the plan is whole and that its hash is its own.
func (p Plan) Validate() error {
	for i, s := range p.Steps {
		if err := s.validate(); err != nil {
			return under(fmt.Sprintf("steps[%d]", i), err)
		}
		if j := slices.IndexFunc(p.Steps, func(o Step) bool { return o.ID == s.ID }); j != i {
			return invalid(fmt.Sprintf("steps[%d].id", i), fmt.Sprintf("%q is also the id of step %d", s.ID, j), "give each step an id of its own")
		}
	}
	hash, err := p.computeHash()
	if err != nil {
		return err
	}
	if hash != p.Hash {
		return &Error{Code: CodePlanMismatch, Field: "hash", Message: "the plan is not what its hash says", Remedy: "start a new upgrade: a plan is never edited"}
	}
	return nil
}

func (s Step) validate() error {
	switch {
	case s.ID == "":
		return invalid("id", "is missing", "name the step")
	case len(s.Verify) == 0:
		return invalid("verify", "is empty", "a step that nothing verifies is never a success")
	case s.Timeout <= 0:
		return invalid("timeout", "is missing", "give a duration")
	case s.VerifyTimeout <= 0:
		return invalid("verifyTimeout", "is missing", "give a duration")
	}
	for i, r := range s.Rollback {
		if err := r.validate(); err != nil {
			return under(fmt.Sprintf("rollback[%d]", i), err)
		}
	}
	return oneOf("kind", s.Kind, StepVerify, StepProvision, StepSync, StepShift, StepSoak, StepDecommission)
}

// Step returns the step at index.
func (p Plan) Step(index int) (Step, error) {
	if index < 0 || index >= len(p.Steps) {
		return Step{}, invalid("index", fmt.Sprintf("%d is not a step of this plan of %d", index, len(p.Steps)), "give 0 to the number of steps less one")
	}
	return p.Steps[index], nil
}

// RollbackPlan returns the plan that undoes the steps of p that were started,
// the last one first, each rollback step once. When a point of no return was
// started nothing can be undone: closed is its id and the plan is zero.
func (p Plan) RollbackPlan(started map[string]bool, now time.Time) (plan Plan, closed string, err error) {
	plan = Plan{Upgrade: p.Upgrade, Cluster: p.Cluster, Green: p.Green, From: p.From, Target: p.Target,
		Strategy: p.Strategy, Mode: RollingBack, Assessment: p.Assessment, MadeAt: At(now), Steps: []Step{}}
	seen := map[string]bool{}
	for _, s := range slices.Backward(p.Steps) {
		if !started[s.ID] {
			continue
		}
		if s.NoReturn {
			return Plan{}, s.ID, nil
		}
		for _, r := range s.Rollback {
			if !seen[r.ID] {
				seen[r.ID] = true
				plan.Steps = append(plan.Steps, r)
			}
		}
	}
	return plan, "", plan.Seal()
}
