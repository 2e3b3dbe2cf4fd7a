package logging

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Removed stands where a secret was.
const Removed = "[REDACTED]"

const (
	quote  = `(?:\\*["'])?` // as it is, or escaped once or more
	equals = quote + `\s*(?::=|=>|[:=]|\\u003[dD])\s*` + quote
	// member matches what is between the name of a member of JSON and its value.
	member = `\\*"\s*:\s*\\*"`
)

// secretName matches the names of things that are secret.
var secretName = "(?:" + strings.ReplaceAll(strings.Join(secretNames, "|"), ".", `\.`) + ")"

// pattern is one form of secrets. The first group of the expression is kept and
// the rest of the match, up to the second group, is removed. Where none of the
// hints is, in lower case, there is no match: looking for them is much cheaper.
// It is compiled when it is needed first: most functions never do, and all of
// them together take milliseconds of a cold start.
type pattern struct {
	hints      []string
	expression func() *regexp.Regexp
}

func of(hints, expression string) pattern { return pattern{strings.Fields(hints), lazy(expression)} }

func lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// replace returns the text without the secrets of this form; lower is the text
// in lower case.
func (p pattern) replace(text, lower string) string {
	for _, h := range p.hints {
		if strings.Contains(lower, h) {
			return p.expression().ReplaceAllString(text, "${1}"+Removed+"${2}")
		}
	}
	return text
}

// secrets are the forms in which secrets reach texts: errors of the SDK carry
// presigned URLs, those of Kubernetes clients carry headers, those of builds
// carry environments, those of webhooks carry their addresses.
var secrets = append([]pattern{
	// What is secret by its own form.
	of(`k8s-aws-v1`, `()k8s-aws-v1\.[A-Za-z0-9_=-]+`),                      // token of aws-iam-authenticator and of EKS
	of(`eyj`, `()eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), // JSON web token
	of(`private`, `(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:`+gone+`|.*?(?:-----END [A-Z ]*KEY-----|$))`),
	of(`ls0tls1crudjti`, `()LS0tLS1CRUdJTiB(?:QUklW|SU0Eg|FQyBQ|PUEVO|FTkNS)[A-Za-z0-9+/=]*`), // the same in base64
	of(`ghp gho ghs ghu ghr github_pat glpat`, `()\b(?:ghp|gho|ghs|ghu|ghr|github_pat|glpat)[_-][A-Za-z0-9_-]{16,}`),
	of(`xox xapp-`, `()\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{8,}`), // Slack
	of(`sk- aiza npm_`, `()\b(?:sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|npm_[A-Za-z0-9]{30,})`),
	of(`hvs. hvb. hvr. atlasv1`, `()\b(?:hv[sbr]\.[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{10,}\.atlasv1\.[A-Za-z0-9_=-]{40,})`), // Vault, Terraform Cloud
	of(`eksup_`, `()\beksup_[A-Za-z0-9_-]{16,}`),                                                                       // approval token of the agent
	of(`aqo aqc aqi`, `()\bAQ(?:o|C|I)[A-Za-z]{0,3}[A-Za-z0-9+/=_-]{96,}`),                                             // task tokens of Step Functions begin like this
	of(`iqo fwog fqog`, `()\b(?:IQo|FwoG|FQoG)[A-Za-z0-9+/=%_-]{60,}`),                                                 // session tokens of STS
	// Addresses that are secret.
	of(`hooks.slack.com`, `(?i)(\bhooks\.slack\.com/)[A-Za-z0-9/_-]+`),
	of(`.webhook.office.com`, `(?i)(\.webhook\.office\.com/)[^\s"'\\<>]+`),
	of(`/api/webhooks/`, `(?i)(\bdiscord(?:app)?\.com/api/webhooks/)[^\s"'\\<>]+`),
	of(`://`, `([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@"'\\]*:)[^\s/@"'\\]+(@)`),
	of(`x-amz-`, `(?i)((?:[?&]|%3F|%26|\\u0026|\b)X-Amz-(?:Signature|Security-Token|Credential)(?:`+equals+`|%3D))(?:`+gone+`|[^&\s"'\\<>]+)`),
	of(`signature= sig=`, `(?i)((?:[?&]|\\u0026)(?:Signature|sig)=)(?:`+gone+`|[^&\s"'\\<>]+)`),
	// Headers.
	of(`authorization`, `(?i)(\b(?:authorization|proxy-authorization)`+equals+`)(?:`+gone+`|\[?\s*(?:Bearer|Basic|Digest)\s+[^\s"'\\,\]]+\]?|AWS4-HMAC-SHA256[^"'\\\n]*|[^\s"'\\,\]]+)`),
	of(`bearer basic`, `(?i)(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{20,}`),
	of(`signature=`, `(?i)(\bSignature=)[0-9a-f]{32,}`),
	of(`cookie`, `(?i)(\b(?:set-)?cookie`+quote+`:\s*`+quote+`)(?:`+gone+`|[^\s"'\\][^"'\\\r\n\]]*)`),
	// What is secret by its name, where names.go does not see it.
	of(`--`, `(?i)(--[a-z-]*(?:password|passphrase|token|secret|api-key|private-key)\s+)[^\s"'-][^\s"']*`),
	of(`token`, `(?i)(token`+equals+`)[A-Za-z0-9+/=._%-]{20,}`),
	of(`"auth`, `("auth`+member+`)[^"\\]+`),                                                                                       // registries of containers
	of(`plaintext`, `(\bPlaintext`+member+`)[^"\\]+`),                                                                             // data keys of KMS
	of(`name:`, `(?i)(\bname:\s*["']?[A-Za-z0-9_.-]*(?:token|secret|`+secretName+`)[A-Za-z0-9_.-]*["']?\s*\n\s*value:\s*)[^\s]+`), // variables of containers
}, pairs...)

// pairs are secret by what stands beside them. They match across the strings
// of a line of JSON, and leave it JSON.
var pairs = slices.Concat(
	pair(`name`, `(?i)(QnameQ\s*:\s*Q[^"\\]*(?:token|secret|`+secretName+`)[^"\\]*Q\s*,\s*QvalueQ\s*:\s*Q)VALUE`), // variables of containers and builds
	pair(`securestring`, `(QSecureStringQ\s*,\s*QValueQ\s*:\s*Q)VALUE`),                                           // Parameter Store
	pair(`sensitive`, `(QsensitiveQ\s*:\s*true[^{}]*?QvalueQ\s*:\s*Q)VALUE`),                                      // Terraform's outputs
	pair(`sensitive`, `(QvalueQ\s*:\s*Q)VALUE(Q[^{}]*?QsensitiveQ\s*:\s*true)`),
)

// pair makes two patterns of an expression, for JSON as it is and for JSON
// inside a string: Q is the quote, VALUE a text without its quotes.
func pair(hints, expression string) []pattern {
	form := func(quote, value string) pattern {
		return of(hints, strings.NewReplacer("Q", quote, "VALUE", value).Replace(expression))
	}
	return []pattern{form(`"`, `(?:[^"\\]|\\.)+`), form(`\\+"`, `[^"\\]+`)}
}
