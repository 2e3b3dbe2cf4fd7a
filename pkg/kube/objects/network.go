package objects

// Service is a v1 Service.
type Service struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       ServiceSpec   `json:"spec" pb:"2"`
	Status     ServiceStatus `json:"status" pb:"3"`
}

// ServiceSpec is of a Service.
type ServiceSpec struct {
	Ports             []ServicePort     `json:"ports" pb:"1"`
	Selector          map[string]string `json:"selector" pb:"2"`
	Type              string            `json:"type" pb:"4"`
	ExternalName      string            `json:"externalName" pb:"10"`
	LoadBalancerClass *string           `json:"loadBalancerClass" pb:"21"`
}

// ServicePort is of a ServiceSpec.
type ServicePort struct {
	Name string `json:"name" pb:"1"`
}

// ServiceStatus is of a Service.
type ServiceStatus struct {
	LoadBalancer LoadBalancerStatus `json:"loadBalancer" pb:"1"`
}

// LoadBalancerStatus is of a Service or an Ingress.
type LoadBalancerStatus struct {
	Ingress []LoadBalancerIngress `json:"ingress" pb:"1"`
}

// LoadBalancerIngress has a host name, on AWS, or an address.
type LoadBalancerIngress struct {
	IP       string `json:"ip" pb:"1"`
	Hostname string `json:"hostname" pb:"2"`
}

// IngressClass is a networking.k8s.io/v1 IngressClass.
type IngressClass struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       IngressClassSpec `json:"spec" pb:"2"`
}

// IngressClassSpec is of an IngressClass.
type IngressClassSpec struct {
	Controller string `json:"controller" pb:"1"`
}

// EndpointSlice is a discovery.k8s.io/v1 EndpointSlice.
type EndpointSlice struct {
	ObjectMeta  `json:"metadata" pb:"1"`
	Endpoints   []Endpoint `json:"endpoints" pb:"2"`
	AddressType string     `json:"addressType" pb:"4"` // IPv4, IPv6, FQDN
}

// Endpoint is of an EndpointSlice.
type Endpoint struct {
	Addresses  []string           `json:"addresses" pb:"1,unique"`
	Conditions EndpointConditions `json:"conditions" pb:"2"`
}

// EndpointConditions is of an Endpoint.
type EndpointConditions struct {
	Ready *bool `json:"ready" pb:"1"` // nil: true
}

// Ingress is a networking.k8s.io/v1 Ingress.
type Ingress struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       IngressSpec   `json:"spec" pb:"2"`
	Status     ServiceStatus `json:"status" pb:"3"`
}

// IngressSpec is of an Ingress.
type IngressSpec struct {
	DefaultBackend   *IngressBackend `json:"defaultBackend" pb:"1"`
	Rules            []IngressRule   `json:"rules" pb:"3"`
	IngressClassName *string         `json:"ingressClassName" pb:"4"`
}

// IngressRule is of an IngressSpec.
type IngressRule struct {
	Host             string `json:"host" pb:"1"`
	IngressRuleValue `pb:"2"`
}

// IngressRuleValue is of an IngressRule.
type IngressRuleValue struct {
	HTTP *IngressPaths `json:"http" pb:"1"`
}

// IngressPaths is of an IngressRule.
type IngressPaths struct {
	Paths []IngressPath `json:"paths" pb:"1"`
}

// IngressPath is of IngressPaths.
type IngressPath struct {
	Backend IngressBackend `json:"backend" pb:"2"`
}

// IngressBackend is a Service, or another object.
type IngressBackend struct {
	Service *LocalReference `json:"service" pb:"4"`
}
