package objects

// Values of fields.
const (
	NodeReady    = "Ready"        // NodeCondition.Type
	True         = "True"         // NodeCondition.Status
	OnDelete     = "OnDelete"     // UpdateStrategy.Type: people replace the pods themselves
	LoadBalancer = "LoadBalancer" // ServiceSpec.Type
)

// Deployment is an apps/v1 Deployment.
type Deployment struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       DeploymentSpec   `json:"spec" pb:"2"`
	Status     DeploymentStatus `json:"status" pb:"3"`
}

// DeploymentSpec is of a Deployment.
type DeploymentSpec struct {
	Replicas        *int32         `json:"replicas" pb:"1"` // nil: 1
	Selector        *LabelSelector `json:"selector" pb:"2"`
	Template        Template       `json:"template" pb:"3"`
	Strategy        UpdateStrategy `json:"strategy" pb:"4"`
	MinReadySeconds int32          `json:"minReadySeconds" pb:"5"`
}

// DeploymentStatus is of a Deployment.
type DeploymentStatus struct {
	ObservedGeneration int64 `json:"observedGeneration" pb:"1"`
	UpdatedReplicas    int32 `json:"updatedReplicas" pb:"3"`
	ReadyReplicas      int32 `json:"readyReplicas" pb:"7"`
}

// UpdateStrategy is how a workload's pods are replaced.
type UpdateStrategy struct {
	Type string `json:"type" pb:"1"`
}

// StatefulSet is an apps/v1 StatefulSet.
type StatefulSet struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       StatefulSetSpec   `json:"spec" pb:"2"`
	Status     StatefulSetStatus `json:"status" pb:"3"`
}

// StatefulSetSpec is of a StatefulSet.
type StatefulSetSpec struct {
	Replicas        *int32         `json:"replicas" pb:"1"` // nil: 1
	Selector        *LabelSelector `json:"selector" pb:"2"`
	Template        Template       `json:"template" pb:"3"`
	ClaimTemplates  []Named        `json:"volumeClaimTemplates" pb:"4"`
	UpdateStrategy  UpdateStrategy `json:"updateStrategy" pb:"7"`
	MinReadySeconds int32          `json:"minReadySeconds" pb:"9"`
}

// Named is an object of which only the name is read.
type Named struct {
	LocalReference `json:"metadata" pb:"1"`
}

// StatefulSetStatus is of a StatefulSet.
type StatefulSetStatus struct {
	ObservedGeneration int64 `json:"observedGeneration" pb:"1"`
	ReadyReplicas      int32 `json:"readyReplicas" pb:"3"`
	UpdatedReplicas    int32 `json:"updatedReplicas" pb:"5"`
}

// DaemonSet is an apps/v1 DaemonSet.
type DaemonSet struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       DaemonSetSpec   `json:"spec" pb:"2"`
	Status     DaemonSetStatus `json:"status" pb:"3"`
}

// DaemonSetSpec is of a DaemonSet.
type DaemonSetSpec struct {
	Selector        *LabelSelector `json:"selector" pb:"1"`
	Template        Template       `json:"template" pb:"2"`
	UpdateStrategy  UpdateStrategy `json:"updateStrategy" pb:"3"`
	MinReadySeconds int32          `json:"minReadySeconds" pb:"4"`
}

// DaemonSetStatus is of a DaemonSet.
type DaemonSetStatus struct {
	DesiredNumberScheduled int32 `json:"desiredNumberScheduled" pb:"3"`
	NumberReady            int32 `json:"numberReady" pb:"4"`
	ObservedGeneration     int64 `json:"observedGeneration" pb:"5"`
	UpdatedNumberScheduled int32 `json:"updatedNumberScheduled" pb:"6"`
}

// ReplicaSet is an apps/v1 ReplicaSet.
type ReplicaSet struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       ReplicaSetSpec   `json:"spec" pb:"2"`
	Status     ReplicaSetStatus `json:"status" pb:"3"`
}

// ReplicaSetSpec is of a ReplicaSet.
type ReplicaSetSpec struct {
	Replicas        *int32         `json:"replicas" pb:"1"` // nil: 1
	Selector        *LabelSelector `json:"selector" pb:"2"`
	Template        Template       `json:"template" pb:"3"`
	MinReadySeconds int32          `json:"minReadySeconds" pb:"4"`
}

// ReplicaSetStatus is of a ReplicaSet.
type ReplicaSetStatus struct {
	ObservedGeneration int64 `json:"observedGeneration" pb:"3"`
	ReadyReplicas      int32 `json:"readyReplicas" pb:"4"`
}

// ReplicationController is a v1 ReplicationController.
type ReplicationController struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       ReplicationControllerSpec   `json:"spec" pb:"2"`
	Status     ReplicationControllerStatus `json:"status" pb:"3"`
}

// ReplicationControllerSpec is of a ReplicationController.
type ReplicationControllerSpec struct {
	Replicas        *int32            `json:"replicas" pb:"1"` // nil: 1
	Selector        map[string]string `json:"selector" pb:"2"`
	Template        Template          `json:"template" pb:"3"`
	MinReadySeconds int32             `json:"minReadySeconds" pb:"4"`
}

// ReplicationControllerStatus is of a ReplicationController.
type ReplicationControllerStatus struct {
	ObservedGeneration int64 `json:"observedGeneration" pb:"3"`
	ReadyReplicas      int32 `json:"readyReplicas" pb:"4"`
}

// Job is a batch/v1 Job.
type Job struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       JobSpec   `json:"spec" pb:"2"`
	Status     JobStatus `json:"status" pb:"3"`
}

// JobSpec is of a Job or a CronJob's template.
type JobSpec struct {
	Parallelism *int32         `json:"parallelism" pb:"1"` // nil: 1
	Selector    *LabelSelector `json:"selector" pb:"4"`
	Template    Template       `json:"template" pb:"6"`
	Suspend     *bool          `json:"suspend" pb:"10"`
}

// JobStatus is of a Job.
type JobStatus struct {
	Conditions []Condition `json:"conditions" pb:"1"`
	Ready      *int32      `json:"ready" pb:"9"`
}

// CronJob is a batch/v1 CronJob.
type CronJob struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       CronJobSpec `json:"spec" pb:"2"`
}

// CronJobSpec is of a CronJob.
type CronJobSpec struct {
	Schedule    string      `json:"schedule" pb:"1"`
	Suspend     *bool       `json:"suspend" pb:"4"`
	JobTemplate JobTemplate `json:"jobTemplate" pb:"5"`
	TimeZone    *string     `json:"timeZone" pb:"8"`
}

// JobTemplate is of a CronJob.
type JobTemplate struct {
	Spec JobSpec `json:"spec" pb:"2"`
}

// PodDisruptionBudget is a policy/v1 PodDisruptionBudget.
type PodDisruptionBudget struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       BudgetSpec   `json:"spec" pb:"2"`
	Status     BudgetStatus `json:"status" pb:"3"`
}

// BudgetSpec is of a PodDisruptionBudget: numbers of pods or percentages.
type BudgetSpec struct {
	MinAvailable               *IntOrString   `json:"minAvailable" pb:"1"`
	Selector                   *LabelSelector `json:"selector" pb:"2"`
	MaxUnavailable             *IntOrString   `json:"maxUnavailable" pb:"3"`
	UnhealthyPodEvictionPolicy *string        `json:"unhealthyPodEvictionPolicy" pb:"4"`
}

// BudgetStatus is of a PodDisruptionBudget.
type BudgetStatus struct {
	ObservedGeneration int64 `json:"observedGeneration" pb:"1"`
	DisruptionsAllowed int32 `json:"disruptionsAllowed" pb:"3"`
	CurrentHealthy     int32 `json:"currentHealthy" pb:"4"`
	DesiredHealthy     int32 `json:"desiredHealthy" pb:"5"`
	ExpectedPods       int32 `json:"expectedPods" pb:"6"`
}

// HorizontalPodAutoscaler is an autoscaling/v2 HorizontalPodAutoscaler.
type HorizontalPodAutoscaler struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       AutoscalerSpec `json:"spec" pb:"2"`
}

// AutoscalerSpec is of a HorizontalPodAutoscaler.
type AutoscalerSpec struct {
	ScaleTargetRef ScaleTarget `json:"scaleTargetRef" pb:"1"`
	MinReplicas    *int32      `json:"minReplicas" pb:"2"` // nil: 1
	MaxReplicas    int32       `json:"maxReplicas" pb:"3"`
}

// ScaleTarget is what a HorizontalPodAutoscaler scales.
type ScaleTarget struct {
	Kind       string `json:"kind" pb:"1"`
	Name       string `json:"name" pb:"2"`
	APIVersion string `json:"apiVersion" pb:"3"`
}

// PriorityClass is a scheduling.k8s.io/v1 PriorityClass.
type PriorityClass struct {
	ObjectMeta       `json:"metadata" pb:"1"`
	Value            int32   `json:"value" pb:"2"`
	GlobalDefault    bool    `json:"globalDefault" pb:"3"`
	PreemptionPolicy *string `json:"preemptionPolicy" pb:"5"`
}
