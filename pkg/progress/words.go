package progress

import (
	"strings"
	"time"
	"unicode"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Words writes a value of the domain as people do: "goWithApproval" becomes
// "go with approval".
func Words(value string) string {
	if value == string(upgrade.BlueGreen) {
		return "blue/green" // what everybody calls it
	}
	var b strings.Builder
	for _, r := range value {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// Span writes a duration without the units that are zero: "10m", "1h".
func Span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Why is what follows the outcome on its line: the reason, without the outcome
// when the reason itself begins with it.
func Why(outcome, reason string) string {
	if rest, found := strings.CutPrefix(reason, outcome); found && (rest == "" || strings.ContainsAny(rest[:1], ":, ")) {
		return rest
	}
	return "  " + reason
}
