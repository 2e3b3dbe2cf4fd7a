package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Request is what a person or a schedule asks for. Fields left out take
// Defaults.
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

// WithDefaults returns the request with every optional field set, to the
// standard defaults.
func (r Request) WithDefaults() Request { return r.With(StandardDefaults()) }

// With returns the request with every optional field set.
func (r Request) With(d Defaults) Request {
	set(&r.Strategy, BlueGreen)
	if r.Cluster != "" {
		set(&r.Green, r.Cluster+"-green")
	}
	set(&r.Soak, d.Soak)
	set(&r.Decommission, d.Decommission)
	set(&r.Approval.Mode, d.Approval.Mode)
	set(&r.Approval.Timeout, d.Approval.Timeout)
	set(&r.Traffic.Bake, d.Bake)
	set(&r.Traffic.TTL, d.TTL)
	set(&r.Traffic.MaxErrorRate, d.MaxErrorRate)
	set(&r.Traffic.MinRequests, d.MinRequests)
	if len(r.Traffic.Steps) == 0 {
		r.Traffic.Steps = slices.Clone(d.Steps)
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
	if err := CheckCluster("cluster", r.Cluster); err != nil {
		return err
	}
	if err := CheckCluster("green", r.Green); err != nil {
		return err
	}
	switch {
	case r.Green == r.Cluster:
		return invalid("green", "the new cluster has the name of the old one", "give it another name or leave the field out")
	case r.Target == (Version{}):
		return invalid("target", "the version to reach is missing", `give it as "1.35"`)
	}
	if err := oneOf("strategy", r.Strategy, BlueGreen); err != nil {
		return err
	}
	if err := r.Defaults().Validate(); err != nil {
		return err
	}
	if err := r.Traffic.validate(); err != nil {
		return under("traffic", err)
	}
	return nil
}

// CheckCluster checks the name of an EKS cluster; the error names the field.
func CheckCluster(field, name string) error {
	if clusterPattern.MatchString(name) {
		return nil
	}
	return invalid(field, fmt.Sprintf("%q is not an EKS cluster name", name), "give 1 to 100 letters, digits, hyphens or underscores, beginning with a letter or digit")
}

func (t Traffic) validate() error {
	switch {
	case !zonePattern.MatchString(t.HostedZone):
		return invalid("hostedZone", fmt.Sprintf("%q is not a Route 53 hosted zone id", t.HostedZone), `give the id as "Z0123456789ABC"`)
	case !dnsPattern.MatchString(strings.TrimSuffix(t.Record, ".")):
		return invalid("record", fmt.Sprintf("%q is not a DNS name", t.Record), `give a name such as "shop.example.com"`)
	case t.Service.Namespace == "" || t.Service.Name == "":
		return invalid("service", "the Service that takes the traffic is missing", `give it as "namespace/name"`)
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

// DecodeRequest decodes a request strictly, sets the standard defaults and
// validates.
func DecodeRequest(data []byte) (Request, error) { return StandardDefaults().DecodeRequest(data) }

// DecodeRequest decodes a request strictly, sets these defaults and validates.
func (d Defaults) DecodeRequest(data []byte) (Request, error) {
	r, err := Decode[rawRequest](data)
	if err != nil {
		return Request{}, err
	}
	request := Request(r).With(d)
	return request, request.Validate()
}

// rawRequest has no Validate: defaults come first.
type rawRequest Request
