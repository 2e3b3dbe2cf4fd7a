package upgrade

// ClusterState is the cluster as EKS and EC2 describe it. A list that is nil
// could not be seen; NotChecked says why. One that is empty was seen to be so.
type ClusterState struct {
	Name               string             `json:"name"`
	ARN                string             `json:"arn"`
	Version            Version            `json:"version"`
	PlatformVersion    string             `json:"platformVersion,omitempty"`
	Status             string             `json:"status"` // as EKS spells it: ACTIVE, UPDATING ...
	CreatedAt          Time               `json:"createdAt,omitzero"`
	RoleARN            string             `json:"roleArn"`
	VPC                string             `json:"vpc,omitempty"`
	SecurityGroups     []string           `json:"securityGroups,omitempty"`
	Endpoint           EndpointAccess     `json:"endpoint,omitzero"`
	AuthenticationMode string             `json:"authenticationMode,omitempty"` // API, API_AND_CONFIG_MAP, CONFIG_MAP
	SupportType        string             `json:"supportType,omitempty"`        // STANDARD: EKS upgrades the cluster when standard support ends; EXTENDED: it goes on, for a price
	AutoMode           *AutoMode          `json:"autoMode,omitempty"`           // nil: not enabled
	Logging            []string           `json:"logging,omitempty"`            // kinds of control plane logs that are on
	EncryptionKeys     []string           `json:"encryptionKeys,omitempty"`     // ARNs of KMS keys that encrypt secrets
	OIDCIssuer         string             `json:"oidcIssuer,omitempty"`
	IPFamily           string             `json:"ipFamily,omitempty"` // ipv4, ipv6
	ServiceCIDR        string             `json:"serviceCidr,omitempty"`
	DeletionProtection bool               `json:"deletionProtection,omitempty"`
	Subnets            []Subnet           `json:"subnets"` // of the control plane
	Health             []HealthIssue      `json:"health,omitempty"`
	NodeGroups         []NodeGroup        `json:"nodeGroups"`
	ScalingGroups      []AutoScalingGroup `json:"autoScalingGroups"`
	LaunchTemplates    []LaunchTemplate   `json:"launchTemplates"`
	Instances          []Instance         `json:"instances"` // that run, of this cluster
	Images             []Image            `json:"images"`    // of the instances and launch templates
	FargateProfiles    []FargateProfile   `json:"fargateProfiles"`
	NodeSubnets        []Subnet           `json:"nodeSubnets"`          // of node groups, Auto Scaling groups, instances and Fargate profiles
	PodNetwork         *PodNetwork        `json:"podNetwork,omitempty"` // nil: not seen
	InstanceTypes      []InstanceType     `json:"instanceTypes"`        // of the groups and instances
	Quotas             []Quota            `json:"quotas"`
	Addons             []Addon            `json:"addons"`
	Insights           []Insight          `json:"insights"`
	InsightsRefresh    *InsightsRefresh   `json:"insightsRefresh,omitempty"` // the refresh that was asked for before looking; nil: none was
	Available          []AvailableVersion `json:"available"`                 // versions that EKS offers
	Tags               map[string]string  `json:"tags,omitempty"`
	Surroundings       *Surroundings      `json:"surroundings"` // what it shares and what its workloads use outside; nil: not seen
}

// EndpointAccess says from where the API server can be reached.
type EndpointAccess struct {
	Public      bool     `json:"public"`
	Private     bool     `json:"private"`
	PublicCIDRs []string `json:"publicCidrs,omitempty"`
}

// AutoMode is EKS Auto Mode.
type AutoMode struct {
	NodePools []string `json:"nodePools,omitempty"` // of EKS's own: general-purpose, system
}

// AvailableVersion is a version that EKS offers.
type AvailableVersion struct {
	Version       Version `json:"version"`
	Status        string  `json:"status"` // STANDARD_SUPPORT, EXTENDED_SUPPORT, UNSUPPORTED
	Default       bool    `json:"default,omitempty"`
	Patch         string  `json:"patch,omitempty"` // of Kubernetes: "1.34.2"
	Released      Time    `json:"released,omitzero"`
	EndOfStandard Time    `json:"endOfStandard,omitzero"`
	EndOfExtended Time    `json:"endOfExtended,omitzero"`
}

// Subnet of a cluster.
type Subnet struct {
	ID      string `json:"id"`
	Zone    string `json:"zone"`
	FreeIPs int    `json:"freeIps"`
}

// PodNetwork is from where pods get their addresses, as the add-on vpc-cni is
// configured, or else as the nodes' network interfaces show.
type PodNetwork struct {
	PrefixDelegation bool     `json:"prefixDelegation,omitempty"` // nodes take blocks of 16 addresses
	CustomNetworking bool     `json:"customNetworking,omitempty"` // pods have subnets of their own, by ENIConfig
	Subnets          []Subnet `json:"subnets,omitempty"`          // of pods, beside those of their nodes; with custom networking instead of them
}

// HealthIssue as EKS reports it of a cluster, node group or add-on.
type HealthIssue struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Resources []string `json:"resources,omitempty"`
}

// FargateProfile of a cluster.
type FargateProfile struct {
	Name       string        `json:"name"`
	Status     string        `json:"status"`
	Namespaces []string      `json:"namespaces,omitempty"` // of its selectors
	Subnets    []string      `json:"subnets,omitempty"`
	Health     []HealthIssue `json:"health,omitempty"`
}

// Quota of Service Quotas with its present use in the region.
type Quota struct {
	Service string  `json:"service"` // ec2, ebs
	Code    string  `json:"code"`    // "L-1216C47A"
	Name    string  `json:"name"`
	Class   string  `json:"class"`             // what it limits: "standard", "g", "spot standard" ...; "gp3"
	Unit    string  `json:"unit"`              // vCPU, TiB
	Limit   float64 `json:"limit"`             // in units
	Used    float64 `json:"used"`              // in units
	Default bool    `json:"default,omitempty"` // no limit of the account's own was seen; this is AWS's default
}

// Addon is an EKS add-on.
type Addon struct {
	Name          string                 `json:"name"`
	Version       string                 `json:"version"`
	Status        string                 `json:"status"`
	Owner         string                 `json:"owner,omitempty"` // aws, or the vendor
	RoleARN       string                 `json:"roleArn,omitempty"`
	PodIdentities []string               `json:"podIdentities,omitempty"` // ARNs of its Pod Identity associations
	Configuration string                 `json:"configuration,omitempty"` // configuration values, as given to EKS
	Health        []HealthIssue          `json:"health,omitempty"`
	Compatible    map[string]AddonChoice `json:"compatible,omitempty"` // by Kubernetes version, from the running one to the target: what EKS offers there
}

// AddonChoice is what EKS offers of an add-on for one Kubernetes version.
type AddonChoice struct {
	Default  string   `json:"default"`
	Versions []string `json:"versions"` // newest first
}
