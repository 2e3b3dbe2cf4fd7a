package upgrade

// DeprecatedAPI is one object with every sign that it is kept in an API version
// that goes away; or requests to such a version that no object explains.
type DeprecatedAPI struct {
	Object      ObjectRef  `json:"object"` // with the deprecated apiVersion; its name is empty when no object is known
	Deprecated  Version    `json:"deprecated,omitzero"`
	Removed     Version    `json:"removed,omitzero"` // first release that does not serve it; zero: no removal is announced
	Replacement string     `json:"replacement,omitempty"`
	Product     string     `json:"product,omitempty"` // whose releases Deprecated and Removed are; empty: Kubernetes
	Source      string     `json:"source,omitempty"`  // link to the announcement; empty: Kubernetes's own
	Evidence    []Evidence `json:"evidence"`
}

// EvidenceKind is where a sign was seen.
type EvidenceKind string

// The kinds of evidence.
const (
	EvidenceLive        EvidenceKind = "live"        // the object exists and is served in no version that stays
	EvidenceManager     EvidenceKind = "manager"     // an entry of managedFields: who wrote last, through which version
	EvidenceLastApplied EvidenceKind = "lastApplied" // the annotation that "kubectl apply" leaves
	EvidenceHelm        EvidenceKind = "helm"        // manifest of a Helm release
	EvidenceFile        EvidenceKind = "file"        // a manifest file, as Git has it
	EvidenceRequests    EvidenceKind = "requests"    // the API server's metric apiserver_requested_deprecated_apis
	EvidenceInsight     EvidenceKind = "insight"     // an upgrade insight of EKS: requests of the last 30 days
	EvidenceScanner     EvidenceKind = "scanner"     // kubent or pluto
)

// Evidence is one sign that an API version is used. Which fields are set depends
// on the kind.
type Evidence struct {
	Kind        EvidenceKind `json:"kind"`
	By          string       `json:"by,omitempty"`          // manager, user agent or scanner
	Operation   string       `json:"operation,omitempty"`   // of a manager: Apply, Update
	Subresource string       `json:"subresource,omitempty"` // of a manager or a request
	At          Time         `json:"at,omitzero"`           // of the last write or request
	Requests    int          `json:"requests,omitempty"`    // of an insight: in 30 days
	Release     ObjectName   `json:"release,omitzero"`      // of Helm
	Revision    int          `json:"revision,omitempty"`    // of Helm
	Chart       string       `json:"chart,omitempty"`       // of Helm: "ingress-nginx-4.0.1"
	Old         bool         `json:"old,omitempty"`         // of Helm: of a revision that is not deployed
	File        string       `json:"file,omitempty"`        // manifest file, or template of a chart
	Line        int          `json:"line,omitempty"`        // of the object in File, from 1
	Text        string       `json:"text,omitempty"`        // what else there is to say
}

// RequestedAPI is an API that the API server counts as deprecated and requested
// since it started. Which client asked it does not say.
type RequestedAPI struct {
	Group       string  `json:"group"`
	Version     string  `json:"version"`
	Resource    string  `json:"resource"` // plural
	Subresource string  `json:"subresource,omitempty"`
	Removed     Version `json:"removed,omitzero"`
}

// HelmRelease is one release of Helm 3 as its stored revisions describe it.
// Values are secret and not kept.
type HelmRelease struct {
	Name       string       `json:"name"`
	Namespace  string       `json:"namespace"`
	Storage    string       `json:"storage"`              // Secret, ConfigMap
	Revisions  int          `json:"revisions"`            // that are stored
	Last       HelmRevision `json:"last"`                 // the newest
	Deployed   HelmRevision `json:"deployed,omitzero"`    // the one that Helm compares the next upgrade with; zero: none
	Deprecated []HelmObject `json:"deprecated,omitempty"` // objects of Deployed whose API version is deprecated
	Unserved   []HelmObject `json:"unserved,omitempty"`   // objects of Deployed whose API version the cluster does not serve
	Old        []HelmObject `json:"old,omitempty"`        // with a deprecated API version, in revisions that are not deployed and not in Deployed
}

// HelmRevision is one stored revision.
type HelmRevision struct {
	Revision    int    `json:"revision"`
	Status      string `json:"status"`                // as Helm spells it: deployed, failed, pending-upgrade ...
	Chart       string `json:"chart"`                 // "ingress-nginx-4.0.1"
	AppVersion  string `json:"appVersion,omitempty"`  // of the chart
	KubeVersion string `json:"kubeVersion,omitempty"` // constraint of the chart
	UpdatedAt   Time   `json:"updatedAt,omitzero"`
}

// HelmObject is an object of a release's manifest.
type HelmObject struct {
	Object      ObjectRef `json:"object"`
	Template    string    `json:"template,omitempty"` // "ingress-nginx/templates/psp.yaml"
	Revision    int       `json:"revision,omitempty"` // of HelmRelease.Old: the newest that has it
	Hook        bool      `json:"hook,omitempty"`     // Helm does not compare hooks with the next revision
	Deprecated  Version   `json:"deprecated,omitzero"`
	Removed     Version   `json:"removed,omitzero"`
	Replacement string    `json:"replacement,omitempty"`
	Product     string    `json:"product,omitempty"`
}

// Scan is what one external scanner found.
type Scan struct {
	Tool     string        `json:"tool"`    // kubent, pluto
	Version  string        `json:"version"` // of the tool
	Findings []ScanFinding `json:"findings"`
}

// ScanFinding is one result of a scanner, with what the agent's own table says
// of the same API.
type ScanFinding struct {
	Object      ObjectRef `json:"object"`
	Component   string    `json:"component"` // whose releases these are: k8s, istio, cert-manager
	Deprecated  Version   `json:"deprecated,omitzero"`
	Removed     Version   `json:"removed,omitzero"`
	Replacement string    `json:"replacement,omitempty"`
	File        string    `json:"file,omitempty"` // that the tool read
	Rule        string    `json:"rule"`           // the tool's own words
	Ours        *OurAPI   `json:"ours"`           // nil: the agent's table does not have the API
}

// OurAPI is what the agent's table says of an API that a scanner found.
type OurAPI struct {
	Deprecated  Version `json:"deprecated,omitzero"`
	Removed     Version `json:"removed,omitzero"`
	Replacement string  `json:"replacement,omitempty"`
	Product     string  `json:"product,omitempty"`
}
