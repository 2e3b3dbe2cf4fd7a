// Package config is the agent's configuration. Each layer overrides the one
// before it: defaults, a YAML file, parameters of Systems Manager, the
// environment, and at last the request of an upgrade, which the settings below
// upgrade and traffic are the defaults of. Unknown names are refused in every
// layer: a misspelled setting must not silently leave the default in force.
package config

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Config is the whole configuration. Its keys, with their defaults and what is
// valid, stand in Settings.
type Config struct {
	Bucket       string // S3 bucket of snapshots, plans and reports
	Tables       Tables
	Events       Events
	Approval     Approval
	Stream       Stream
	Notification Notification
	Security     Security
	Logging      Logging
	Upgrade      Upgrade
	Traffic      Traffic
	Verify       Verify
	Kubernetes   Kubernetes
	Terraform    Terraform
	Metrics      Metrics
	ReleaseNotes ReleaseNotes
	Rules        Rules

	origins map[string]string
	notices []Notice
}

// Tables are the names of the DynamoDB tables.
type Tables struct{ Leases, Records, Approvals, Connections string }

// Events says where the agent publishes its progress.
type Events struct{ Bus string } // name of the EventBridge bus; empty: nowhere

// Approval says how people answer.
type Approval struct{ URL string } // of the approval API; empty: messages tell the way by the command line only

// Stream says how progress reaches those who listen.
type Stream struct{ URL string } // callback URL of the WebSocket API (@connections); empty: there is none

// Notification says whom the agent tells.
type Notification struct {
	Topic   string // ARN of the SNS topic for people
	Webhook Secret // https URL that takes {"text": ...}; empty: none
}

// Security says who may approve, and what logs must not show.
type Security struct {
	Approvers []string // ARN patterns of IAM identities, OIDC subjects or e-mail addresses, "*" for any characters; empty: who the API lets in
	Redact    []string // regular expressions (RE2) of further secrets
}

// Logging says what is logged and how.
type Logging struct{ Level, Format string }

// Upgrade holds the defaults of requests.
type Upgrade struct {
	Soak         upgrade.Duration
	Decommission upgrade.Decommission
	Approval     upgrade.Approval
}

// Traffic holds the defaults of requests.
type Traffic struct {
	Steps        []int
	Bake         upgrade.Duration
	TTL          upgrade.Duration
	MaxErrorRate float64
	MinRequests  int
}

// Verify says how clusters are verified.
type Verify struct {
	HealthMaxAge upgrade.Duration // an older verdict on a cluster is stale
	Patience     upgrade.Duration // how long a cluster may be not healthy before a step fails
	ProbeTimeout upgrade.Duration // how long an endpoint may take to answer
}

// Kubernetes says how API servers are used.
type Kubernetes struct {
	QPS, Burst     int              // requests a second of one client; more for a moment
	RequestTimeout upgrade.Duration // of one request
	Parallelism    int              // objects that are delivered at a time
	Slice          upgrade.Duration // how long one call delivers workloads
}

// Terraform says how green clusters are made.
type Terraform struct {
	Project string           // CodeBuild project
	Timeout upgrade.Duration // of its build, and of the step
}

// Metrics says where the numbers of requests and errors are.
type Metrics struct {
	Namespace string           // of CloudWatch
	Period    upgrade.Duration // their resolution
	MaxLag    upgrade.Duration // older data say nothing about now
}

// Rules says what the users know better than the agent.
type Rules struct{ Key string } // of the rules file in the bucket; empty: there is none

// ReleaseNotes says where the release notes of Kubernetes and EKS are. With the
// URL Bundled none are fetched.
type ReleaseNotes struct {
	URL     string // folder of the Kubernetes changelogs
	EKSURL  string // folder of the EKS user guide
	Token   Secret // bearer token for it; empty: none
	Timeout upgrade.Duration
}

// Bundled is the URL of the release notes that come with the agent, for
// networks without a way out.
const Bundled = "bundled"

// Secret is a text that is not shown: every way to print it prints Hidden.
type Secret string

// Hidden is shown instead of a secret.
const Hidden = "(secret)"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer. It does not reveal.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Hidden
}

// GoString implements fmt.GoStringer. It does not reveal.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler. It does not reveal.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Notice is something that is not wrong, but should not stay as it is.
type Notice struct {
	Key     string `json:"key"`
	Origin  string `json:"origin"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// Origin says where the value of a key comes from: "default", "file
// <path>:<line>", "parameter <name>" or "environment <variable>". It is "" for
// an unknown key and for one that nothing sets.
func (c Config) Origin(key string) string { return c.origins[key] }

// Notices returns what is not wrong but should change, in the order of keys.
func (c Config) Notices() []Notice { return c.notices }

// Requests returns the defaults of requests.
func (c Config) Requests() upgrade.Defaults {
	return upgrade.Defaults{Soak: c.Upgrade.Soak, Decommission: c.Upgrade.Decommission, Approval: c.Upgrade.Approval,
		Steps: c.Traffic.Steps, Bake: c.Traffic.Bake, TTL: c.Traffic.TTL, MaxErrorRate: c.Traffic.MaxErrorRate, MinRequests: c.Traffic.MinRequests}
}
