package upgrade

// KubernetesState is the cluster as its API server describes it, or as manifests
// describe what would be in one. A list that is nil could not be seen;
// NotChecked says why. One that is empty was seen to be so. Names, label values
// and every other text in it are anybody's: untrusted.
type KubernetesState struct {
	ServerVersion Version        `json:"serverVersion"`
	GitVersion    string         `json:"gitVersion"`
	Issuer        string         `json:"issuer,omitempty"` // of service account tokens, as /.well-known/openid-configuration says; empty: not seen
	Objects       map[string]int `json:"objects"`          // number of objects by "group/version, Kind"

	Nodes           []Node             `json:"nodes"`
	Workloads       []Workload         `json:"workloads"`
	Pods            []Pod              `json:"pods"`
	Budgets         []DisruptionBudget `json:"disruptionBudgets"`
	Autoscalers     []Autoscaler       `json:"autoscalers"` // HorizontalPodAutoscalers
	Namespaces      []Namespace        `json:"namespaces"`
	PriorityClasses []PriorityClass    `json:"priorityClasses"`

	Services        []Service        `json:"services"`
	Ingresses       []Ingress        `json:"ingresses"`
	IngressClasses  []IngressClass   `json:"ingressClasses"`
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"` // those with an IAM role only

	DeprecatedAPIs []DeprecatedAPI `json:"deprecatedApis"`
	RequestedAPIs  []RequestedAPI  `json:"requestedApis"` // that the API server counts as deprecated
	HelmReleases   []HelmRelease   `json:"helmReleases"`  // of Helm 3

	StorageClasses []StorageClass     `json:"storageClasses"`
	Volumes        []PersistentVolume `json:"persistentVolumes"`
	Attachments    []VolumeAttachment `json:"volumeAttachments"`

	Webhooks            []Webhook            `json:"webhooks"`
	AdmissionPolicies   []AdmissionPolicy    `json:"admissionPolicies"` // ValidatingAdmissionPolicies and MutatingAdmissionPolicies
	CustomResources     []CustomResource     `json:"customResourceDefinitions"`
	APIServices         []APIService         `json:"apiServices"` // those that another server answers
	TargetGroupBindings []TargetGroupBinding `json:"targetGroupBindings"`
	OuterSecrets        []OuterSecret        `json:"outerSecrets"` // SecretProviderClasses and ExternalSecrets
	GitOps              []GitOpsSource       `json:"gitOps"`       // Argo CD Applications, Flux Kustomizations and HelmReleases
	Karpenter           *Karpenter           `json:"karpenter"`    // nil: not seen; empty: not installed
	KubeProxy           *KubeProxy           `json:"kubeProxy"`    // configuration of kube-proxy; nil: not seen
	Usage               *Usage               `json:"usage"`        // metrics.k8s.io; nil: not seen
}

// Provisioner is who makes a node.
type Provisioner string

// The provisioners.
const (
	ByNodeGroup Provisioner = "nodeGroup"   // a managed node group of EKS
	ByKarpenter Provisioner = "karpenter"   // Karpenter that the cluster runs itself
	ByAutoMode  Provisioner = "autoMode"    // EKS Auto Mode
	ByFargate   Provisioner = "fargate"     // a Fargate profile
	ByItself    Provisioner = "selfManaged" // an Auto Scaling group or anything else
	ByHybrid    Provisioner = "hybrid"      // EKS Hybrid Nodes
)

// Node of a cluster.
type Node struct {
	Name             string            `json:"name"`
	Provisioner      Provisioner       `json:"provisioner"`
	NodeGroup        string            `json:"nodeGroup,omitempty"`  // managed node group, or Karpenter's NodePool
	InstanceID       string            `json:"instanceId,omitempty"` // of EC2, from the provider id
	Zone             string            `json:"zone,omitempty"`
	InstanceType     string            `json:"instanceType,omitempty"`
	KubeletVersion   Version           `json:"kubeletVersion"`
	KubeProxyVersion Version           `json:"kubeProxyVersion,omitzero"` // as the node says, if it does
	OSImage          string            `json:"osImage,omitempty"`         // "Amazon Linux 2"
	Kernel           string            `json:"kernel,omitempty"`
	Runtime          string            `json:"runtime,omitempty"` // "containerd://1.7.27"
	Labels           map[string]string `json:"labels,omitempty"`
	Taints           []NodeTaint       `json:"taints,omitempty"`
	CPU              int64             `json:"cpu,omitempty"`    // allocatable, in thousandths of a core
	Memory           int64             `json:"memory,omitempty"` // allocatable, in bytes
	MaxPods          int               `json:"maxPods,omitempty"`
	Ready            bool              `json:"ready"`
	Unschedulable    bool              `json:"unschedulable,omitempty"`
}

// NodeTaint keeps pods away, as Kubernetes spells the effect: NoSchedule.
type NodeTaint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// Workload is what makes pods: a Deployment, StatefulSet, DaemonSet, CronJob, Job,
// ReplicaSet or ReplicationController that no other of them owns.
type Workload struct {
	Object          ObjectRef     `json:"object"`
	Desired         int           `json:"desired"`
	Ready           int           `json:"ready"` // 0 when the status is of an older generation
	MinReadySeconds int           `json:"minReadySeconds,omitempty"`
	UpdateStrategy  string        `json:"updateStrategy,omitempty"` // RollingUpdate, Recreate, OnDelete
	Selector        LabelSelector `json:"selector,omitzero"`
	Template        PodTemplate   `json:"template"`
	ManagedBy       []Manager     `json:"managedBy,omitempty"`
	Schedule        string        `json:"schedule,omitempty"` // of a CronJob: "0 3 * * *", with "CRON_TZ=Europe/Berlin " before it when it names a zone
	Suspended       bool          `json:"suspended,omitempty"`
	Source          string        `json:"source,omitempty"` // file that it stands in; empty: the cluster
	DependsOn       Dependencies  `json:"dependsOn,omitzero"`
}

// Manager is a tool that owns an object, as its labels and annotations say.
type Manager struct {
	Tool      string `json:"tool"` // helm, argocd, flux, eks (add-on)
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"` // release, application, kustomization
}

// LabelSelector selects objects by labels. The zero one says nothing: what that
// means differs by the field that it stands in.
type LabelSelector struct {
	Labels      map[string]string `json:"matchLabels,omitempty"`
	Expressions []LabelExpression `json:"matchExpressions,omitempty"`
	Empty       bool              `json:"empty,omitempty"` // it was given and has no requirement: it selects everything
}

// LabelExpression is one requirement of a LabelSelector.
type LabelExpression struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"` // In, NotIn, Exists, DoesNotExist
	Values   []string `json:"values,omitempty"`
}

// PodTemplate is what a workload's pods are made from.
type PodTemplate struct {
	Labels         map[string]string `json:"labels,omitempty"`
	Containers     []Container       `json:"containers,omitempty"`     // without init containers
	InitContainers []Container       `json:"initContainers,omitempty"` // sidecars among them have Sidecar set
	GracePeriod    *int              `json:"terminationGracePeriodSeconds,omitempty"`
	HostPaths      []string          `json:"hostPaths,omitempty"`
	EmptyDirs      []string          `json:"emptyDirs,omitempty"`     // names of volumes that are on the node's disk
	Claims         []string          `json:"claims,omitempty"`        // PersistentVolumeClaims, and templates of a StatefulSet
	InTreeVolumes  []string          `json:"inTreeVolumes,omitempty"` // "awsElasticBlockStore data"
	NodeSelector   map[string]string `json:"nodeSelector,omitempty"`
	Tolerations    []Toleration      `json:"tolerations,omitempty"`
	Spread         []string          `json:"spread,omitempty"`       // topology keys of topologySpreadConstraints
	AntiAffinity   []string          `json:"antiAffinity,omitempty"` // topology keys of pod anti-affinity
	RequiredAnti   bool              `json:"requiredAntiAffinity,omitempty"`
	PriorityClass  string            `json:"priorityClass,omitempty"`
	ServiceAccount string            `json:"serviceAccount,omitempty"`
	HostNetwork    bool              `json:"hostNetwork,omitempty"`
	HostPorts      []int             `json:"hostPorts,omitempty"`
	Holds          []string          `json:"holds,omitempty"` // annotations that keep a node from going: "karpenter.sh/do-not-disrupt=true", "cluster-autoscaler.kubernetes.io/safe-to-evict=false"
}

// Container of a pod template. Values of variables are not kept, but for hosts.
type Container struct {
	Name           string   `json:"name"`
	Image          string   `json:"image,omitempty"`
	Flags          []string `json:"flags,omitempty"` // command and arguments that begin with "-"; values of flags that may be secret are left out
	ReadinessProbe bool     `json:"readinessProbe,omitempty"`
	LivenessProbe  bool     `json:"livenessProbe,omitempty"`
	StartupProbe   bool     `json:"startupProbe,omitempty"`
	Sidecar        bool     `json:"sidecar,omitempty"` // an init container with restartPolicy Always
	CPU            int64    `json:"cpu,omitempty"`     // requested, in thousandths of a core
	Memory         int64    `json:"memory,omitempty"`  // requested, in bytes
}

// Toleration of taints.
type Toleration struct {
	Key      string `json:"key,omitempty"` // empty with Exists: every taint
	Operator string `json:"operator,omitempty"`
	Value    string `json:"value,omitempty"`
	Effect   string `json:"effect,omitempty"` // empty: every effect
}

// Dependencies are the names of what a workload needs, in its own namespace.
type Dependencies struct {
	Services      []string `json:"services,omitempty"` // that select its pods
	ConfigMaps    []string `json:"configMaps,omitempty"`
	Secrets       []string `json:"secrets,omitempty"`               // names only
	SecretClasses []string `json:"secretProviderClasses,omitempty"` // of CSI volumes
	Hosts         []string `json:"hosts,omitempty"`                 // host names in the values of variables and arguments, lower case, without credentials, port and path
	Autoscalers   []string `json:"autoscalers,omitempty"`           // HorizontalPodAutoscalers that scale it
	Budgets       []string `json:"budgets,omitempty"`               // PodDisruptionBudgets that select its pods
}

// Pod of a cluster; the short JSON names are for a hundred thousand of them.
type Pod struct {
	Namespace string            `json:"ns"`
	Name      string            `json:"n"`
	Node      int               `json:"o"`           // index in Nodes; -1: on none
	Workload  int               `json:"w"`           // index in Workloads; -1: see Owner
	Owner     string            `json:"k,omitempty"` // kind of the controller when it is no workload; empty with Workload -1: nobody owns the pod
	Labels    map[string]string `json:"l,omitempty"` // only when they are not those of its workload's template
	Phase     string            `json:"p,omitempty"` // empty: Running
	NotReady  bool              `json:"u,omitempty"`
	Mirror    bool              `json:"m,omitempty"` // a static pod of the node
	Claims    []string          `json:"c,omitempty"` // PersistentVolumeClaims
	CPU       int64             `json:"x,omitempty"` // requested, in thousandths of a core; 0 with a workload: as its template says
	Memory    int64             `json:"y,omitempty"` // requested, in bytes; likewise
	Holds     []string          `json:"h,omitempty"` // as in PodTemplate, when they are not those of its workload's template
	Restarts  int               `json:"r,omitempty"` // of its containers together, when it is not ready
	Bare      *PodTemplate      `json:"t,omitempty"` // when no workload owns it
}

// DisruptionBudget is a PodDisruptionBudget with what it allows now.
type DisruptionBudget struct {
	Object                     ObjectRef     `json:"object"`
	Selector                   LabelSelector `json:"selector,omitzero"`                    // zero: no pod
	UnhealthyPodEvictionPolicy string        `json:"unhealthyPodEvictionPolicy,omitempty"` // empty: IfHealthyBudget
	MinAvailable               string        `json:"minAvailable,omitempty"`               // as written: "1" or "50%"
	MaxUnavailable             string        `json:"maxUnavailable,omitempty"`             // as written
	ExpectedPods               int           `json:"expectedPods"`
	CurrentHealthy             int           `json:"currentHealthy"`
	DesiredHealthy             int           `json:"desiredHealthy"`
	DisruptionsAllowed         int           `json:"disruptionsAllowed"`
	Observed                   bool          `json:"observed"` // the status is of the present generation
}

// Autoscaler is a HorizontalPodAutoscaler.
type Autoscaler struct {
	Object ObjectRef `json:"object"`
	Target ObjectRef `json:"target"` // what it scales
	Min    int       `json:"min"`
	Max    int       `json:"max"`
}

// Namespace of a cluster.
type Namespace struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Terminating bool              `json:"terminating,omitempty"`
}

// PriorityClass orders pods.
type PriorityClass struct {
	Name     string `json:"name"`
	Value    int    `json:"value"`
	Default  bool   `json:"default,omitempty"`
	Preempts bool   `json:"preempts"` // preemptionPolicy is not Never
}

// Service of a cluster.
type Service struct {
	Object            ObjectRef         `json:"object"`
	Type              string            `json:"type"`
	Selector          map[string]string `json:"selector,omitempty"`
	ExternalName      string            `json:"externalName,omitempty"`
	LoadBalancerHosts []string          `json:"loadBalancerHosts,omitempty"`
	LoadBalancerClass string            `json:"loadBalancerClass,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"` // of load balancers and external-dns only
	Metrics           bool              `json:"metrics,omitempty"`     // its ports are named for metrics: only monitoring asks it
	ReadyEndpoints    int               `json:"readyEndpoints"`        // addresses that are ready in its EndpointSlices; -1: not seen
}

// Ingress of a cluster.
type Ingress struct {
	Object            ObjectRef         `json:"object"`
	Class             string            `json:"class,omitempty"`
	Hosts             []string          `json:"hosts,omitempty"`
	Services          []string          `json:"services,omitempty"` // backends
	LoadBalancerHosts []string          `json:"loadBalancerHosts,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"` // of load balancers and external-dns only
}

// IngressClass of a cluster.
type IngressClass struct {
	Name       string `json:"name"`
	Controller string `json:"controller"` // "k8s.io/ingress-nginx"
	Default    bool   `json:"default,omitempty"`
}

// ServiceAccount with an IAM role (IRSA, annotation eks.amazonaws.com/role-arn).
type ServiceAccount struct {
	Object  ObjectRef `json:"object"`
	RoleARN string    `json:"roleArn"`
}

// StorageClass of a cluster.
type StorageClass struct {
	Name        string `json:"name"`
	Provisioner string `json:"provisioner"`
	BindingMode string `json:"bindingMode,omitempty"`
	Reclaim     string `json:"reclaimPolicy,omitempty"`
	VolumeType  string `json:"volumeType,omitempty"` // parameter "type" of the EBS driver: "gp3"
	Default     bool   `json:"default,omitempty"`
}

// PersistentVolume of a cluster.
type PersistentVolume struct {
	Name    string     `json:"name"`
	Claim   ObjectName `json:"claim,omitzero"`
	Class   string     `json:"class,omitempty"`
	Driver  string     `json:"driver,omitempty"` // CSI driver, or the in-tree plugin: "kubernetes.io/aws-ebs"
	InTree  bool       `json:"inTree,omitempty"`
	Handle  string     `json:"handle,omitempty"` // "vol-0123"
	Zones   []string   `json:"zones,omitempty"`  // the only ones that may mount it; none: all
	Nodes   []string   `json:"nodes,omitempty"`  // the only ones that may mount it (local volumes)
	Reclaim string     `json:"reclaimPolicy,omitempty"`
	Phase   string     `json:"phase,omitempty"`
}

// VolumeAttachment says that a volume is, or is to be, attached to a node.
type VolumeAttachment struct {
	Name     string `json:"name"`
	Driver   string `json:"driver"`
	Volume   string `json:"volume,omitempty"` // name of the PersistentVolume; empty: inline
	Node     string `json:"node"`
	Attached bool   `json:"attached"`
	Going    bool   `json:"going,omitempty"` // it is being deleted: the volume is to be detached
	Error    string `json:"error,omitempty"` // the last one of attaching or detaching
}

// Webhook is one webhook of a configuration.
type Webhook struct {
	Object            ObjectRef       `json:"object"` // the configuration
	Name              string          `json:"name"`
	FailurePolicy     string          `json:"failurePolicy"` // Fail, Ignore
	TimeoutSeconds    int             `json:"timeoutSeconds,omitempty"`
	Service           *ObjectName     `json:"service,omitempty"` // nil: URL
	URLHost           string          `json:"urlHost,omitempty"`
	Rules             []AdmissionRule `json:"rules,omitempty"`
	NamespaceSelector LabelSelector   `json:"namespaceSelector,omitzero"` // zero: every namespace
	ObjectSelector    LabelSelector   `json:"objectSelector,omitzero"`    // zero: every object
	MatchConditions   int             `json:"matchConditions,omitempty"`  // number of CEL conditions, which are not evaluated
}

// AdmissionRule says what a webhook or a policy looks at; "*" is everything.
type AdmissionRule struct {
	Operations  []string `json:"operations,omitempty"`
	APIGroups   []string `json:"apiGroups"`
	APIVersions []string `json:"apiVersions,omitempty"`
	Resources   []string `json:"resources"`
	Scope       string   `json:"scope,omitempty"`
}

// AdmissionPolicy is a ValidatingAdmissionPolicy or a MutatingAdmissionPolicy.
type AdmissionPolicy struct {
	Object        ObjectRef       `json:"object"`
	FailurePolicy string          `json:"failurePolicy"`
	Rules         []AdmissionRule `json:"rules,omitempty"`
	ParamKind     string          `json:"paramKind,omitempty"` // "v1 ConfigMap"
	Bindings      int             `json:"bindings"`
	Actions       []string        `json:"actions,omitempty"`     // of its bindings: Deny, Warn, Audit
	Expressions   []string        `json:"expressions,omitempty"` // CEL of its rules, each cut to 300 characters
}

// CustomResource is a CustomResourceDefinition.
type CustomResource struct {
	Name           string                  `json:"name"` // "certificates.cert-manager.io"
	Group          string                  `json:"group"`
	Kind           string                  `json:"kind"`
	Plural         string                  `json:"plural"`
	Namespaced     bool                    `json:"namespaced"`
	Versions       []CustomResourceVersion `json:"versions"`
	StoredVersions []string                `json:"storedVersions"`
	Conversion     *Conversion             `json:"conversion,omitempty"` // nil: none
	Established    bool                    `json:"established"`
	Release        string                  `json:"release,omitempty"` // of the product, as its labels and annotations say
}

// CustomResourceVersion is one version of a CustomResourceDefinition.
type CustomResourceVersion struct {
	Name       string `json:"name"`
	Served     bool   `json:"served"`
	Storage    bool   `json:"storage"`
	Deprecated bool   `json:"deprecated,omitempty"`
	Warning    string `json:"warning,omitempty"`
}

// Conversion is a conversion webhook.
type Conversion struct {
	Service *ObjectName `json:"service,omitempty"` // nil: URL
	URLHost string      `json:"urlHost,omitempty"`
}

// APIService is an API that another server answers.
type APIService struct {
	Name      string     `json:"name"` // "v1beta1.metrics.k8s.io"
	Service   ObjectName `json:"service"`
	Available bool       `json:"available"`
	Message   string     `json:"message,omitempty"`
}

// TargetGroupBinding ties a Service's pods to a target group (AWS Load Balancer
// Controller).
type TargetGroupBinding struct {
	Object         ObjectRef `json:"object"`
	TargetGroupARN string    `json:"targetGroupArn"`
	Service        string    `json:"service"`
	TargetType     string    `json:"targetType,omitempty"`
	MultiCluster   bool      `json:"multiClusterTargetGroup,omitempty"` // it leaves targets of others alone
	Controlled     bool      `json:"controlled,omitempty"`              // the controller made it for a Service or an Ingress (label *.k8s.aws/stack)
}

// OuterSecret takes secrets from a store outside of the cluster, such as AWS
// Secrets Manager (SecretProviderClass, ExternalSecret). No value is kept.
type OuterSecret struct {
	Object ObjectRef `json:"object"`
	Secret string    `json:"secret,omitempty"` // Secret that it makes, in its namespace
	Names  []string  `json:"names"`            // in the store: names or ARNs
}

// GitOpsSource is an object of Argo CD or Flux that keeps other objects as Git
// says.
type GitOpsSource struct {
	Tool      string    `json:"tool"` // argocd, flux
	Object    ObjectRef `json:"object"`
	URL       string    `json:"url,omitempty"` // without credentials
	Path      string    `json:"path,omitempty"`
	Chart     string    `json:"chart,omitempty"`
	Revision  string    `json:"revision,omitempty"`
	Namespace string    `json:"namespace,omitempty"` // it delivers to
	Server    string    `json:"server,omitempty"`    // cluster it delivers to, as Argo CD names it
	Suspended bool      `json:"suspended,omitempty"`
	Healthy   bool      `json:"healthy"`
	Status    string    `json:"status,omitempty"`
}

// Karpenter as the cluster runs it.
type Karpenter struct {
	Version     string               `json:"version,omitempty"` // "1.6.2", of the controller's image; empty: not found
	NodePools   []KarpenterPool      `json:"nodePools,omitempty"`
	NodeClasses []KarpenterNodeClass `json:"nodeClasses,omitempty"`
}

// KarpenterPool is a NodePool.
type KarpenterPool struct {
	Object      ObjectRef `json:"object"`
	NodeClass   string    `json:"nodeClass,omitempty"`
	ExpireAfter string    `json:"expireAfter,omitempty"`
	Budgets     []string  `json:"budgets,omitempty"` // of disruption: "10%", "0 (Drifted) 0 9 * * mon-fri 8h"
}

// KarpenterNodeClass is an EC2NodeClass or a NodeClass of Auto Mode.
type KarpenterNodeClass struct {
	Object    ObjectRef  `json:"object"`
	AMIFamily string     `json:"amiFamily,omitempty"`
	AMIs      []string   `json:"amis,omitempty"` // terms that select them: "alias al2023@latest", "id ami-1"
	Role      string     `json:"role,omitempty"`
	Node      NodeConfig `json:"node,omitzero"`
}

// NodeConfig is what nodes are started with, as far as an upgrade can break it:
// user data and the like are read for it and not kept.
type NodeConfig struct {
	KubeletFlags []string        `json:"kubeletFlags,omitempty"` // "--max-pods=20", without values that may be secret
	KubeletKeys  []string        `json:"kubeletKeys,omitempty"`  // of a KubeletConfiguration: "maxPods"
	FeatureGates map[string]bool `json:"featureGates,omitempty"`
	Unread       string          `json:"unread,omitempty"` // why it could not be read; empty: it was
}

// KubeProxy is how kube-proxy is configured.
type KubeProxy struct {
	Mode   string     `json:"mode,omitempty"`  // iptables, ipvs, nftables; empty: the default, iptables
	Config NodeConfig `json:"config,omitzero"` // its flags, keys and feature gates
}

// Usage is what metrics.k8s.io measured.
type Usage struct {
	Nodes map[string]Resources `json:"nodes"` // nil: nothing measures them, metrics-server is not installed
	Pods  Resources            `json:"pods"`  // of all pods together
}

// Resources are used or asked for.
type Resources struct {
	CPU    int64 `json:"cpu"`    // thousandths of a core
	Memory int64 `json:"memory"` // bytes
}
