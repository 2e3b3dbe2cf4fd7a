package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonProblem says what is wrong with a text that must be JSON, in the words of
// the parser that AWS uses (Jackson), or "".
func jsonProblem(text, ifEmpty string) string {
	if strings.TrimSpace(text) == "" {
		return ifEmpty
	}
	var v any
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return ""
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err.Error()
	}
	at := int(syntax.Offset) - 1
	if strings.HasPrefix(syntax.Error(), "unexpected end") || at < 0 || at >= len(text) {
		return "Unexpected end-of-input"
	}
	r, _ := utf8.DecodeRuneInString(text[at:])
	unexpected := fmt.Sprintf("Unexpected character ('%c' (code %d)): ", r, r)
	switch what := syntax.Error(); {
	case strings.Contains(what, "looking for beginning of object key string"):
		return unexpected + "was expecting double-quote to start field name"
	case strings.Contains(what, "after object key:value pair"):
		return unexpected + "was expecting comma to separate Object entries"
	case strings.Contains(what, "after object key"):
		return unexpected + "was expecting a colon to separate field name and value"
	case strings.Contains(what, "after array element"):
		return unexpected + "was expecting comma to separate Array entries"
	case strings.Contains(what, "in string literal"):
		return fmt.Sprintf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", r)
	}
	if token := word(text, at); token != "" {
		return fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", token)
	}
	return unexpected + "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
}

// word is the identifier that a place in a text is in.
func word(text string, at int) string {
	letter := func(i int) bool {
		c := text[i]
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= utf8.RuneSelf
	}
	from, to := at, at
	for from > 0 && letter(from-1) {
		from--
	}
	for to < len(text) && letter(to) {
		to++
	}
	return text[from:to]
}
