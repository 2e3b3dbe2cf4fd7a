package logging

import (
	"fmt"
	"regexp"
	"sync/atomic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// hidden are the patterns of Hide.
var hidden atomic.Pointer[[]*regexp.Regexp]

// Hide makes Redact, and with it every log line and error message of this
// process, remove what matches one of the patterns (RE2) too. A later call
// replaces the patterns of an earlier one.
func Hide(patterns []string) error {
	var all []*regexp.Regexp
	for i, p := range patterns {
		e, err := regexp.Compile(p)
		if err != nil || e.MatchString("") {
			return upgrade.KindInvalidConfiguration.Field("set up logging", fmt.Sprintf("security.redact[%d]", i), "is no regular expression, or matches the empty text", "correct it: RE2 syntax")
		}
		all = append(all, e)
	}
	hidden.Store(&all)
	return nil
}

func hide(text string) string {
	all := hidden.Load()
	if all == nil {
		return text
	}
	for _, e := range *all {
		text = e.ReplaceAllLiteralString(text, Removed)
	}
	return text
}
