package upgrade

// ClusterState is the cluster as EKS and EC2 describe it. A list that is nil
// could not be seen; NotChecked says why. One that is empty was seen to be so.
type ClusterState struct {
	Name            string             `json:"name"`
	ARN             string             `json:"arn"`
	Version         Version            `json:"version"`
	PlatformVersion string             `json:"platformVersion,omitempty"`
	Status          string             `json:"status"` // as EKS spells it: ACTIVE, UPDATING ...
	RoleARN         string             `json:"roleArn"`
	VPC             string             `json:"vpc,omitempty"`
	SecurityGroups  []string           `json:"securityGroups,omitempty"`
	Subnets         []Subnet           `json:"subnets"`
	Health          []HealthIssue      `json:"health,omitempty"`
	NodeGroups      []NodeGroup        `json:"nodeGroups"`
	Addons          []Addon            `json:"addons"`
	Insights        []Insight          `json:"insights"`
	Available       []AvailableVersion `json:"available"` // versions that EKS offers
	Tags            map[string]string  `json:"tags,omitempty"`
}

// AvailableVersion is a version that EKS offers.
type AvailableVersion struct {
	Version       Version `json:"version"`
	Status        string  `json:"status"` // STANDARD_SUPPORT, EXTENDED_SUPPORT, UNSUPPORTED
	EndOfStandard Time    `json:"endOfStandard,omitzero"`
	EndOfExtended Time    `json:"endOfExtended,omitzero"`
}

// Subnet of a cluster.
type Subnet struct {
	ID      string `json:"id"`
	Zone    string `json:"zone"`
	FreeIPs int    `json:"freeIps"`
}

// HealthIssue as EKS reports it of a cluster, node group or add-on.
type HealthIssue struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Resources []string `json:"resources,omitempty"`
}

// NodeGroup is a managed node group.
type NodeGroup struct {
	Name          string            `json:"name"`
	Version       Version           `json:"version"`
	Status        string            `json:"status"`
	AMIType       string            `json:"amiType,omitempty"`
	CapacityType  string            `json:"capacityType,omitempty"`
	InstanceTypes []string          `json:"instanceTypes,omitempty"`
	RoleARN       string            `json:"roleArn,omitempty"`
	Subnets       []string          `json:"subnets,omitempty"`
	Min           int               `json:"min"`
	Max           int               `json:"max"`
	Desired       int               `json:"desired"`
	Labels        map[string]string `json:"labels,omitempty"`
	Taints        []Taint           `json:"taints,omitempty"`
	Health        []HealthIssue     `json:"health,omitempty"`
}

// Taint of the nodes of a group, as EKS spells the effect: NO_SCHEDULE.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// Addon is an EKS add-on.
type Addon struct {
	Name          string                 `json:"name"`
	Version       string                 `json:"version"`
	Status        string                 `json:"status"`
	RoleARN       string                 `json:"roleArn,omitempty"`
	Configuration string                 `json:"configuration,omitempty"` // configuration values, as given to EKS
	Health        []HealthIssue          `json:"health,omitempty"`
	Compatible    map[string]AddonChoice `json:"compatible,omitempty"` // by Kubernetes version: what EKS offers there
}

// AddonChoice is what EKS offers of an add-on for one Kubernetes version.
type AddonChoice struct {
	Default  string   `json:"default"`
	Versions []string `json:"versions"` // newest first
}

// Insight of EKS, category UPGRADE_READINESS.
type Insight struct {
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	Category       string  `json:"category"`
	Version        Version `json:"version"`
	Status         string  `json:"status"` // PASSING, WARNING, ERROR, UNKNOWN
	Reason         string  `json:"reason,omitempty"`
	Recommendation string  `json:"recommendation,omitempty"`
	RefreshedAt    Time    `json:"refreshedAt"`
}
