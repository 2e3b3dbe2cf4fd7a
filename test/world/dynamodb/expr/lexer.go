// Package expr parses and evaluates DynamoDB's expressions: conditions, key
// conditions, filters, projections and updates.
package expr

import (
	"fmt"
	"strings"
)

type kind int

const (
	tokEnd    kind = iota
	tokName        // an identifier or a keyword
	tokAlias       // #name
	tokValue       // :value
	tokNumber      // an index
	tokSymbol      // punctuation and operators
)

type token struct {
	kind kind
	text string
	pos  int
}

// maxExpression is the longest expression DynamoDB takes, in bytes.
const maxExpression = 4096

// SyntaxError says where an expression stops making sense.
type SyntaxError struct{ Message string }

func (e *SyntaxError) Error() string { return e.Message }

func syntaxf(format string, args ...any) *SyntaxError {
	return &SyntaxError{fmt.Sprintf(format, args...)}
}

func lex(src string) ([]token, error) {
	if len(src) > maxExpression {
		return nil, syntaxf("Expression size has exceeded the maximum allowed size; expression size: %d", len(src))
	}
	if strings.TrimSpace(src) == "" {
		return nil, syntaxf("The expression can not be empty;")
	}
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isLetter(c):
			for i < len(src) && isWord(src[i]) {
				i++
			}
			out = append(out, token{tokName, src[start:i], start})
		case c == '#' || c == ':':
			i++
			for i < len(src) && isWord(src[i]) {
				i++
			}
			if i == start+1 {
				return nil, syntaxf("Syntax error; token: %q, near: %q", string(c), near(src, start))
			}
			k := tokAlias
			if c == ':' {
				k = tokValue
			}
			out = append(out, token{k, src[start:i], start})
		case isDigit(c):
			for i < len(src) && isDigit(src[i]) {
				i++
			}
			out = append(out, token{tokNumber, src[start:i], start})
		case strings.HasPrefix(src[i:], "<>") || strings.HasPrefix(src[i:], "<=") || strings.HasPrefix(src[i:], ">="):
			i += 2
			out = append(out, token{tokSymbol, src[start:i], start})
		case strings.IndexByte("=<>()[],.+-", c) >= 0:
			i++
			out = append(out, token{tokSymbol, src[start:i], start})
		default:
			return nil, syntaxf("Syntax error; token: %q, near: %q", string(c), near(src, start))
		}
	}
	return append(out, token{tokEnd, "<EOF>", len(src)}), nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }

// near returns the text around a position, as DynamoDB quotes it.
func near(src string, pos int) string {
	return src[max(0, pos-5):min(len(src), pos+6)]
}
