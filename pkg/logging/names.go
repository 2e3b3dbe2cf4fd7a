package logging

import (
	"regexp"
	"slices"
	"strings"
)

// secretNames are the names of things that are secret, in lower case; "_"
// stands for nothing, an underscore or a hyphen. A name that has one of them
// in it is secret too: "grafanaAdminPassword", "AWS_SESSION_TOKEN".
var secretNames = spelled("secret_access_key", "secret_key", "secret_string", "session_token", "security_token", "task_token", "auth_token", "access_token",
	"refresh_token", "id_token", "bearer_token", "client_secret", "api_key", "private_key", "account_key", "routing_key", "client-key-data", "tls.key",
	"passwd", "password", "passphrase")

// spelled lists each name in all its spellings.
func spelled(names ...string) []string {
	var all []string
	for _, name := range names {
		forms := []string{""}
		for i, part := range strings.Split(name, "_") {
			var next []string
			for _, f := range forms {
				if i == 0 {
					next = append(next, part)
					continue
				}
				next = append(next, f+part, f+"_"+part, f+"-"+part)
			}
			forms = next
		}
		all = append(all, forms...)
	}
	return all
}

const (
	restOfName = `[A-Za-z0-9_.-]*`
	separator  = `\s*(?::=|=>|[:=]|\\u003[dD])\s*`
	gone       = `\[REDACTED\]` // what was removed before is not removed again
)

// values are the forms in which a value follows a name: quoted with anything
// in it, quoted inside of a string, as an element of XML, as a word. The first
// group is kept.
var values = []func() *regexp.Regexp{
	lazy(`^(` + restOfName + `"?` + separator + `")(?:[^"\\]|\\.)*`),
	lazy(`^(` + restOfName + `'?` + separator + `')[^']*`),
	lazy(`^(` + restOfName + `\\+["']` + separator + `\\+["'])[^"'\\]*`),
	lazy(`^([A-Za-z]*>)[^<\s][^<]*`),
	lazy(`^(` + restOfName + `(?:\\*["'])?` + separator + `(?:\\*["'])?)(?:` + gone + `|[^\s"'\\,;&}\])]+)`),
}

// removeNamed removes the values that follow the name of a secret. Expressions
// look only where a name ends: searching for all names by one expression would
// take a hundred times as long.
func removeNamed(text, lower string) string {
	ends := ends(lower)
	if len(ends) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for _, end := range ends {
		if end < done {
			continue
		}
		for _, v := range values {
			if m := v().FindStringSubmatchIndex(text[end:]); m != nil {
				b.WriteString(text[done:end+m[3]] + Removed)
				done = end + m[1]
				break
			}
		}
	}
	b.WriteString(text[done:])
	return b.String()
}

// ends returns where the names of secrets end in a text of lower case, in
// order.
func ends(lower string) []int {
	var all []int
	if !strings.Contains(lower, "key") && !strings.Contains(lower, "token") && !strings.Contains(lower, "secret") && !strings.Contains(lower, "pass") {
		return nil
	}
	for _, name := range secretNames {
		for from := 0; ; {
			i := strings.Index(lower[from:], name)
			if i < 0 {
				break
			}
			from += i + len(name)
			all = append(all, from)
		}
	}
	slices.Sort(all)
	return all
}

// lowered is text with the letters of ASCII in lower case, of the same length.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
