// Package rules reads what users know better than the agent: lifecycles of their
// own APIs, and findings that shall not count for a while, with the reason.
package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// MaxSize is the largest rules file that is read, in bytes.
const MaxSize = 1 << 20

// Set is a rules file. docs/rules.example.yaml explains it.
type Set struct {
	APIs         lifecycle.Table // of the user's own products; they overrule the agent's
	Suppressions []Suppression
}

// Suppression keeps findings from counting.
type Suppression struct {
	Check  string  `json:"check"`  // id of a check: "pdb-blocks-drain"
	Object Pattern `json:"object"` // what the finding is about
	Reason string  `json:"reason"`
	Until  string  `json:"until"` // last day on which it holds, "2026-12-31", in UTC
}

// Pattern selects objects; "*" stands for any characters, and a field that is
// empty for anything. Findings about the cluster as a whole have no object: only
// "*" matches them.
type Pattern struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
}

// file is a rules file as it is written.
type file struct {
	APIs         []lifecycle.Announcement `json:"apis"`
	Suppressions []Suppression            `json:"suppressions"`
}

// Parse reads a rules file, strictly: unknown fields and keys that are there
// twice are errors, and every error names the field and the remedy.
func Parse(data []byte) (Set, error) {
	const op = "read the rules"
	if len(data) > MaxSize {
		return Set{}, upgrade.KindInvalidInput.Field(op, "", fmt.Sprintf("%d bytes are more than the %d that are read", len(data), MaxSize), "split off what is not needed")
	}
	content, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return Set{}, upgrade.KindInvalidInput.Field(op, "", "not valid YAML: "+strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", "; "), "correct the YAML; docs/rules.example.yaml is an example")
	}
	if string(content) == "null" {
		return Set{}, nil // nothing but comments
	}
	f, err := upgrade.Decode[file](content)
	if err != nil {
		return Set{}, helpful(err)
	}
	set := Set{Suppressions: f.Suppressions}
	if set.APIs, err = lifecycle.Join("apis", f.APIs); err != nil {
		return Set{}, err
	}
	for i, s := range f.Suppressions {
		if err := s.validate(fmt.Sprintf("suppressions[%d]", i)); err != nil {
			return Set{}, err
		}
	}
	return set, nil
}

// helpful says what to do about the mistake that YAML invites: 1.30 is a number,
// and the same as 1.3.
func helpful(err error) error {
	var own *upgrade.Error
	if errors.As(err, &own) && strings.HasSuffix(own.Remedy, "upgrade.Version") {
		return own.WithRemedy(`write the release in quotes: "1.30"`)
	}
	return err
}

func (s Suppression) validate(at string) error {
	wrong := func(field, message, remedy string) error {
		return upgrade.KindInvalidInput.Field("read the rules", at+"."+field, message, remedy)
	}
	switch {
	case s.Check == "":
		return wrong("check", "is missing", "name the check: eks-upgrade checks lists them")
	case s.Object == Pattern{}:
		return wrong("object", "is missing", `say what it is about: {kind: PodDisruptionBudget, namespace: "team-*"}, or {name: "*"} for everything`)
	case strings.TrimSpace(s.Reason) == "":
		return wrong("reason", "is missing", "say why the finding shall not count: it stands in the assessment")
	}
	if _, err := time.Parse(time.DateOnly, s.Until); err != nil {
		return wrong("until", fmt.Sprintf("%q is no date", s.Until), `name the last day on which it holds: "2026-12-31"`)
	}
	return nil
}

// Unknown returns an error about the first suppression of a check that there is
// not, with the nearest name.
func (s Set) Unknown(checks []string) error {
	for i, x := range s.Suppressions {
		if !slices.Contains(checks, x.Check) {
			return upgrade.KindInvalidInput.Field("read the rules", fmt.Sprintf("suppressions[%d].check", i), fmt.Sprintf("there is no check %q", x.Check), "name a check: eks-upgrade checks lists them")
		}
	}
	return nil
}

// Expired reports whether the last day of a suppression is over.
func (s Suppression) Expired(now time.Time) bool {
	last, err := time.Parse(time.DateOnly, s.Until)
	return err != nil || !now.UTC().Before(last.AddDate(0, 0, 1))
}

// String returns "pdb-blocks-drain on PodDisruptionBudget team-*/*".
func (s Suppression) String() string {
	o := s.Object
	text := s.Check + " on " + strings.TrimSpace(o.APIVersion+" "+o.Kind)
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return strings.TrimSpace(text+" ") + " " + name
}

// Apply marks the findings that a suppression covers; they do not block any
// more. What could not be seen stays as it is.
func (s Set) Apply(findings []upgrade.Finding, now time.Time) {
	for i := range findings {
		f := &findings[i]
		if f.NotChecked {
			continue
		}
		for _, x := range s.Suppressions {
			if x.Check == f.Check && !x.Expired(now) && x.Object.matches(f.Object) {
				f.Suppressed, f.Blocks = &upgrade.Suppressed{Reason: x.Reason, Until: x.Until}, false
				break
			}
		}
	}
}

func (p Pattern) matches(object *upgrade.ObjectRef) bool {
	o := upgrade.ObjectRef{}
	if object != nil {
		o = *object
	}
	for _, x := range [][2]string{{p.APIVersion, o.APIVersion}, {p.Kind, o.Kind}, {p.Namespace, o.Namespace}, {p.Name, o.Name}} {
		if x[0] != "" && !glob(x[0], x[1]) {
			return false
		}
	}
	return true
}

// glob matches a text as a whole; "*" stands for any characters, none too.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return len(text) >= len(last) && strings.HasSuffix(text, last)
}
