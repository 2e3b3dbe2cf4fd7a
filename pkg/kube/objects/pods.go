package objects

// Pod is a v1 Pod.
type Pod struct {
	PodMeta `json:"metadata" pb:"1"`
	Spec    PodSpec   `json:"spec" pb:"2"`
	Status  PodStatus `json:"status" pb:"3"`
}

// PodMeta is of a Pod.
type PodMeta struct {
	Name              string            `json:"name" pb:"1,unique"`
	Namespace         string            `json:"namespace" pb:"3"`
	DeletionTimestamp *Time             `json:"deletionTimestamp" pb:"9"`
	Labels            map[string]string `json:"labels" pb:"11"`
	Annotations       PodAnnotations    `json:"annotations" pb:"12"`
	OwnerReferences   []OwnerReference  `json:"ownerReferences" pb:"13"`
}

// PodStatus is of a Pod.
type PodStatus struct {
	Phase      string      `json:"phase" pb:"1"`
	Conditions []Condition `json:"conditions" pb:"2"`

	ContainerStatuses []ContainerStatus `json:"containerStatuses" pb:"8"`
}

// ContainerStatus is of a Pod.
type ContainerStatus struct {
	RestartCount int32 `json:"restartCount" pb:"5"`
}

// Condition is of a Pod, a Job or a CustomResourceDefinition: Status is True,
// False or Unknown.
type Condition struct {
	Type   string `json:"type" pb:"1"`
	Status string `json:"status" pb:"2"`
}

// Template is what pods are made from.
type Template struct {
	TemplateMeta `json:"metadata" pb:"1"`
	Spec         PodSpec `json:"spec" pb:"2"`
}

// TemplateMeta is of a Template.
type TemplateMeta struct {
	Labels      map[string]string `json:"labels" pb:"11"`
	Annotations PodAnnotations    `json:"annotations" pb:"12"`
}

// PodSpec is of a Pod or a Template.
type PodSpec struct {
	Volumes           []Volume          `json:"volumes" pb:"1"`
	Containers        []Container       `json:"containers" pb:"2"`
	GracePeriod       *int64            `json:"terminationGracePeriodSeconds" pb:"4"`
	NodeSelector      map[string]string `json:"nodeSelector" pb:"7"`
	ServiceAccount    string            `json:"serviceAccountName" pb:"8"`
	NodeName          string            `json:"nodeName" pb:"10"`
	HostNetwork       bool              `json:"hostNetwork" pb:"11"`
	ImagePullSecrets  []LocalReference  `json:"imagePullSecrets" pb:"15"`
	Affinity          *Affinity         `json:"affinity" pb:"18"`
	InitContainers    []Container       `json:"initContainers" pb:"20"`
	Tolerations       []Toleration      `json:"tolerations" pb:"22"`
	PriorityClassName string            `json:"priorityClassName" pb:"24"`
	Spread            []Spread          `json:"topologySpreadConstraints" pb:"33"`
}

// LocalReference names an object of the same namespace.
type LocalReference struct {
	Name string `json:"name" pb:"1"`
}

// Container is of a PodSpec.
type Container struct {
	Name           string       `json:"name" pb:"1"`
	Image          string       `json:"image" pb:"2"`
	Command        []string     `json:"command" pb:"3"`
	Args           []string     `json:"args" pb:"4"`
	Ports          []Port       `json:"ports" pb:"6"`
	Env            []EnvVar     `json:"env" pb:"7"`
	Resources      Requirements `json:"resources" pb:"8"`
	LivenessProbe  *Empty       `json:"livenessProbe" pb:"10"`
	ReadinessProbe *Empty       `json:"readinessProbe" pb:"11"`
	EnvFrom        []EnvFrom    `json:"envFrom" pb:"19"`
	StartupProbe   *Empty       `json:"startupProbe" pb:"22"`
	RestartPolicy  *string      `json:"restartPolicy" pb:"24"`
}

// Port is of a Container.
type Port struct {
	HostPort int32 `json:"hostPort" pb:"2"`
}

// Requirements are the resources that a Container asks for.
type Requirements struct {
	Requests map[string]Quantity `json:"requests" pb:"2"`
}

// EnvVar is a variable of a Container.
type EnvVar struct {
	Name      string     `json:"name" pb:"1"`
	Value     string     `json:"value" pb:"2"`
	ValueFrom *EnvSource `json:"valueFrom" pb:"3"`
}

// EnvSource is where an EnvVar's value comes from.
type EnvSource struct {
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef" pb:"3"`
	SecretKeyRef    *KeyReference `json:"secretKeyRef" pb:"4"`
}

// KeyReference names a ConfigMap or a Secret.
type KeyReference struct {
	LocalReference `pb:"1"`
}

// EnvFrom makes variables from all of an object.
type EnvFrom struct {
	ConfigMapRef *KeyReference `json:"configMapRef" pb:"2"`
	SecretRef    *KeyReference `json:"secretRef" pb:"3"`
}

// Toleration of taints.
type Toleration struct {
	Key      string `json:"key" pb:"1"`
	Operator string `json:"operator" pb:"2"`
	Value    string `json:"value" pb:"3"`
	Effect   string `json:"effect" pb:"4"`
}

// Spread is a topologySpreadConstraint.
type Spread struct {
	TopologyKey string `json:"topologyKey" pb:"2"`
}

// Affinity is of a PodSpec: of pods against pods.
type Affinity struct {
	PodAntiAffinity *PodAntiAffinity `json:"podAntiAffinity" pb:"3"`
}

// PodAntiAffinity keeps pods apart.
type PodAntiAffinity struct {
	Required  []AffinityTerm `json:"requiredDuringSchedulingIgnoredDuringExecution" pb:"1"`
	Preferred []WeightedTerm `json:"preferredDuringSchedulingIgnoredDuringExecution" pb:"2"`
}

// AffinityTerm is of PodAntiAffinity.
type AffinityTerm struct {
	TopologyKey string `json:"topologyKey" pb:"3"`
}

// WeightedTerm is of PodAntiAffinity.
type WeightedTerm struct {
	Term AffinityTerm `json:"podAffinityTerm" pb:"2"`
}
