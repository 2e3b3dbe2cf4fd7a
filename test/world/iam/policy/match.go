package policy

import (
	"strings"
	"unicode"
)

// Wildcards in a pattern; every other element is a character.
const (
	anyText rune = -1 // *
	anyOne  rune = -2 // ?
)

// glob turns a text without variables into a pattern.
func glob(text string) []rune {
	pattern := []rune(text)
	for i, r := range pattern {
		switch r {
		case '*':
			pattern[i] = anyText
		case '?':
			pattern[i] = anyOne
		}
	}
	return pattern
}

// matches reports whether a pattern matches the whole text, in time
// proportional to the product of their lengths at most.
func matches(pattern, text []rune) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == anyText:
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == anyOne || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyText {
		p++
	}
	return p == len(pattern)
}

// MatchAction reports whether an action matches a pattern such as "s3:Get*";
// case does not count.
func MatchAction(pattern, action string) bool {
	return matches(glob(strings.ToLower(pattern)), []rune(strings.ToLower(action)))
}

// expand turns a text of a policy into a pattern, with the values of its
// variables, in which nothing is a wildcard. It reports false when a variable
// has no value, or several: then nothing matches. Policies before 2012-10-17
// have no variables.
func (d *Document) expand(text string, c Context) ([]rune, bool) {
	if d.Version != Version {
		return glob(text), true
	}
	var pattern []rune
	for {
		before, rest, ok := strings.Cut(text, "${")
		pattern = append(pattern, glob(before)...)
		if !ok {
			return pattern, true
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return append(pattern, glob("${"+rest)...), true
		}
		value, ok := variable(name, c)
		if !ok {
			return nil, false
		}
		pattern = append(pattern, []rune(value)...)
		text = after
	}
}

// variable returns the value of ${name} or ${name, 'default'}.
func variable(name string, c Context) (string, bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	key, fallback, has := strings.Cut(name, ",")
	if values, ok := c.Get(strings.TrimSpace(key)); ok && len(values) == 1 {
		return values[0], true
	}
	if fallback = strings.TrimSpace(fallback); has && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		return fallback[1 : len(fallback)-1], true
	}
	return "", false
}

// variables calls f for the keys of the variables in a text.
func (d *Document) variables(text string, f func(key string)) {
	if d.Version != Version {
		return
	}
	for {
		_, rest, ok := strings.Cut(text, "${")
		if !ok {
			return
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return
		}
		if key, _, _ := strings.Cut(name, ","); strings.ContainsFunc(key, unicode.IsLetter) {
			f(strings.TrimSpace(key))
		}
		text = after
	}
}

// segments cuts a pattern or ARN at its first five colons.
func segments(arn []rune) [][]rune {
	var out [][]rune
	from := 0
	for i, r := range arn {
		if r == ':' && len(out) < 5 {
			out = append(out, arn[from:i])
			from = i + 1
		}
	}
	return append(out, arn[from:])
}

// matchARN compares the six parts of two ARNs each for itself: a wildcard does
// not reach over a colon, but in the last part. Parts that the pattern lacks
// match anything.
func matchARN(pattern []rune, arn string) bool {
	if len(pattern) == 1 && pattern[0] == anyText {
		return true
	}
	p, a := segments(pattern), segments([]rune(arn))
	if len(a) != 6 {
		return matches(pattern, []rune(arn))
	}
	if len(p) == 1 && len(p[0]) > 0 && p[0][len(p[0])-1] != anyText {
		return false
	}
	for i := range p {
		if !matches(p[i], a[i]) {
			return false
		}
	}
	return true
}
