package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Severity of a Diagnostic, as ValidateStateMachineDefinition names it.
type Severity string

// The severities. A definition with an ERROR is refused.
const (
	SeverityError   Severity = "ERROR"
	SeverityWarning Severity = "WARNING"
)

// The codes of diagnostics, as AWS names them.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
const (
	schemaFailed          = "SCHEMA_VALIDATION_FAILED"
	invalidJSON           = "INVALID_JSON_DESCRIPTION"
	missingTarget         = "MISSING_TRANSITION_TARGET"
	missingEnd            = "MISSING_END_STATE"
	duplicateState        = "DUPLICATE_STATE_NAME"
	invalidStateName      = "INVALID_STATE_NAME"
	invalidLabelName      = "INVALID_LABEL_NAME"
	duplicateLabel        = "DUPLICATE_LABEL_NAME"
	invalidVariableName   = "INVALID_VARIABLE_NAME"
	reservedVariableName  = "RESERVED_VARIABLE_NAME"
	invalidExpression     = "INVALID_JSONATA_EXPRESSION"
	unsupportedExpression = "UNSUPPORTED_JSONATA_EXPRESSION"

	// Of warnings.
	noDollar         = "NO_DOLLAR"
	passResultStatic = "PASS_RESULT_IS_STATIC"
)

// Diagnostic is one thing wrong with a definition, as
// ValidateStateMachineDefinition tells it.
type Diagnostic struct {
	Severity Severity
	Code     string // SCHEMA_VALIDATION_FAILED, MISSING_TRANSITION_TARGET, ...
	Message  string
	Location string // where: /States/Wait/Seconds; empty when AWS gives none
}

// String is how CreateStateMachine tells it.
func (d Diagnostic) String() string {
	s := d.Code + ": " + d.Message
	if d.Location != "" {
		s += " at " + d.Location
	}
	return s
}

// DefinitionError is what Parse returns: all errors that were found.
type DefinitionError struct{ Problems []Diagnostic }

// Error is the message of AWS's InvalidDefinition.
func (e *DefinitionError) Error() string {
	var all []string
	for _, p := range e.Problems {
		all = append(all, p.String())
	}
	return "Invalid State Machine Definition: '" + strings.Join(all, ", ") + "'"
}

// Validate returns everything that is wrong with a definition, errors and
// warnings. One without errors is accepted by Parse.
func Validate(definition []byte) []Diagnostic {
	_, all := parse(definition)
	return all
}

// notJSON describes a text that is no JSON, in the words of the parser that
// AWS uses (Jackson).
func notJSON(raw []byte, err error) Diagnostic {
	at := len(raw)
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) && s.Offset > 0 {
		at = min(int(s.Offset)-1, len(raw))
	}
	why, what := "Unexpected end-of-input", err.Error()
	const value = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	switch start, word := wordAt(raw, at); {
	case at == len(raw), strings.HasPrefix(what, "unexpected end"):
		at = len(raw)
	case word != "" && (strings.Contains(what, "beginning of value") || strings.Contains(what, "in literal")):
		why = fmt.Sprintf("Unrecognized token '%s': was expecting %s", word, value)
		at = start + len(word)
	default:
		r, _ := utf8.DecodeRune(raw[at:])
		expected := "expected a valid value " + value
		switch {
		case strings.Contains(what, "beginning of object key string"):
			expected = "was expecting double-quote to start field name"
		case strings.Contains(what, "after object key:value pair"):
			expected = "was expecting comma to separate Object entries"
		case strings.Contains(what, "after object key"):
			expected = "was expecting a colon to separate field name and value"
		case strings.Contains(what, "after array element"):
			expected = "was expecting comma to separate Array entries"
		}
		why = fmt.Sprintf("Unexpected character ('%c' (code %d)): %s", r, r, expected)
	}
	before := string(raw[:at])
	line, column := 1+strings.Count(before, "\n"), at-strings.LastIndexByte(before, '\n')
	shown := string(raw) + `"`
	if len(raw) > 500 {
		shown = fmt.Sprintf("%s\"[truncated %d chars]", raw[:500], len(raw)-500)
	}
	source := fmt.Sprintf(`[Source: (String)"%s; line: %d, column: %d]`, shown, line, column)
	return Diagnostic{SeverityError, invalidJSON, why + "\n at " + source, source}
}

// wordAt is the word around a place, and where it begins.
func wordAt(raw []byte, at int) (start int, word string) {
	start, end := at, at
	for start > 0 && namePart(rune(raw[start-1])) {
		start--
	}
	for end < len(raw) && namePart(rune(raw[end])) {
		end++
	}
	if start == end || !nameStart(rune(raw[start])) {
		return at, ""
	}
	return start, string(raw[start:end])
}
