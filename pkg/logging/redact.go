package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// Removed stands where a secret was.
const Removed = "[REDACTED]"

const (
	// secretName matches the names of things that are secret.
	secretName = `(?:secret[_-]?access[_-]?key|secret[_-]?key|session[_-]?token|security[_-]?token|task[_-]?token|auth[_-]?token|access[_-]?token|refresh[_-]?token|id[_-]?token|bearer[_-]?token|client[_-]?secret|api[_-]?key|private[_-]?key|passwd|password|passphrase)`

	quote  = `(?:\\*["'])?` // as it is, or escaped once or more
	equals = quote + `\s*(?::=|=>|[:=]|\\u003[dD])\s*` + quote
	gone   = `\[REDACTED\]` // what was removed before is not removed again
)

// secrets are the forms in which secrets reach texts: errors of the SDK carry
// presigned URLs, those of Kubernetes clients carry headers, those of builds
// carry environments. The first group is kept and the rest of the match, up to
// the second group, is removed.
var secrets = compile(
	// What is secret by its own form.
	`()k8s-aws-v1\.[A-Za-z0-9_=-]+`,                             // token of aws-iam-authenticator and of EKS
	`()eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`, // JSON web token
	`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:`+gone+`|.*?(?:-----END [A-Z ]*KEY-----|$))`,
	`()\b(?:ghp|gho|ghs|ghu|ghr|github_pat|glpat)[_-][A-Za-z0-9_-]{16,}`,
	`()\bAQ(?:o|C|I)[A-Za-z]{0,3}[A-Za-z0-9+/=_-]{96,}`, // task tokens of Step Functions begin like this
	`()\b(?:IQo|FwoG|FQoG)[A-Za-z0-9+/=%_-]{60,}`,       // session tokens of STS
	// What is secret by where it stands.
	`(?i)(\b(?:authorization|proxy-authorization)`+equals+`)(?:`+gone+`|\[?\s*(?:Bearer|Basic|Digest)\s+[^\s"'\\,\]]+\]?|AWS4-HMAC-SHA256[^"'\\\n]*|[^\s"'\\,\]]+)`,
	`(?i)(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{20,}`,
	`(?i)((?:[?&]|%3F|%26|\\u0026|\b)X-Amz-(?:Signature|Security-Token|Credential)(?:`+equals+`|%3D))(?:`+gone+`|[^&\s"'\\<>]+)`,
	`(?i)(\bSignature=)[0-9a-f]{32,}`,
	`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@"'\\]*:)[^\s/@"'\\]+(@)`,
	`(?i)([A-Za-z0-9_.-]*`+secretName+`[A-Za-z0-9_.-]*`+equals+`)(?:`+gone+`|[^\s"'\\,;&}\])]+)`,
	`(?i)(--task-token\s+)[^\s"'-][^\s"']*`,
	`(?i)(\b[A-Za-z0-9_.-]*token`+equals+`)[A-Za-z0-9+/=._%-]{20,}`,
)

func compile(patterns ...string) []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile(p))
	}
	return all
}

// Redact removes secrets from a text: bearer and EKS tokens, keys and session
// tokens of AWS, signatures of presigned URLs, passwords in URLs, task tokens,
// and what the configuration calls secret (see Hide).
// It is a net for what slipped into an error, not a licence to log secrets.
func Redact(text string) string {
	for _, s := range secrets {
		text = s.ReplaceAllString(text, "${1}"+Removed+"${2}")
	}
	return hide(text)
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
	literal     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?`)
	secretField = regexp.MustCompile(`(?i)` + secretName + `|^"(?:proxy-)?authorization"$`)
)

// redactLine redacts each string of a JSON line by itself, so that the line
// stays JSON, and the whole value of a field with a secret's name.
func redactLine(line []byte) []byte {
	if !json.Valid(line) {
		return []byte(Redact(string(line)))
	}
	secret := false
	return literal.ReplaceAllFunc(line, func(match []byte) []byte {
		if bytes.HasSuffix(match, []byte(":")) {
			secret = secretField.Match(match[:bytes.LastIndexByte(match, '"')+1])
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
