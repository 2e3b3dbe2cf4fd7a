package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Request is what a person or a schedule asks for. Fields left out take the
// defaults of WithDefaults.
type Request struct {
	Cluster  string   `json:"cluster"`            // name of the EKS cluster, blue
	Target   Version  `json:"target"`             // version to reach
	Strategy Strategy `json:"strategy,omitempty"` // default blueGreen
	Green    string   `json:"green,omitempty"`    // name of the new cluster; default <cluster>-green

	Traffic  Traffic  `json:"traffic"`
	Approval Approval `json:"approval,omitzero"`

	Soak         Duration     `json:"soak,omitempty"`         // at 100 % green before blue goes; default 1h
	Decommission Decommission `json:"decommission,omitempty"` // default destroy
}

// Traffic says how users reach the cluster and how they are moved.
type Traffic struct {
	HostedZone   string     `json:"hostedZone"`             // Route 53 hosted zone id
	Record       string     `json:"record"`                 // DNS name of the weighted record sets
	Service      ObjectName `json:"service"`                // Service of type LoadBalancer that takes the traffic, in both clusters
	Steps        []int      `json:"steps,omitempty"`        // green's percentages in order, the last 100; default 10, 25, 50, 75, 100
	Bake         Duration   `json:"bake,omitempty"`         // observed after each step; default 10m
	TTL          Duration   `json:"ttl,omitempty"`          // of the record sets; default 60s
	MaxErrorRate float64    `json:"maxErrorRate,omitempty"` // share of failed requests that a bake tolerates; default 0.01
	MinRequests  int        `json:"minRequests,omitempty"`  // fewer requests than this are no evidence; default 20
}

// ObjectName names a namespaced Kubernetes object, "namespace/name" in JSON.
type ObjectName struct{ Namespace, Name string }

// Approval says who must agree before anything changes.
type Approval struct {
	Mode    ApprovalMode `json:"mode,omitempty"`    // default required
	Timeout Duration     `json:"timeout,omitempty"` // after which the upgrade ends without a change; default 24h
}

// ApprovalMode is when a person is asked.
type ApprovalMode string

// The approval modes.
const (
	ApprovalRequired   ApprovalMode = "required"   // always ask
	ApprovalOnFindings ApprovalMode = "onFindings" // ask when the assessment says goWithApproval
)

// Decommission says what becomes of blue at the end.
type Decommission string

// What can become of blue.
const (
	DestroyBlue Decommission = "destroy"
	KeepBlue    Decommission = "keep"
)

var (
	clusterPattern = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`) // EKS API reference, CreateCluster name
	zonePattern    = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	dnsPattern     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	objectPattern  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// WithDefaults returns the request with every optional field set.
func (r Request) WithDefaults() Request {
	set(&r.Strategy, BlueGreen)
	if r.Cluster != "" {
		set(&r.Green, r.Cluster+"-green")
	}
	set(&r.Soak, Duration(time.Hour))
	set(&r.Decommission, DestroyBlue)
	set(&r.Approval.Mode, ApprovalRequired)
	set(&r.Approval.Timeout, Duration(24*time.Hour))
	set(&r.Traffic.Bake, Duration(10*time.Minute))
	set(&r.Traffic.TTL, Duration(time.Minute))
	set(&r.Traffic.MaxErrorRate, 0.01)
	set(&r.Traffic.MinRequests, 20)
	if len(r.Traffic.Steps) == 0 {
		r.Traffic.Steps = []int{10, 25, 50, 75, 100}
	}
	return r
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate checks every field and names the first that is wrong. It expects
// the defaults to be set.
func (r Request) Validate() error {
	switch {
	case !clusterPattern.MatchString(r.Cluster):
		return invalid("cluster", fmt.Sprintf("%q is not an EKS cluster name", r.Cluster), "give 1 to 100 letters, digits, hyphens or underscores, beginning with a letter or digit")
	case !clusterPattern.MatchString(r.Green):
		return invalid("green", fmt.Sprintf("%q is not an EKS cluster name", r.Green), "give 1 to 100 letters, digits, hyphens or underscores, beginning with a letter or digit")
	case r.Green == r.Cluster:
		return invalid("green", "the new cluster has the name of the old one", "give it another name or leave the field out")
	case r.Target == (Version{}):
		return invalid("target", "the version to reach is missing", `give it as "1.35"`)
	case r.Soak < 0:
		return invalid("soak", "is negative", "give a duration of 0s or more")
	}
	if err := oneOf("strategy", r.Strategy, BlueGreen); err != nil {
		return err
	}
	if err := oneOf("decommission", r.Decommission, DestroyBlue, KeepBlue); err != nil {
		return err
	}
	if err := oneOf("approval.mode", r.Approval.Mode, ApprovalRequired, ApprovalOnFindings); err != nil {
		return err
	}
	if r.Approval.Timeout.D() < time.Minute || r.Approval.Timeout.D() > 14*24*time.Hour {
		return invalid("approval.timeout", fmt.Sprintf("%s is out of range", r.Approval.Timeout), "give 1m to 336h")
	}
	if err := r.Traffic.validate(); err != nil {
		return under("traffic", err)
	}
	return r.validateLength()
}

// MaxWaiting is how long an upgrade may wait by request. The state machine ends
// an execution after 30 days without another word; the rest is for the work.
const MaxWaiting = 28 * 24 * time.Hour

func (r Request) validateLength() error {
	bakes := r.Traffic.Bake.D() * time.Duration(len(r.Traffic.Steps))
	if left := MaxWaiting - bakes - r.Approval.Timeout.D(); r.Soak.D() > left {
		return invalid("soak", fmt.Sprintf("%s, with %s of bakes and %s for the approval, is longer than an upgrade may wait", r.Soak, bakes, r.Approval.Timeout),
			fmt.Sprintf("shorten soak, traffic.bake or approval.timeout to %s together", MaxWaiting))
	}
	return nil
}

func (t Traffic) validate() error {
	switch {
	case !zonePattern.MatchString(t.HostedZone):
		return invalid("hostedZone", fmt.Sprintf("%q is not a Route 53 hosted zone id", t.HostedZone), `give the id as "Z0123456789ABC"`)
	case !dnsPattern.MatchString(strings.TrimSuffix(t.Record, ".")):
		return invalid("record", fmt.Sprintf("%q is not a DNS name", t.Record), `give a name such as "shop.example.com"`)
	case t.Service.Namespace == "" || t.Service.Name == "":
		return invalid("service", "the Service that takes the traffic is missing", `give it as "namespace/name"`)
	case t.Bake.D() < time.Minute || t.Bake.D() > 7*24*time.Hour:
		return invalid("bake", fmt.Sprintf("%s is out of range", t.Bake), "give 1m to 168h: metrics have a resolution of one minute")
	case t.TTL.D() < time.Second || t.TTL.D() > time.Hour:
		return invalid("ttl", fmt.Sprintf("%s is out of range", t.TTL), "give 1s to 1h: clients keep the old answer for as long")
	case t.MaxErrorRate < 0 || t.MaxErrorRate >= 1:
		return invalid("maxErrorRate", fmt.Sprintf("%v is out of range", t.MaxErrorRate), "give a share from 0 to below 1")
	case t.MinRequests < 1:
		return invalid("minRequests", fmt.Sprintf("%d is out of range", t.MinRequests), "give 1 or more: no request is no evidence")
	}
	previous := 0
	for i, step := range t.Steps {
		if step <= previous || step > 100 {
			return invalid(fmt.Sprintf("steps[%d]", i), fmt.Sprintf("%d does not continue the rise from %d", step, previous), "give rising percentages that end with 100")
		}
		previous = step
	}
	if previous != 100 {
		return invalid("steps", "the last step is not 100", "give rising percentages that end with 100")
	}
	return nil
}

// Weights returns the steps as weights of both sides.
func (t Traffic) Weights() []Weights {
	ws := make([]Weights, len(t.Steps))
	for i, green := range t.Steps {
		ws[i] = Weights{Blue: 100 - green, Green: green}
	}
	return ws
}

// String returns "namespace/name".
func (n ObjectName) String() string { return n.Namespace + "/" + n.Name }

// MarshalText implements encoding.TextMarshaler.
func (n ObjectName) MarshalText() ([]byte, error) {
	if n == (ObjectName{}) {
		return []byte{}, nil
	}
	return []byte(n.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *ObjectName) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = ObjectName{}
		return nil
	}
	parts := strings.Split(string(text), "/")
	if len(parts) != 2 || slices.ContainsFunc(parts, func(s string) bool { return !objectPattern.MatchString(s) }) {
		return invalid("", fmt.Sprintf("%q does not name an object", text), `write it as "namespace/name"`)
	}
	n.Namespace, n.Name = parts[0], parts[1]
	return nil
}

// DecodeRequest decodes a request strictly, sets the defaults and validates.
func DecodeRequest(data []byte) (Request, error) {
	r, err := Decode[rawRequest](data)
	if err != nil {
		return Request{}, err
	}
	request := Request(r).WithDefaults()
	return request, request.Validate()
}

// rawRequest has no Validate: defaults come first.
type rawRequest Request
