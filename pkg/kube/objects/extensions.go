package objects

// WebhookConfiguration is an admissionregistration.k8s.io/v1
// ValidatingWebhookConfiguration.
type WebhookConfiguration struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Webhooks   []Webhook `json:"webhooks" pb:"2"`
}

// Webhook is of a WebhookConfiguration.
type Webhook struct {
	Name              string           `json:"name" pb:"1"`
	ClientConfig      WebhookClient    `json:"clientConfig" pb:"2"`
	Rules             []OperationsRule `json:"rules" pb:"3"`
	FailurePolicy     *string          `json:"failurePolicy" pb:"4"` // nil: Fail
	NamespaceSelector *LabelSelector   `json:"namespaceSelector" pb:"5"`
	TimeoutSeconds    *int32           `json:"timeoutSeconds" pb:"7"`
	ObjectSelector    *LabelSelector   `json:"objectSelector" pb:"10"`
	MatchConditions   []Expression     `json:"matchConditions" pb:"11"`
}

// MutatingWebhookConfiguration is an admissionregistration.k8s.io/v1
// MutatingWebhookConfiguration: the same under other numbers.
type MutatingWebhookConfiguration struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Webhooks   []MutatingWebhook `json:"webhooks" pb:"2"`
}

// MutatingWebhook is of a MutatingWebhookConfiguration.
type MutatingWebhook struct {
	Name              string           `json:"name" pb:"1"`
	ClientConfig      WebhookClient    `json:"clientConfig" pb:"2"`
	Rules             []OperationsRule `json:"rules" pb:"3"`
	FailurePolicy     *string          `json:"failurePolicy" pb:"4"` // nil: Fail
	NamespaceSelector *LabelSelector   `json:"namespaceSelector" pb:"5"`
	TimeoutSeconds    *int32           `json:"timeoutSeconds" pb:"7"`
	ObjectSelector    *LabelSelector   `json:"objectSelector" pb:"11"`
	MatchConditions   []Expression     `json:"matchConditions" pb:"12"`
}

// WebhookClient is how a webhook is reached.
type WebhookClient struct {
	Service *ServiceReference `json:"service" pb:"1"`
	URL     *string           `json:"url" pb:"3"`
}

// ServiceReference names a Service.
type ServiceReference struct {
	Namespace string `json:"namespace" pb:"1"`
	Name      string `json:"name" pb:"2"`
}

// OperationsRule says what a webhook looks at.
type OperationsRule struct {
	Operations    []string `json:"operations" pb:"1"`
	AdmissionRule `pb:"2"`
}

// AdmissionRule is of an OperationsRule.
type AdmissionRule struct {
	APIGroups   []string `json:"apiGroups" pb:"1"`
	APIVersions []string `json:"apiVersions" pb:"2"`
	Resources   []string `json:"resources" pb:"3"`
	Scope       *string  `json:"scope" pb:"4"`
}

// Expression is CEL with a name.
type Expression struct {
	Name       string `json:"name" pb:"1"`
	Expression string `json:"expression" pb:"2"`
}

// ValidatingAdmissionPolicy is of admissionregistration.k8s.io.
type ValidatingAdmissionPolicy struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       ValidatingSpec `json:"spec" pb:"2"`
}

// ValidatingSpec is of a ValidatingAdmissionPolicy.
type ValidatingSpec struct {
	ParamKind        *ParamKind      `json:"paramKind" pb:"1"`
	MatchConstraints *MatchResources `json:"matchConstraints" pb:"2"`
	Validations      []Validation    `json:"validations" pb:"3"`
	FailurePolicy    *string         `json:"failurePolicy" pb:"4"` // nil: Fail
	MatchConditions  []Expression    `json:"matchConditions" pb:"6"`
	Variables        []Expression    `json:"variables" pb:"7"`
}

// Validation is of a ValidatingAdmissionPolicy.
type Validation struct {
	Expression        string `json:"expression" pb:"1"`
	MessageExpression string `json:"messageExpression" pb:"4"`
}

// ParamKind is the kind of a policy's parameters.
type ParamKind struct {
	APIVersion string `json:"apiVersion" pb:"1"`
	Kind       string `json:"kind" pb:"2"`
}

// MatchResources says what a policy looks at.
type MatchResources struct {
	ResourceRules []NamedRule `json:"resourceRules" pb:"3"`
}

// NamedRule is of MatchResources.
type NamedRule struct {
	OperationsRule `pb:"2"`
}

// MutatingAdmissionPolicy is of admissionregistration.k8s.io.
type MutatingAdmissionPolicy struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       MutatingSpec `json:"spec" pb:"2"`
}

// MutatingSpec is of a MutatingAdmissionPolicy.
type MutatingSpec struct {
	ParamKind        *ParamKind      `json:"paramKind" pb:"1"`
	MatchConstraints *MatchResources `json:"matchConstraints" pb:"2"`
	Variables        []Expression    `json:"variables" pb:"3"`
	Mutations        []Mutation      `json:"mutations" pb:"4"`
	FailurePolicy    *string         `json:"failurePolicy" pb:"5"` // nil: Fail
	MatchConditions  []Expression    `json:"matchConditions" pb:"6"`
}

// Mutation is of a MutatingAdmissionPolicy; one of its fields is set.
type Mutation struct {
	ApplyConfiguration *Patch `json:"applyConfiguration" pb:"3"`
	JSONPatch          *Patch `json:"jsonPatch" pb:"4"`
}

// Patch is of a Mutation.
type Patch struct {
	Expression string `json:"expression" pb:"1"`
}

// PolicyBinding is a ValidatingAdmissionPolicyBinding or a
// MutatingAdmissionPolicyBinding, which has no actions.
type PolicyBinding struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       PolicyBindingSpec `json:"spec" pb:"2"`
}

// PolicyBindingSpec is of a PolicyBinding.
type PolicyBindingSpec struct {
	PolicyName        string   `json:"policyName" pb:"1"`
	ValidationActions []string `json:"validationActions" pb:"4"`
}

// CustomResourceDefinition is an apiextensions.k8s.io/v1
// CustomResourceDefinition, without its schemas.
type CustomResourceDefinition struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       DefinitionSpec   `json:"spec" pb:"2"`
	Status     DefinitionStatus `json:"status" pb:"3"`
}

// DefinitionSpec is of a CustomResourceDefinition.
type DefinitionSpec struct {
	Group      string              `json:"group" pb:"1"`
	Names      DefinitionNames     `json:"names" pb:"3"`
	Scope      string              `json:"scope" pb:"4"` // Namespaced, Cluster
	Versions   []DefinitionVersion `json:"versions" pb:"7"`
	Conversion *Conversion         `json:"conversion" pb:"9"`
}

// DefinitionNames is of a CustomResourceDefinition.
type DefinitionNames struct {
	Plural string `json:"plural" pb:"1"`
	Kind   string `json:"kind" pb:"4"`
}

// DefinitionVersion is of a CustomResourceDefinition.
type DefinitionVersion struct {
	Name               string  `json:"name" pb:"1"`
	Served             bool    `json:"served" pb:"2"`
	Storage            bool    `json:"storage" pb:"3"`
	Deprecated         bool    `json:"deprecated" pb:"7"`
	DeprecationWarning *string `json:"deprecationWarning" pb:"8"`
}

// Conversion is of a CustomResourceDefinition.
type Conversion struct {
	Strategy string             `json:"strategy" pb:"1"` // None, Webhook
	Webhook  *ConversionWebhook `json:"webhook" pb:"2"`
}

// ConversionWebhook is of a Conversion.
type ConversionWebhook struct {
	ClientConfig *WebhookClient `json:"clientConfig" pb:"2"`
}

// DefinitionStatus is of a CustomResourceDefinition.
type DefinitionStatus struct {
	Conditions     []Condition `json:"conditions" pb:"1"`
	StoredVersions []string    `json:"storedVersions" pb:"3"`
}

// APIService is an apiregistration.k8s.io/v1 APIService.
type APIService struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       APIServiceSpec   `json:"spec" pb:"2"`
	Status     APIServiceStatus `json:"status" pb:"3"`
}

// APIServiceSpec is of an APIService.
type APIServiceSpec struct {
	Service *ServiceReference `json:"service" pb:"1"` // nil: the API server itself
}

// APIServiceStatus is of an APIService.
type APIServiceStatus struct {
	Conditions []APIServiceCondition `json:"conditions" pb:"1"`
}

// APIServiceCondition is of an APIService.
type APIServiceCondition struct {
	Type    string `json:"type" pb:"1"`
	Status  string `json:"status" pb:"2"`
	Message string `json:"message" pb:"5"`
}
