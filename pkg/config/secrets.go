package config

import (
	"math"
	"regexp"
	"strings"
	"unicode"
)

// secretNames match the last part of a key that names a secret.
var secretNames = regexp.MustCompile(`(?i)(?:token|password|passwd|passphrase|secret|credential|api[_-]?key|access[_-]?key|private[_-]?key|webhook)s?$`)

// SecretName reports whether a key, or a variable, names a secret.
func SecretName(key string) bool { return secretNames.MatchString(key) }

// secretShapes are forms of which there are nothing but secrets.
var secretShapes = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"an access key of AWS", regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)},
	{"a token of GitHub", regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})`)},
	{"a token of GitLab", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{16,}`)},
	{"a token of Slack", regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{8,}`)},
	{"a webhook of Slack", regexp.MustCompile(`(?i)\bhooks\.slack\.com/[a-z]+/[A-Za-z0-9/_-]+`)},
	{"a webhook of Teams", regexp.MustCompile(`(?i)\.webhook\.office\.com/|\blogic\.azure\.com[:/].*[?&]sig=|\.powerplatform\.com[:/].*[?&]sig=`)},
	{"a webhook of Discord", regexp.MustCompile(`(?i)\bdiscord(?:app)?\.com/api/webhooks/`)},
	{"a JSON web token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)},
	{"a token of EKS", regexp.MustCompile(`\bk8s-aws-v1\.[A-Za-z0-9_=-]{8,}`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a password in an address", regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:[^\s/@]+@`)},
	{"a signed address", regexp.MustCompile(`(?i)[?&]X-Amz-(?:Signature|Security-Token)=`)},
}

// SecretShape says what kind of secret a text holds by its form: tokens and
// keys with a known look, and words that look random. It is "" for none.
func SecretShape(text string) string {
	for _, s := range secretShapes {
		if s.pattern.MatchString(text) {
			return s.what
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '='
	}) {
		if random(word) {
			return "a random text, as keys and tokens are"
		}
	}
	// The separators of base64 also separate the words of names and paths, so
	// they only count where the length is that of a secret key of AWS.
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+/=_-", r)
	}) {
		if len(word) == 40 && random(word) {
			return "a secret key, as AWS's are"
		}
	}
	return ""
}

// random tells a word that was drawn from one that was written. What was
// written has few changes between small letters, capitals and digits, but for
// the capital that begins a word; a hash in hexadecimal has digits all over.
func random(word string) bool {
	const shortest = 24
	if len(word) < shortest {
		return false
	}
	var small, capital, digit, changes int
	previous := rune(0)
	for _, r := range word {
		kind := rune(' ')
		switch {
		case unicode.IsLower(r):
			kind, small = 'a', small+1
		case unicode.IsUpper(r):
			kind, capital = 'A', capital+1
		case unicode.IsDigit(r):
			kind, digit = '0', digit+1
		}
		if previous != 0 && kind != previous && !(previous == 'A' && kind == 'a') {
			changes++
		}
		previous = kind
	}
	rate := float64(changes) / float64(len(word)-1)
	switch {
	case small > 0 && capital > 0 && digit > 0:
		return rate >= 0.3 && entropy(word) >= 3.5
	case digit >= 4 && (small == 0) != (capital == 0): // base32, hexadecimal
		return len(word) >= 32 && rate >= 0.25 && entropy(word) >= 3
	}
	return false
}

// entropy is Shannon's, in bits a byte.
func entropy(word string) float64 {
	counts := map[rune]int{}
	for _, r := range word {
		counts[r]++
	}
	bits := 0.0
	for _, n := range counts {
		p := float64(n) / float64(len(word))
		bits -= p * math.Log2(p)
	}
	return bits
}
