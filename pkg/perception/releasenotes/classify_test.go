package releasenotes_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestClassifyKnowsWhatANoteAsksForAndWhatItNearlyDoes(t *testing.T) {
	const (
		act, breaks, old, api = upgrade.NoteActionRequired, upgrade.NoteBreaking, upgrade.NoteDeprecation, upgrade.NoteAPIChange
	)
	tests := []struct {
		text, section string
		is, isNot     []upgrade.NoteLabelName
	}{
		{"ACTION REQUIRED: change your plugin.", "", []upgrade.NoteLabelName{act, breaks}, nil},
		{"The beta API is served. No action is required when upgrading.", "", nil, []upgrade.NoteLabelName{act, breaks}},
		{"kubelet: removed the deprecated flag --cloud-config from the command line.", "", []upgrade.NoteLabelName{breaks}, []upgrade.NoteLabelName{old}},
		{"Removed an inaccurate statement about ports.", "", nil, []upgrade.NoteLabelName{breaks, act}},
		{"The API is deprecated and will be removed in 1.36.", "", []upgrade.NoteLabelName{old}, nil},
		{"Replaced deprecated package k8s.io/utils/pointer for the reflector.", "", nil, []upgrade.NoteLabelName{old, breaks}},
		{"The deprecated feature gate was removed.", "", nil, []upgrade.NoteLabelName{old}},
		{"Added a new field spec.resize to the Pod API.", "", []upgrade.NoteLabelName{api}, []upgrade.NoteLabelName{old, breaks}},
		{"kubectl: added a field to the output of the API.", "", nil, []upgrade.NoteLabelName{api}},
		{"[action-required] Change your plugin.", "", []upgrade.NoteLabelName{act}, nil},
		{"Actions are needed: change your plugin.", "", []upgrade.NoteLabelName{act}, nil},
		{"No manual action is needed.", "", nil, []upgrade.NoteLabelName{act, breaks}},
		{"Something.", "Deprecation", []upgrade.NoteLabelName{old}, []upgrade.NoteLabelName{api}},
		{"Something.", "API Change", []upgrade.NoteLabelName{api}, []upgrade.NoteLabelName{old}},
		{"Something.", "Urgent Upgrade Notes", []upgrade.NoteLabelName{act, breaks}, nil},
		{"Something.", "Feature", nil, []upgrade.NoteLabelName{act, breaks, old, api}},
		{"", "", nil, []upgrade.NoteLabelName{act, breaks, old, api}},
	}
	for _, tt := range tests {
		n := upgrade.ReleaseNote{Labels: releasenotes.Classify(tt.text, tt.section)}
		for _, name := range tt.is {
			if !n.Is(name) {
				t.Errorf("%q under %q is not %s: %+v", tt.text, tt.section, name, n.Labels)
			}
		}
		for _, name := range tt.isNot {
			if n.Is(name) {
				t.Errorf("%q under %q is %s: %+v", tt.text, tt.section, name, n.Labels)
			}
		}
	}
}

func TestClassifyReadsSIGs(t *testing.T) {
	const text = "Promoted the MatchLabelKeys fields of affinity to beta."
	of := func(labels []upgrade.NoteLabel) float64 {
		return upgrade.ReleaseNote{Labels: labels}.Confidence(upgrade.NoteAPIChange)
	}
	told := of(releasenotes.Classify(text, "", "API Machinery", "Apps", "Node", "Scheduling", "Testing"))
	read := of(releasenotes.Classify(text+" (#134298, @somebody) [SIG API Machinery, Apps, Node, Scheduling and Testing]", ""))
	other := of(releasenotes.Classify(text, "", "CLI"))
	if told != read || told < upgrade.NoteLikely || other >= told {
		t.Errorf("with SIGs %v, with SIGs in the text %v, with another SIG %v", told, read, other)
	}
	labels := releasenotes.Classify(text, "", "API Machinery", "Apps")
	if i := slices.IndexFunc(labels, func(l upgrade.NoteLabel) bool { return l.Name == upgrade.NoteAPIChange }); i < 0 || !slices.Contains(labels[i].Why, "names a field") {
		t.Errorf("nothing says why: %+v", labels)
	}
}

// labelled is a note with its authors' labels.
type labelled struct {
	PR             int
	Text           string
	Kinds          []string
	ActionRequired bool
}

func (n labelled) is(name upgrade.NoteLabelName) bool {
	switch name {
	case upgrade.NoteActionRequired:
		return n.ActionRequired
	case upgrade.NoteDeprecation:
		return slices.Contains(n.Kinds, "deprecation")
	}
	return slices.Contains(n.Kinds, "api-change")
}

type score struct{ hit, wrong, missed int }

func (s *score) count(said, is bool) {
	switch {
	case said && is:
		s.hit++
	case said:
		s.wrong++
	case is:
		s.missed++
	}
}

func (s score) precision() float64 { return float64(s.hit) / float64(max(s.hit+s.wrong, 1)) }
func (s score) recall() float64    { return float64(s.hit) / float64(max(s.hit+s.missed, 1)) }
func (s score) String() string {
	return fmt.Sprintf("precision %.2f recall %.2f (%d right, %d wrong, %d missed)", s.precision(), s.recall(), s.hit, s.wrong, s.missed)
}

// TestLabels measures the classifier against the authors' own labels. Their
// labels are theirs: not every note that says "action required" has the label,
// and some with it say nothing of the kind. The floors are those of the versions
// that no cue was tuned on; of API changes from the text alone, which the model
// was trained on, TestModelOnVersionsItHasNotSeen has what counts.
func TestLabels(t *testing.T) {
	type key struct {
		minor   int
		name    upgrade.NoteLabelName
		heading bool
	}
	scores := map[key]*score{}
	names := []upgrade.NoteLabelName{upgrade.NoteActionRequired, upgrade.NoteDeprecation, upgrade.NoteAPIChange}
	at := func(minor int, name upgrade.NoteLabelName, heading bool) *score {
		k := key{minor, name, heading}
		if scores[k] == nil {
			scores[k] = &score{}
		}
		return scores[k]
	}
	for minor := 31; minor <= 34; minor++ {
		data, err := os.ReadFile(fmt.Sprintf("testdata/labelled-1.%d.json", minor))
		if err != nil {
			t.Fatal(err)
		}
		var notes []labelled
		if err := json.Unmarshal(data, &notes); err != nil {
			t.Fatal(err)
		}
		source, _, err := releasenotes.Bundled(v(minor))
		if err != nil {
			t.Fatal(err)
		}
		published := map[int]upgrade.ReleaseNote{} // as a cluster's owner gets them
		for _, n := range releasenotes.ParseMarkdown(source, v(minor)) {
			if _, twice := published[n.PR]; !twice || n.Section == "Urgent Upgrade Notes" {
				published[n.PR] = n
			}
		}
		for _, n := range notes {
			alone := upgrade.ReleaseNote{Labels: releasenotes.Classify(releasenotes.Plain(n.Text), "")}
			for _, name := range names {
				at(minor, name, false).count(alone.Is(name), n.is(name))
				if p, ok := published[n.PR]; ok {
					at(minor, name, true).count(p.Is(name), n.is(name))
				}
			}
		}
	}
	floors := map[key]struct{ precision, recall float64 }{
		{name: upgrade.NoteActionRequired}: {0.80, 0.40}, {name: upgrade.NoteActionRequired, heading: true}: {0.80, 0.60},
		{name: upgrade.NoteDeprecation}: {0.40, 0.45}, {name: upgrade.NoteDeprecation, heading: true}: {0.95, 0.95},
		{name: upgrade.NoteAPIChange}: {0.50, 0.35}, {name: upgrade.NoteAPIChange, heading: true}: {0.95, 0.95},
	}
	for _, name := range names {
		for _, heading := range []bool{false, true} {
			var held score
			for minor := 31; minor <= 34; minor++ {
				s := at(minor, name, heading)
				how := "text alone  "
				if heading {
					how = "with heading"
				}
				tuned := "held out"
				if name == upgrade.NoteAPIChange && !heading {
					tuned = "trained on" // see TestModelOnVersionsItHasNotSeen
				} else if minor%2 == 1 {
					tuned = "tuned on"
				}
				if minor%2 == 0 {
					held = score{held.hit + s.hit, held.wrong + s.wrong, held.missed + s.missed}
				}
				t.Logf("%-14s %s 1.%d (%s): %v", name, how, minor, tuned, s)
			}
			t.Logf("%-14s 1.32 and 1.34 together: %v", name, held)
			if floor := floors[key{name: name, heading: heading}]; held.precision() < floor.precision || held.recall() < floor.recall {
				t.Errorf("%s, heading %v: %v is below %+v", name, heading, held, floor)
			}
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("ACTION REQUIRED: x", "API Change")
	f.Add("removed \xff", "Urgent Upgrade Notes")
	f.Fuzz(func(t *testing.T, text, section string) {
		for i, l := range releasenotes.Classify(text, section) {
			if l.Confidence <= 0 || l.Confidence >= 1 || len(l.Why) == 0 || i > 3 {
				t.Errorf("%+v", l)
			}
		}
		if plain := releasenotes.Plain(text); !utf8.ValidString(plain) {
			t.Errorf("%q", plain)
		}
	})
}
