package releasenotes

import (
	"bytes"
	"cmp"
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// A model is a logistic regression: the weights of features add up to the
// logarithm of the odds that a note has a label.
type model struct {
	bias    float64
	weights map[string]float64 // by feature
}

// weightsOfAPIChange are those of the label apiChange, trained on the labelled
// notes of 1.31 to 1.34. The other labels are too rare there (27 notes of 1,200
// ask for action, 21 deprecate) for a model to beat the cues: docs/releasenotes.md
// has the figures. To train anew:
//
//	go test ./pkg/perception/releasenotes -run TestWeights -update
//
//go:embed weights.tsv
var weightsOfAPIChange []byte

var apiChange = sync.OnceValue(func() model { return parseModel(weightsOfAPIChange) })

const biasRow = "bias"

// parseModel reads lines of a weight, a tab and a feature.
func parseModel(table []byte) model {
	m := model{weights: map[string]float64{}}
	for line := range bytes.Lines(table) {
		number, feature, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t")
		w, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil: // the comment
		case feature == biasRow:
			m.bias = w
		default:
			m.weights[feature] = w
		}
	}
	return m
}

func (m model) logit(features []string) float64 {
	sum := m.bias
	for _, f := range features {
		sum += m.weights[f]
	}
	return sum
}

// why returns the features that speak most for the label, with their weights
// above least.
func (m model) why(features []string) []string {
	const most, least = 4, 0.25
	var out []string
	for _, f := range features {
		if m.weights[f] >= least {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(m.weights[b], m.weights[a]) })
	return out[:min(len(out), most)]
}

// What is added to the logit so that a confidence of upgrade.NoteLikely is where
// F1 is best with a precision of about 0.6, by cross-validation over versions.
const (
	shiftWithSIGs = 0.6
	shiftAlone    = 1.0
	leastOfModel  = 0.2 // below, a note is as likely as any other
)

// confidence is the model's, from the features. Without SIGs the cues know
// about as much as the model and err elsewhere: both count the same.
func (m model) confidence(features []string, cues float64, sigs []string) float64 {
	if sigs != nil {
		return odds(m.logit(features) + shiftWithSIGs)
	}
	cues = min(max(cues, 1-certain), certain)
	return odds((m.logit(features) + shiftAlone + math.Log(cues/(1-cues))) / 2)
}

func odds(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }

// byWords replaces the confidence that a note changes an API by the model's.
func byWords(found labels, text string, sigs []string) {
	m, fs, cues := apiChange(), features(text, sigs), 0.0
	if l := found[upgrade.NoteAPIChange]; l != nil {
		cues = l.Confidence
	}
	delete(found, upgrade.NoteAPIChange)
	confidence, why := m.confidence(fs, cues, sigs), m.why(fs)
	if confidence >= leastOfModel && len(why) > 0 {
		found[upgrade.NoteAPIChange] = &upgrade.NoteLabel{Name: upgrade.NoteAPIChange, Confidence: confidence, Why: why}
	}
}
