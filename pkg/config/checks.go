package config

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// What is valid beyond patterns and limits. Each check says what is wrong, as
// the end of a sentence that begins with the value; "" if nothing is.

func ifSet(check func(string) string) func(any) string {
	return func(value any) string {
		if text, ok := value.(string); ok && text != "" {
			return check(text)
		}
		return ""
	}
}

func everyText(check func(string) string) func(any) string {
	return func(value any) string {
		texts, _ := value.([]string)
		for _, text := range texts {
			if wrong := check(text); wrong != "" {
				return wrong
			}
		}
		return ""
	}
}

// secureAddress wants https; this machine's own addresses, where rehearsals and
// tests listen, may do without.
func secureAddress(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return "is no address"
	case u.Scheme == "https", u.Scheme == "http" && ownMachine(u.Hostname()):
		return ""
	}
	return "is not an https address"
}

func ownMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func releaseNotesAddress(value any) string {
	text, _ := value.(string)
	if text == Bundled {
		return ""
	}
	return address(value)
}

func address(value any) string {
	text, _ := value.(string)
	if u, err := url.Parse(text); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil {
		return ""
	}
	return "is no address"
}

// approver wants something that can name an identity: an ARN, an address, or a
// subject; not a pattern for everybody that hides among others.
func approver(text string) string {
	if strings.Trim(text, "*") == "" {
		return "lets everybody approve; leave security.approvers empty for that"
	}
	return ""
}

func expression(text string) string {
	e, err := regexp.Compile(text)
	switch {
	case err != nil:
		return "is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	case e.MatchString(""):
		return "matches the empty text, so nothing would be left of a log"
	}
	return ""
}

func wholeMinutes(value any) string {
	if d, ok := value.(upgrade.Duration); ok && d.D()%time.Minute != 0 {
		return "is not in whole minutes"
	}
	return ""
}
