package upgrade

// ReleaseNote is one entry of what Kubernetes or EKS announces of a version.
// Everything but Version, Source and Labels is text of somebody else's, with
// bounds: it is shown, and decides nothing alone.
type ReleaseNote struct {
	Version Version     `json:"version"`
	Source  NoteSource  `json:"source"`
	Section string      `json:"section"`        // heading it stands under: "Deprecation"
	Kind    string      `json:"kind,omitempty"` // of the section, as the Kubernetes project names kinds: "api-change"; empty: the section says none
	Text    string      `json:"text"`           // plain text
	SIGs    []string    `json:"sigs,omitempty"` // special interest groups: "API Machinery"
	PR      int         `json:"pr,omitempty"`   // number of the pull request in kubernetes/kubernetes; 0: none is named
	URL     string      `json:"url,omitempty"`  // of the pull request, or of the page
	Labels  []NoteLabel `json:"labels,omitempty"`
}

// NoteSource is whose announcement it is.
type NoteSource string

// The sources of release notes.
const (
	NotesOfKubernetes NoteSource = "kubernetes"
	NotesOfEKS        NoteSource = "eks"
)

// NoteLabel says what a note probably is, and by which words.
type NoteLabel struct {
	Name       NoteLabelName `json:"name"`
	Confidence float64       `json:"confidence"` // above 0, below 1; from NoteLikely on the note is taken to be it. docs/releasenotes.md has how often that is right
	Why        []string      `json:"why"`        // what in the text or its heading says so
}

// NoteLabelName is one of the labels of notes.
type NoteLabelName string

// The labels of notes.
const (
	NoteBreaking       NoteLabelName = "breaking"       // what worked before stops working
	NoteActionRequired NoteLabelName = "actionRequired" // somebody has to do something before or at the upgrade
	NoteDeprecation    NoteLabelName = "deprecation"    // still works, and will not for ever
	NoteAPIChange      NoteLabelName = "apiChange"      // changes what API objects look like or mean
)

// NoteLikely is the confidence from which a label is taken for true.
const NoteLikely = 0.5

// Confidence returns how sure it is that the note has a label; 0 where nothing
// says so.
func (n ReleaseNote) Confidence(name NoteLabelName) float64 {
	for _, l := range n.Labels {
		if l.Name == name {
			return l.Confidence
		}
	}
	return 0
}

// Is reports whether the note is taken to have a label.
func (n ReleaseNote) Is(name NoteLabelName) bool { return n.Confidence(name) >= NoteLikely }

// NoteOrigin says where the notes of one version were read, so that nobody
// takes an old copy for today's page.
type NoteOrigin struct {
	Source  NoteSource `json:"source"`
	Version Version    `json:"version"`
	From    NoteCopy   `json:"from"`
	URL     string     `json:"url,omitempty"` // what was asked for; empty: nothing was
	AsOf    Time       `json:"asOf,omitzero"` // when the text was last known to be the published one
	Why     string     `json:"why,omitempty"` // why it is not the published one
	Notes   int        `json:"notes"`
}

// NoteCopy is which copy of release notes was read.
type NoteCopy string

// The copies of release notes.
const (
	NotesPublished NoteCopy = "published" // fetched, or confirmed to be unchanged
	NotesCached    NoteCopy = "cached"    // fetched by an earlier upgrade; could not be confirmed
	NotesBundled   NoteCopy = "bundled"   // comes with the agent
)
