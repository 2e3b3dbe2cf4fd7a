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
	Source      Source           `json:"source"`
	Cluster     string           `json:"cluster"`
	TakenAt     Time             `json:"takenAt"`
	AWS         *ClusterState    `json:"aws,omitempty"`
	Kubernetes  *KubernetesState `json:"kubernetes,omitempty"`
	Notes       []ReleaseNote    `json:"releaseNotes,omitempty"`
	NoteOrigins []NoteOrigin     `json:"releaseNoteOrigins,omitempty"` // where Notes were read
	Scans       []Scan           `json:"scans,omitempty"`
	Proof       *Proof           `json:"proof,omitempty"`      // of the source scanners
	NotChecked  []NotChecked     `json:"notChecked,omitempty"` // what could not be seen; becomes findings
}

// NotChecked says what perception could not see. It is never a pass.
type NotChecked struct {
	Part   Part   `json:"part,omitempty"` // the part of the snapshot that is nil or incomplete for it
	What   string `json:"what"`           // "add-on versions"
	Why    string `json:"why"`            // the error, redacted
	Remedy string `json:"remedy"`         // how to let the agent see it
	Grant  *Grant `json:"grant,omitempty"`
}

// Grant is the Kubernetes permission that was missing: a rule of a ClusterRole.
type Grant struct {
	Verbs     []string `json:"verbs"`
	APIGroups []string `json:"apiGroups,omitempty"`
	Resources []string `json:"resources,omitempty"`
	Names     []string `json:"resourceNames,omitempty"`
	URLs      []string `json:"nonResourceURLs,omitempty"`
}

// Part names a part of a snapshot that checks need, by source and JSON field:
// "kubernetes.nodes". The parts are listed in package checks.
type Part string

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
