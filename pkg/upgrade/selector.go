package upgrade

import "slices"

// IsZero reports whether the selector was not given at all.
func (s LabelSelector) IsZero() bool {
	return len(s.Labels) == 0 && len(s.Expressions) == 0 && !s.Empty
}

// Matches reports whether labels meet every requirement; a selector without any
// is met by all labels, so that callers ask IsZero first where that means
// something else. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
func (s LabelSelector) Matches(labels map[string]string) bool {
	for key, value := range s.Labels {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	for _, e := range s.Expressions {
		if !e.matches(labels) {
			return false
		}
	}
	return true
}

// matches is false for an operator that is not known: it selects nothing, as
// the API server would refuse it.
func (e LabelExpression) matches(labels map[string]string) bool {
	value, ok := labels[e.Key]
	switch e.Operator {
	case "In":
		return ok && slices.Contains(e.Values, value)
	case "NotIn":
		return !ok || !slices.Contains(e.Values, value)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}
