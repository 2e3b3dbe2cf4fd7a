// Package constraint checks members of requests against the constraints of a
// service's model, and says what is wrong in the words of AWS's front ends:
// "1 validation error detected: Value 'x' at 'roleSessionName' failed to
// satisfy constraint: Member must have length greater than or equal to 2".
package constraint

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Violations collects what is wrong with one request, in the order of the
// checks. The zero value is ready.
type Violations struct{ found []string }

func (v *Violations) add(member string, value *string, rule string) {
	shown := "null"
	if value != nil {
		shown = "'" + *value + "'"
	}
	v.found = append(v.found, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", shown, member, rule))
}

// Add says that a member's value breaks a rule, such as "be sorted".
func (v *Violations) Add(member, value, rule string) { v.add(member, &value, rule) }

// Required demands that the member is there and reports whether it is.
func (v *Violations) Required(member string, there bool) bool {
	if !there {
		v.add(member, nil, "not be null")
	}
	return there
}

// Text demands length and pattern of a member that may be missing; a maximum
// of 0 is none, a nil pattern any. The pattern is given as the model has it,
// and matches the whole.
func (v *Violations) Text(member string, value *string, minimum, maximum int, pattern *Pattern) {
	if value == nil {
		return
	}
	if n := utf8.RuneCountInString(*value); n < minimum {
		v.add(member, value, fmt.Sprintf("have length greater than or equal to %d", minimum))
	} else if maximum > 0 && n > maximum {
		v.add(member, value, fmt.Sprintf("have length less than or equal to %d", maximum))
	}
	if pattern != nil && !pattern.re.MatchString(*value) {
		v.add(member, value, "satisfy regular expression pattern: "+pattern.text)
	}
}

// RequiredText is Required and Text.
func (v *Violations) RequiredText(member string, value *string, minimum, maximum int, pattern *Pattern) {
	if v.Required(member, value != nil) {
		v.Text(member, value, minimum, maximum, pattern)
	}
}

// Range demands minimum <= value <= maximum of a number that may be missing.
func (v *Violations) Range(member string, value *int32, minimum, maximum int32) {
	if value == nil {
		return
	}
	shown := fmt.Sprint(*value)
	switch {
	case *value < minimum:
		v.add(member, &shown, fmt.Sprintf("have value greater than or equal to %d", minimum))
	case *value > maximum:
		v.add(member, &shown, fmt.Sprintf("have value less than or equal to %d", maximum))
	}
}

// OneOf demands that a member, if set, is one of the values of its enum.
func OneOf[E ~string](v *Violations, member string, value E, values []E) {
	if value == "" {
		return
	}
	var names []string
	for _, known := range values {
		if value == known {
			return
		}
		names = append(names, string(known))
	}
	text := string(value)
	v.add(member, &text, "satisfy enum value set: ["+strings.Join(names, ", ")+"]")
}

// Err is nil when nothing is wrong, and an error with the code and everything
// that is wrong otherwise.
func (v *Violations) Err(code string) error {
	switch n := len(v.found); n {
	case 0:
		return nil
	case 1:
		return wire.Errorf(code, "1 validation error detected: %s", v.found[0])
	default:
		return wire.Errorf(code, "%d validation errors detected: %s", n, strings.Join(v.found, "; "))
	}
}

// Pattern is a regular expression as a service's model has it.
type Pattern struct {
	text string
	re   *regexp.Regexp
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// MustPattern compiles a pattern, whose \uXXXX are Java's. It panics when the
// pattern is none.
func MustPattern(text string) *Pattern {
	return &Pattern{text, regexp.MustCompile(`\A(?:` + unicodeEscape.ReplaceAllString(text, `\x{$1}`) + `)\z`)}
}
