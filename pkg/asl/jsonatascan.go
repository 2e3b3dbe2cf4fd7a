package asl

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// topLevelReferences lists the names that an expression looks up where there is
// nothing to look in: AWS evaluates expressions without a context, so that only
// $states and variables lead anywhere, and refuses the definition. src is an
// expression that parses.
func topLevelReferences(src string) []string {
	s := jsonataScanner{src: src}
	s.scan()
	return s.names
}

// jsonataScanner goes over the tokens of an expression and keeps track of
// whether they are within a step that gives them a context: after a dot, in a
// predicate, a grouping or a sort.
type jsonataScanner struct {
	src   string
	at    int
	names []string
	// within says for every open bracket whether there is a context inside.
	within []bool
	// operand says that the last token ended an operand: [ is a predicate
	// then, { a grouping, and / a division.
	operand bool
	// step says that the last token was a dot or a ^: what follows has a
	// context.
	step bool
}

func (s *jsonataScanner) inContext() bool {
	return s.step || slices.Contains(s.within, true)
}

func (s *jsonataScanner) scan() {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			s.at++
		case strings.HasPrefix(s.src[s.at:], "/*"):
			end := strings.Index(s.src[s.at+2:], "*/")
			if end < 0 {
				return
			}
			s.at += end + 4
		case c == '"' || c == '\'':
			end := closingQuote(s.src[s.at:])
			if end < 0 {
				return
			}
			s.at += end + 1
			s.ended()
		case c == '`':
			end := strings.IndexByte(s.src[s.at+1:], '`')
			if end < 0 {
				return
			}
			s.reference(s.src[s.at+1 : s.at+1+end])
			s.at += end + 2
		case c == '/' && !s.operand:
			s.regex()
		case strings.HasPrefix(s.src[s.at:], "$$"):
			s.reference("$$")
			s.at += 2
		case c == '$':
			s.at++
			s.at += s.wordLength()
			s.ended()
		case c >= '0' && c <= '9':
			for s.at < len(s.src) && (namePart(rune(s.src[s.at])) || s.src[s.at] == '.' && !strings.HasPrefix(s.src[s.at:], "..") && s.digitFollows()) {
				s.at++
			}
			s.ended()
		case c == '(' || c == '[' || c == '{':
			// A ( after a name calls a function; others after an operand or a
			// dot have the operand as context.
			context := s.inContext()
			if s.operand && c != '(' {
				context = true
			}
			s.within = append(s.within, context)
			s.at++
			s.operand, s.step = false, false
		case c == ')' || c == ']' || c == '}':
			if len(s.within) > 0 {
				s.within = s.within[:len(s.within)-1]
			}
			s.at++
			s.ended()
		case strings.HasPrefix(s.src[s.at:], ".."): // a range
			s.at += 2
			s.operand, s.step = false, false
		case c == '|': // a transform: its parts have a context of their own
			s.names = nil
			return
		case c == '.' || c == '^':
			s.at++
			s.operand, s.step = false, true
		case s.wordLength() > 0:
			s.word()
		default:
			// The wildcards are operands where one is expected.
			wild := (c == '*' || c == '%') && !s.operand
			s.at++
			s.operand, s.step = wild, false
		}
	}
}

func (s *jsonataScanner) digitFollows() bool {
	return s.at+1 < len(s.src) && s.src[s.at+1] >= '0' && s.src[s.at+1] <= '9'
}

func (s *jsonataScanner) ended() { s.operand, s.step = true, false }

func (s *jsonataScanner) wordLength() int {
	n := 0
	for i, r := range s.src[s.at:] {
		if !namePart(r) {
			break
		}
		n = i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			n = i + 1
		}
	}
	return n
}

// word reads a name or a keyword.
func (s *jsonataScanner) word() {
	n := s.wordLength()
	name := s.src[s.at : s.at+n]
	s.at += n
	switch name {
	case "and", "or", "in":
		if s.operand {
			s.operand = false
			return
		}
	case "true", "false", "null":
		s.ended()
		return
	case "function", "λ":
		if strings.HasPrefix(strings.TrimLeft(s.src[s.at:], " \t\r\n"), "(") {
			s.lambda()
			return
		}
	}
	s.reference(name)
}

// lambda skips the parameters of a function; its body is like any expression.
func (s *jsonataScanner) lambda() {
	brace := strings.IndexByte(s.src[s.at:], '{')
	if brace < 0 {
		s.at = len(s.src)
		return
	}
	s.at += brace + 1
	s.within = append(s.within, slices.Contains(s.within, true))
	s.operand, s.step = false, false
}

func (s *jsonataScanner) reference(name string) {
	if !s.inContext() && !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
	s.ended()
}

func (s *jsonataScanner) regex() {
	depth := 0
	for s.at++; s.at < len(s.src); s.at++ {
		switch s.src[s.at] {
		case '\\':
			s.at++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '/':
			if depth > 0 {
				continue
			}
			s.at++
			for s.at < len(s.src) && (s.src[s.at] == 'i' || s.src[s.at] == 'm') {
				s.at++
			}
			s.ended()
			return
		}
	}
}
