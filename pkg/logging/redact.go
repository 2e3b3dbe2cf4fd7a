package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"
)

// Redact removes secrets from a text: bearer and EKS tokens, keys and session
// tokens of AWS, signatures of presigned URLs, passwords in URLs, task tokens,
// and what the configuration calls secret (see Hide).
// It is a net for what slipped into an error, not a licence to log secrets.
func Redact(text string) string {
	lower := lowered(text)
	// First what is secret by its name: an expression that finds a part of such
	// a value must not leave the rest of it.
	if named := removeNamed(text, lower); named != text {
		text, lower = named, lowered(named)
	}
	return hide(replaceAll(secrets, text, lower))
}

func replaceAll(patterns []pattern, text, lower string) string {
	for _, p := range patterns {
		text = p.replace(text, lower)
	}
	return text
}

// Line makes one harmless line of a text that is not trusted: without secrets,
// of valid UTF-8, printable, and cut after so many characters.
func Line(text string, characters int) string {
	if most := 4*characters + 4096; len(text) > most { // more cannot show, and costs time; secrets that show are in it whole
		text = text[:most]
	}
	words := strings.FieldsFunc(strings.ToValidUTF8(Redact(text), "?"), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	line := []rune(strings.Join(words, " "))
	if len(line) > characters {
		return string(line[:characters]) + " ..."
	}
	return string(line)
}

var (
	// literal matches a string of JSON, with the colon when it is a name.
	literal     = lazy(`"(?:[^"\\]|\\.)*"(\s*:)?`)
	secretField = lazy(`(?i)` + secretName + `|^"(?:proxy-)?authorization"$`)
)

// redactLine redacts each string of a JSON line by itself, so that the line
// stays JSON, and the whole value of a field with a secret's name.
func redactLine(line []byte) []byte {
	if !json.Valid(line) {
		return []byte(Redact(string(line)))
	}
	if clean := replaceAll(pairs, string(line), lowered(string(line))); json.Valid([]byte(clean)) {
		line = []byte(clean)
	}
	secret := false
	return literal().ReplaceAllFunc(line, func(match []byte) []byte {
		if bytes.HasSuffix(match, []byte(":")) {
			secret = secretField().Match(match[:bytes.LastIndexByte(match, '"')+1])
			return match
		}
		if secret {
			return []byte(`"` + Removed + `"`)
		}
		var text string
		if json.Unmarshal(match, &text) != nil {
			return []byte(`"` + Removed + `"`) // cannot be in valid JSON; if it is, it stays secret
		}
		clean := Redact(text)
		if clean == text {
			return match
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(clean) != nil {
			return []byte(`"` + Removed + `"`)
		}
		return bytes.TrimSpace(b.Bytes())
	})
}

// redactor redacts each write; zerolog writes a line at once.
type redactor struct{ to io.Writer }

func (r redactor) Write(p []byte) (int, error) {
	if _, err := r.to.Write(redactLine(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
