package upgrade

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Ref addresses an artifact by the hash of its content. States pass
// references, never the content.
type Ref struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256"` // of the content, lower-case hex
}

// HashJSON returns the lower-case hex SHA-256 of v's JSON.
func HashJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", Errorf(CodeInternal, "hash", "%w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Snapshot is what one source said of the cluster at one instant. Exactly the
// part of its source is set.
type Snapshot struct {
	Source     Source           `json:"source"`
	Cluster    string           `json:"cluster"`
	TakenAt    Time             `json:"takenAt"`
	AWS        *ClusterState    `json:"aws,omitempty"`
	Kubernetes *KubernetesState `json:"kubernetes,omitempty"`
	Notes      []ReleaseNote    `json:"releaseNotes,omitempty"`
	Scans      []Scan           `json:"scans,omitempty"`
	NotChecked []NotChecked     `json:"notChecked,omitempty"` // what could not be seen; becomes findings
}

// NotChecked says what perception could not see. It is never a pass.
type NotChecked struct {
	What   string `json:"what"`   // "add-on versions"
	Why    string `json:"why"`    // the error, redacted
	Remedy string `json:"remedy"` // how to let the agent see it
}

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

// KubernetesState is the cluster as its API server describes it. A list that is
// nil could not be seen; NotChecked says why.
type KubernetesState struct {
	ServerVersion  Version            `json:"serverVersion"`
	GitVersion     string             `json:"gitVersion"`
	Nodes          []Node             `json:"nodes"`
	Applications   []Application      `json:"applications"`
	Budgets        []DisruptionBudget `json:"disruptionBudgets"`
	DeprecatedAPIs []DeprecatedAPI    `json:"deprecatedApis"`
	Objects        map[string]int     `json:"objects"` // number of objects by "group/version, Kind"
}

// Node of a cluster.
type Node struct {
	Name           string  `json:"name"`
	NodeGroup      string  `json:"nodeGroup,omitempty"`
	Zone           string  `json:"zone,omitempty"`
	InstanceType   string  `json:"instanceType,omitempty"`
	KubeletVersion Version `json:"kubeletVersion"`
	Ready          bool    `json:"ready"`
	Unschedulable  bool    `json:"unschedulable,omitempty"`
}

// ObjectRef names one Kubernetes object.
type ObjectRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String returns "Deployment default/frontend (apps/v1)".
func (o ObjectRef) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + o.Name
	}
	return fmt.Sprintf("%s %s (%s)", o.Kind, name, o.APIVersion)
}

// Application is a Deployment, StatefulSet or DaemonSet.
type Application struct {
	Object   ObjectRef         `json:"object"`
	Desired  int               `json:"desired"`
	Ready    int               `json:"ready"`
	Selector map[string]string `json:"selector,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"` // of its pods
}

// DisruptionBudget is a PodDisruptionBudget with what it allows now.
type DisruptionBudget struct {
	Object             ObjectRef `json:"object"`
	MinAvailable       string    `json:"minAvailable,omitempty"`   // as written: "1" or "50%"
	MaxUnavailable     string    `json:"maxUnavailable,omitempty"` // as written
	ExpectedPods       int       `json:"expectedPods"`
	CurrentHealthy     int       `json:"currentHealthy"`
	DesiredHealthy     int       `json:"desiredHealthy"`
	DisruptionsAllowed int       `json:"disruptionsAllowed"`
	Observed           bool      `json:"observed"` // the status is of the present generation
}

// DeprecatedAPI is one object that is served or written through an API version
// that goes away.
type DeprecatedAPI struct {
	Object      ObjectRef `json:"object"` // with the deprecated apiVersion
	Deprecated  Version   `json:"deprecated"`
	Removed     Version   `json:"removed,omitzero"` // zero: no removal is announced
	Replacement string    `json:"replacement,omitempty"`
	Written     bool      `json:"written"`  // a client's last write went through this version; false: only an old trace is left
	Evidence    string    `json:"evidence"` // "still written by kubectl on 2026-07-01"
}

// ReleaseNote is one entry of the Kubernetes release notes.
type ReleaseNote struct {
	Version  Version `json:"version"`
	Section  string  `json:"section"` // heading it stands under: "Deprecation"
	Text     string  `json:"text"`    // plain text, untrusted
	URL      string  `json:"url,omitempty"`
	Breaking bool    `json:"breaking"` // stands under "Urgent Upgrade Notes" or says so itself
}

// Scan is what one external scanner found.
type Scan struct {
	Tool     string          `json:"tool"`    // kubent, pluto
	Version  string          `json:"version"` // of the tool
	Findings []DeprecatedAPI `json:"findings"`
}
