package releasenotes

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// TestUnseenVersions tries what ships on the bundled 1.35 to 1.37, which nothing
// was tuned or trained on. The heading that an entry stands under is its
// authors' label, and is kept from the classifier. A heading names one kind
// only, so that what stands under "Deprecation" is left out of API changes.
func TestUnseenVersions(t *testing.T) {
	trained := map[int]bool{}
	for _, e := range examples() {
		trained[e.PR] = true
	}
	const cuesAlone, textAlone, withSIGs = "apiChange, cues alone", "apiChange, text alone", "apiChange, with SIGs"
	const act, old = "actionRequired, text alone", "deprecation, text alone"
	ways := []string{cuesAlone, textAlone, withSIGs, act, old}
	together := map[string]*tally{}
	for _, way := range ways {
		together[way] = &tally{}
	}
	for minor := 35; minor <= 37; minor++ {
		version := upgrade.Version{Major: 1, Minor: minor}
		source, _, err := Bundled(version)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range entries(source, version) {
			if trained[n.PR] {
				continue
			}
			alone := upgrade.ReleaseNote{Labels: Classify(n.Text, "")}
			together[act].count(alone.Is(upgrade.NoteActionRequired), n.Section == urgent)
			if n.Kind == "" {
				continue
			}
			together[old].count(alone.Is(upgrade.NoteDeprecation), n.Kind == "deprecation")
			if n.Kind == "deprecation" {
				continue
			}
			is, cues := n.Kind == "api-change", byCues(strings.ToLower(n.Text))[upgrade.NoteAPIChange]
			full := upgrade.ReleaseNote{Labels: Classify(n.Text, "", n.SIGs...)}
			together[cuesAlone].count(cues != nil && cues.Confidence >= upgrade.NoteLikely, is)
			together[textAlone].count(alone.Is(upgrade.NoteAPIChange), is)
			together[withSIGs].count(full.Is(upgrade.NoteAPIChange), is)
		}
	}
	for _, way := range ways {
		t.Logf("1.35 to 1.37 %-26s %v", way, together[way])
	}
	for way, floor := range map[string]struct{ precision, recall float64 }{textAlone: {0.60, 0.38}, withSIGs: {0.66, 0.60}} {
		if s := together[way]; s.precision() < floor.precision || s.recall() < floor.recall {
			t.Errorf("%s: %v is below %+v", way, s, floor)
		}
	}
	if s, cues := together[textAlone], together[cuesAlone]; s.hit <= cues.hit {
		t.Errorf("the model finds no more than the cues: %v, %v", s, cues)
	}
}
