package template

import (
	"maps"
	"slices"
	"strings"
)

// Resolve replaces the dynamic references in the text of v. path names what v
// is, for errors: "AWS::SSM::Parameter/Properties".
func (s *Scope) Resolve(v any, path string) (any, error) {
	switch v := v.(type) {
	case string:
		return s.resolveText(v, path)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			e, err := s.Resolve(item, path)
			if err != nil {
				return nil, err
			}
			out[i] = e
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			e, err := s.Resolve(v[key], path+"/"+key)
			if err != nil {
				return nil, err
			}
			out[key] = e
		}
		return out, nil
	}
	return v, nil
}

func (s *Scope) resolveText(text, path string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{{resolve:")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		reference, rest, closed := strings.Cut(after, "}}")
		if !closed {
			b.WriteString("{{resolve:" + after)
			return b.String(), nil
		}
		service, key, _ := strings.Cut(reference, ":")
		switch {
		case service == "ssm-secure":
			// None of the simulated types is one of those that may have it
			// (source: "Resources that support dynamic parameter patterns for
			// secure strings").
			return "", errorf("SSM Secure reference is not supported in: [%s]", path)
		case service != "ssm" || key == "":
			return "", errorf("the simulated AWS does not resolve {{resolve:%s}}", reference)
		case s.Dynamic == nil:
			return "", errorf("dynamic references cannot be used here")
		}
		value, err := s.Dynamic(service, key)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest
	}
}
