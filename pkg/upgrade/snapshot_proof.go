package upgrade

import "fmt"

// Proof is what real API servers said of manifests that they were asked to
// create, without doing it: one of the version to reach and one of the version
// that runs. Only what the two say differently is a result.
type Proof struct {
	Version   Version        `json:"version"`           // of the API server that they were tried on
	Against   Version        `json:"against,omitzero"`  // of the one that it was compared with; zero: none, so that results may be nothing new
	Tried     int            `json:"tried"`             // manifests
	BySource  map[string]int `json:"bySource"`          // how many of each From
	Results   []ProofResult  `json:"results"`           // worst first
	Unchanged int            `json:"unchanged"`         // manifests that both versions reject, prune or warn about in the same way
	LeftOut   int            `json:"leftOut,omitempty"` // Secrets and other kinds that are never tried
	NotTried  []NotChecked   `json:"notTried,omitempty"`
	Back      *Proof         `json:"back,omitempty"` // of the way back from Version; nil: it was not tried
}

// Rollback reports whether the proof is of a way back: results are then what
// would be lost.
func (p Proof) Rollback() bool {
	return p.Against != (Version{}) && p.Version.Compare(p.Against) < 0
}

// ProofVerdict is what an API server made of a manifest.
type ProofVerdict string

// The verdicts, worst first.
const (
	ProofRejected ProofVerdict = "rejected"
	ProofPruned   ProofVerdict = "pruned" // taken, without some of its fields
	ProofWarned   ProofVerdict = "warned"
)

// ProofResult is one manifest that the version does not take as the other does.
type ProofResult struct {
	Object  ObjectRef      `json:"object"` // with the apiVersion that it was tried in
	Source  ManifestSource `json:"source"`
	Verdict ProofVerdict   `json:"verdict"`
	Words   []string       `json:"words"`            // the server's own: untrusted
	Fields  []string       `json:"fields,omitempty"` // of ProofPruned: "spec.template.spec.hostUsers"
}

// Where manifests come from.
const (
	FromLive        = "live"        // the object as the cluster serves it
	FromLastApplied = "lastApplied" // what kubectl apply was given, from the object's annotation
	FromHelm        = "helm"        // the stored manifest of a release
	FromFile        = "file"
)

// ManifestSource says where a manifest was found.
type ManifestSource struct {
	From string `json:"from"`
	Name string `json:"name,omitempty"` // of a release "namespace/name", of a file its path
}

// String returns "live", or "helm release default/web".
func (m ManifestSource) String() string {
	switch m.From {
	case FromLive:
		return "the live object"
	case FromLastApplied:
		return "what kubectl applied last"
	case FromHelm:
		return "Helm release " + m.Name
	}
	return fmt.Sprintf("%s %s", m.From, m.Name)
}
