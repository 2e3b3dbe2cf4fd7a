package upgrade

// NodeGroup is a managed node group.
type NodeGroup struct {
	Name           string            `json:"name"`
	Version        Version           `json:"version"` // zero: the launch template names the image
	Status         string            `json:"status"`
	ReleaseVersion string            `json:"releaseVersion,omitempty"` // of the image: "1.34.2-20260701"
	AMIType        string            `json:"amiType,omitempty"`        // as EKS spells it: AL2023_x86_64_STANDARD, CUSTOM ...
	CapacityType   string            `json:"capacityType,omitempty"`   // ON_DEMAND, SPOT, CAPACITY_BLOCK
	InstanceTypes  []string          `json:"instanceTypes,omitempty"`
	DiskGiB        int               `json:"diskGiB,omitempty"` // 0: the launch template says
	RoleARN        string            `json:"roleArn,omitempty"`
	Subnets        []string          `json:"subnets,omitempty"`
	Min            int               `json:"min"`
	Max            int               `json:"max"`
	Desired        int               `json:"desired"`
	Update         NodeUpdate        `json:"update,omitzero"`
	Template       *TemplateUse      `json:"template,omitempty"` // nil: EKS's own
	ScalingGroups  []string          `json:"autoScalingGroups,omitempty"`
	WarmPool       bool              `json:"warmPool,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Taints         []Taint           `json:"taints,omitempty"`
	Health         []HealthIssue     `json:"health,omitempty"`
}

// NodeUpdate is how many nodes of a group an update takes at once: a number or
// a share.
type NodeUpdate struct {
	MaxUnavailable        int    `json:"maxUnavailable,omitempty"`
	MaxUnavailablePercent int    `json:"maxUnavailablePercent,omitempty"`
	Strategy              string `json:"strategy,omitempty"` // DEFAULT, MINIMAL
}

// Taint of the nodes of a group, as EKS spells the effect: NO_SCHEDULE.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// TemplateUse names a version of a launch template.
type TemplateUse struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version"` // "3", "$Latest", "$Default"; empty: $Default
}

// AutoScalingGroup with the cluster's tags: of a managed node group, or of nodes
// that the cluster's people manage themselves.
type AutoScalingGroup struct {
	Name                string       `json:"name"`
	NodeGroup           string       `json:"nodeGroup,omitempty"` // managed; empty: self-managed
	Min                 int          `json:"min"`
	Max                 int          `json:"max"`
	Desired             int          `json:"desired"`
	InstanceTypes       []string     `json:"instanceTypes,omitempty"` // of a mixed instances policy
	Subnets             []string     `json:"subnets,omitempty"`
	Template            *TemplateUse `json:"template,omitempty"`
	LaunchConfiguration string       `json:"launchConfiguration,omitempty"`
	Image               string       `json:"image,omitempty"`     // of the launch configuration
	Node                NodeConfig   `json:"node,omitzero"`       // of the launch configuration
	Suspended           []string     `json:"suspended,omitempty"` // processes of it that are suspended: "Launch"
	WarmPool            bool         `json:"warmPool,omitempty"`
	Outdated            int          `json:"outdated,omitempty"`  // instances of another template, template version or configuration than the group's
	Unhealthy           int          `json:"unhealthy,omitempty"` // instances that Auto Scaling calls unhealthy
}

// LaunchTemplate that a group of the cluster uses.
type LaunchTemplate struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Default  int64             `json:"default"`
	Latest   int64             `json:"latest"`
	Versions []TemplateVersion `json:"versions"`       // those in use, the default and the latest
	Gone     bool              `json:"gone,omitempty"` // EC2 does not know it (any more)
}

// TemplateVersion is a version of a launch template. Its user data is read for
// Node and not kept.
type TemplateVersion struct {
	Number       int64      `json:"number"`
	CreatedAt    Time       `json:"createdAt,omitzero"`
	Image        string     `json:"image,omitempty"` // "ami-0123", or a parameter: "resolve:ssm:..."; empty: EKS chooses
	InstanceType string     `json:"instanceType,omitempty"`
	Disks        []Disk     `json:"disks,omitempty"`
	UserData     bool       `json:"userData,omitempty"` // it has some
	Node         NodeConfig `json:"node,omitzero"`
}

// Disk that each instance gets.
type Disk struct {
	Type string `json:"type,omitempty"` // gp2, gp3 ...; empty: as the image says
	GiB  int    `json:"giB,omitempty"`  // 0: as the image says
}

// Instance of EC2 that is a node of the cluster; the short JSON names are for
// thousands of them.
type Instance struct {
	ID           string      `json:"id"`
	Type         string      `json:"t"`
	VCPUs        int         `json:"c,omitempty"`
	Zone         string      `json:"z,omitempty"`
	Subnet       string      `json:"n,omitempty"`
	Image        string      `json:"i,omitempty"`
	Spot         bool        `json:"s,omitempty"`
	Provisioner  Provisioner `json:"p"`
	Group        string      `json:"g,omitempty"` // node group, NodePool or Auto Scaling group
	Template     string      `json:"l,omitempty"` // id of the launch template
	TemplateUsed string      `json:"v,omitempty"` // its version
	LaunchedAt   Time        `json:"a,omitzero"`
}

// InstanceType of EC2.
type InstanceType struct {
	Name          string   `json:"name"`
	VCPUs         int      `json:"vcpus"`
	MemoryMiB     int64    `json:"memoryMiB"`
	Architectures []string `json:"architectures,omitempty"`
	Interfaces    int      `json:"interfaces,omitempty"`            // network interfaces that it can have
	Addresses     int      `json:"addressesPerInterface,omitempty"` // IPv4
}

// Image of EC2.
type Image struct {
	ID           string  `json:"id"`
	Name         string  `json:"name,omitempty"`
	Owner        string  `json:"owner,omitempty"`        // account, or alias: "amazon"
	Architecture string  `json:"architecture,omitempty"` // x86_64, arm64
	Family       string  `json:"family,omitempty"`       // AL2, AL2023, Bottlerocket, Windows, as the name of an EKS image says; empty: another
	Version      Version `json:"version,omitzero"`       // of Kubernetes, likewise
	CreatedAt    Time    `json:"createdAt,omitzero"`
	DeprecatedAt Time    `json:"deprecatedAt,omitzero"`
	Gone         bool    `json:"gone,omitempty"` // EC2 does not know it (any more), or it is not shared with this account
}
