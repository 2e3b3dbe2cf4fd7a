package upgrade

// Insight of EKS. Names, reasons and recommendations are EKS's own text; user
// agents are anybody's: untrusted.
type Insight struct {
	ID             string               `json:"id"`
	Name           string               `json:"name"`
	Category       string               `json:"category"` // UPGRADE_READINESS, ROLLBACK_READINESS
	Version        Version              `json:"version"`  // that it is about; zero: every version
	Status         string               `json:"status"`   // PASSING, WARNING, ERROR, UNKNOWN
	Reason         string               `json:"reason,omitempty"`
	Recommendation string               `json:"recommendation,omitempty"`
	RefreshedAt    Time                 `json:"refreshedAt"`
	ChangedAt      Time                 `json:"changedAt,omitzero"` // when the status last changed
	Deprecations   []InsightDeprecation `json:"deprecations,omitempty"`
	Addons         []InsightAddon       `json:"addons,omitempty"`
	Resources      []InsightResource    `json:"resources,omitempty"`
}

// InsightDeprecation is an API version that is or was used, as EKS's audit logs
// show it. EKS keeps a client for 30 days after its last request, so that an
// insight outlives its cause.
type InsightDeprecation struct {
	Usage        string          `json:"usage"`                  // "/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas"
	ReplacedWith string          `json:"replacedWith,omitempty"` // likewise
	StartServing Version         `json:"startServing,omitzero"`  // first version that serves the replacement
	StopServing  Version         `json:"stopServing,omitzero"`   // first version that does not serve the usage
	Clients      []InsightClient `json:"clients,omitempty"`
}

// InsightClient is a client of a deprecated API version.
type InsightClient struct {
	UserAgent      string `json:"userAgent"`
	Requests30Days int    `json:"requests30Days"`
	LastRequest    Time   `json:"lastRequest,omitzero"`
}

// InsightAddon is an add-on whose version does not fit.
type InsightAddon struct {
	Name       string   `json:"name"`
	Compatible []string `json:"compatible,omitempty"` // versions that do
}

// InsightResource is something that an insight is about: an ARN of AWS or a URI
// of Kubernetes.
type InsightResource struct {
	ARN    string `json:"arn,omitempty"`
	URI    string `json:"uri,omitempty"`
	Status string `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// InsightsRefresh is what became of the refresh of insights that perception
// asked for.
type InsightsRefresh struct {
	Status    string `json:"status"` // COMPLETED, FAILED, IN_PROGRESS when it was not waited for any longer
	Message   string `json:"message,omitempty"`
	StartedAt Time   `json:"startedAt,omitzero"`
	EndedAt   Time   `json:"endedAt,omitzero"`
}
