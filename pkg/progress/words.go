package progress

import (
	"strings"
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

// Why is what follows the outcome on its line: the reason, without the outcome
// when the reason itself begins with it.
func Why(outcome, reason string) string {
	if rest, found := strings.CutPrefix(reason, outcome); found && (rest == "" || strings.ContainsAny(rest[:1], ":, ")) {
		return rest
	}
	return "  " + reason
}
