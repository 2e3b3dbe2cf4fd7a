package kubestate

import (
	"regexp"
	"strings"
)

// Bounds of what is looked at for hosts: a value can hold a whole file.
const (
	maxHostText = 16 << 10
	maxHosts    = 50
)

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	domain   = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	digits   = regexp.MustCompile(`^[0-9]{1,5}$`)
)

// notDomains are endings of names that are files, and beginnings of those of
// Java packages, both of which look like hosts.
var notDomains = map[string]bool{"yaml": true, "yml": true, "json": true, "jar": true, "py": true, "js": true, "ts": true, "sh": true, "conf": true, "cfg": true, "txt": true,
	"xml": true, "properties": true, "log": true, "crt": true, "pem": true, "key": true, "sock": true, "html": true, "so": true, "css": true, "md": true, "toml": true,
	"ini": true, "go": true, "java": true, "class": true, "db": true, "zip": true, "gz": true, "tar": true, "csv": true, "sql": true, "lock": true, "pid": true, "tmpl": true}

var packages = map[string]bool{"com": true, "org": true, "net": true, "io": true, "java": true, "javax": true}

// hosts returns the host names in a text, lower case, without credentials,
// ports and paths. With certain, only those of URLs: the text may be a secret
// that looks like a host.
func hosts(text string, certain bool) []string {
	if len(text) > maxHostText {
		text = text[:maxHostText]
	}
	var out []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;\"'`|<>()[]{}\\", r) }) {
		if host := hostOf(word, certain); host != "" && len(out) < maxHosts {
			out = append(out, host)
		}
	}
	return out
}

func hostOf(word string, certain bool) string {
	_, rest, isURL := cutLast(word, "://")
	if !isURL {
		if certain {
			return ""
		}
		_, value, found := strings.Cut(word, "=") // host=db.example.com
		if rest = word; found {
			rest = value
		}
	}
	rest, _, _ = strings.Cut(rest, "/")
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	credentials := strings.LastIndexByte(rest, '@')
	if credentials >= 0 && !isURL && !strings.Contains(rest, ".") {
		return ""
	}
	rest = rest[credentials+1:]
	host, port, hasPort := strings.Cut(rest, ":")
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(host) > 253 || !hostName.MatchString(host) || hasPort && !digits.MatchString(port) {
		return ""
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case !domain.MatchString(last): // an address, a version
		return ""
	case isURL:
		return host
	case hasPort:
		if port == "0" || len(labels) == 1 && !domain.MatchString(labels[0]) {
			return ""
		}
		return host
	case len(labels) < 2 || len(last) < 2 || notDomains[last] || packages[labels[0]] || rest != strings.ToLower(rest):
		return ""
	}
	return host
}

// cutLast cuts around the last separator: "jdbc:postgresql://db" and
// "replica+mongodb://a" have schemes of several parts.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
