// Package deploy reads deploy.yaml: where the agent is deployed, what it may
// touch and what people want of it. The stack in infra is made from it, and the
// command line tool learns from it what there should be.
package deploy

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Settings are the content of deploy.yaml. Account, region, clusters, hosted
// zones and roles have no defaults: whoever deploys the agent says what it may
// change and delete, and its roles allow nothing else. The complete commented
// example is docs/deploy.example.yaml.
type Settings struct {
	Account string `mapstructure:"account"` // 12 digits
	Region  string `mapstructure:"region"`

	// Clusters are names of EKS clusters, green ones too; a * stands for any text.
	Clusters []string `mapstructure:"clusters"`
	// HostedZones are ids of the Route 53 hosted zones with the weighted records.
	HostedZones []string `mapstructure:"hostedZones"`
	// Roles are names, with their paths, of the IAM roles that the agent passes
	// to EKS for a green cluster: those of clusters, node groups and add-ons.
	Roles []string `mapstructure:"roles"`

	Tags                map[string]string `mapstructure:"tags"`                // on every resource
	Architecture        string            `mapstructure:"architecture"`        // Arm or X86; default Arm
	Proof               bool              `mapstructure:"proof"`               // the scan build has an API server to try manifests on: make puts it into the builds' source; default true
	ReservedConcurrency int               `mapstructure:"reservedConcurrency"` // of each function; 0: none is reserved; default 5
	VPC                 VPC               `mapstructure:"vpc"`                 // empty: outside of any VPC
	LogRetentionDays    int               `mapstructure:"logRetentionDays"`    // default 180
	ArtifactDays        int               `mapstructure:"artifactDays"`        // how long snapshots, plans and reports stay; 0: for ever; default 0
	NoncurrentDays      int               `mapstructure:"noncurrentDays"`      // how long overwritten versions of them stay; default 90
	AccountLogging      bool              `mapstructure:"accountLogging"`      // the stack sets the role by which API Gateway writes logs, one an account and region; default true

	AlertEmails   []string   `mapstructure:"alertEmails"`
	Approvals     Approvals  `mapstructure:"approvals"`
	Schedules     []Schedule `mapstructure:"schedules"`
	EndOfSupport  []Support  `mapstructure:"endOfSupport"`
	Budget        Budget     `mapstructure:"budget"`
	Dashboard     bool       `mapstructure:"dashboard"`     // default true
	StuckHours    int        `mapstructure:"stuckHours"`    // an execution in which nothing happens for so long raises an alarm; default 48
	AccessEntries []string   `mapstructure:"accessEntries"` // clusters that exist, in which the stack makes the agent's access entries
	Spokes        []Spoke    `mapstructure:"spokes"`        // other accounts with clusters

	// Config are settings of the agent itself, by their keys in
	// docs/config.example.yaml; the stack stores them in Parameter Store. Secrets
	// have no place here: `eks-upgrade config push` stores them encrypted.
	Config map[string]any `mapstructure:"config"`
}

// Architectures of functions and builds.
const (
	Arm = "arm64"
	X86 = "x86_64"
)

// VPC is where the functions and builds have their network interfaces, for
// clusters whose API server has a private endpoint only.
type VPC struct {
	ID             string   `mapstructure:"id"`
	Subnets        []string `mapstructure:"subnets"`        // private ones, with the ways out that the example names
	SecurityGroups []string `mapstructure:"securityGroups"` // empty: the stack makes one of its own
	Egress         []string `mapstructure:"egress"`         // CIDR blocks that its own group lets HTTPS out to
	PrefixLists    []string `mapstructure:"prefixLists"`    // ids of prefix lists likewise: those of the S3 and DynamoDB gateway endpoints
}

// Inside reports whether there is a VPC.
func (v VPC) Inside() bool { return v.ID != "" }

// Approvals say who may call the approval API.
type Approvals struct {
	OIDC OIDC `mapstructure:"oidc"` // empty: who may execute-api:Invoke, by IAM
}

// OIDC is an issuer of tokens that say who somebody is.
type OIDC struct {
	Issuer   string   `mapstructure:"issuer"`   // https address
	Audience []string `mapstructure:"audience"` // the client ids
}

// Given reports whether tokens of an issuer are asked for.
func (o OIDC) Given() bool { return o.Issuer != "" }

// Schedule starts an upgrade at a time, or again and again.
type Schedule struct {
	Name          string         `mapstructure:"name"`
	Expression    string         `mapstructure:"expression"`    // "at(2026-12-05T01:00:00)", "cron(0 1 ? * SAT#1 *)", "rate(30 days)"
	Timezone      string         `mapstructure:"timezone"`      // IANA name; default UTC
	WindowMinutes int            `mapstructure:"windowMinutes"` // it starts within so long after the time; 0: at the time; default 15
	Enabled       bool           `mapstructure:"enabled"`       // default true
	Request       map[string]any `mapstructure:"request"`       // as in the body of start: docs/deploy.md

	upgrade upgrade.Request
}

// Upgrade returns the request with its defaults set.
func (s Schedule) Upgrade() upgrade.Request { return s.upgrade }

// Support says what happens when AWS Health announces that the version of a
// cluster leaves standard support. People are told in any case.
type Support struct {
	Cluster string         `mapstructure:"cluster"`
	Request map[string]any `mapstructure:"request"` // an upgrade starts with it

	upgrade upgrade.Request
}

// Upgrade returns the request with its defaults set.
func (s Support) Upgrade() upgrade.Request { return s.upgrade }

// Budget limits what the models may cost.
type Budget struct {
	MonthlyUSD float64 `mapstructure:"monthlyUSD"` // alarms at 80 and 100 % of it; 0: there is no budget
}

// Spoke is another account with clusters that the agent in the hub's account
// upgrades.
type Spoke struct {
	Account     string   `mapstructure:"account"`
	Region      string   `mapstructure:"region"`     // default that of the hub
	ExternalID  string   `mapstructure:"externalId"` // part of the trust between the accounts
	Clusters    []string `mapstructure:"clusters"`
	HostedZones []string `mapstructure:"hostedZones"`
	Roles       []string `mapstructure:"roles"`
}

// Names returns what the permissions of the agent are written with.
func (s Settings) Names(partition string) access.Names {
	n := access.Names{Partition: partition, Account: s.Account, Region: s.Region, Clusters: s.Clusters, HostedZones: s.HostedZones, Roles: s.Roles, VPC: s.VPC.Inside()}
	for _, spoke := range s.Spokes {
		if !slices.Contains(n.Spokes, spoke.Account) {
			n.Spokes = append(n.Spokes, spoke.Account)
		}
	}
	return n
}

func defaults() map[string]any {
	return map[string]any{
		"architecture": Arm, "proof": true, "reservedConcurrency": 5, "logRetentionDays": 180, "noncurrentDays": 90, "accountLogging": true, "dashboard": true, "stuckHours": 48,
	}
}

// Names returns what the permissions in the spoke are written with.
func (s Spoke) Names(partition string) access.Names {
	return access.Names{Partition: partition, Account: s.Account, Region: s.Region, Clusters: s.Clusters, HostedZones: s.HostedZones, Roles: s.Roles}
}
