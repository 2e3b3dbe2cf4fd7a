package answer

import (
	"net/http"
	"strings"
	"unicode"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxBy is how long the name of an approver may be, in characters.
const maxBy = 512

// arnPrefix begins the name of an IAM identity, and a pattern of such names.
const arnPrefix = "arn:"

// identity returns who sent the request, as API Gateway found out: the ARN of
// an IAM identity; or of an OIDC token the verified e-mail address, or else the
// subject. What the request itself says of it counts for nothing.
func identity(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) (string, error) {
	by := ""
	switch {
	case a == nil:
	case a.IAM != nil:
		by = a.IAM.UserARN
	case a.JWT != nil:
		by = a.JWT.Claims["sub"]
		if email := a.JWT.Claims["email"]; email != "" && a.JWT.Claims["email_verified"] == "true" {
			by = email
		}
		if strings.HasPrefix(by, arnPrefix) { // it would pass for an IAM identity
			by = ""
		}
	}
	if by == "" || len([]rune(by)) > maxBy || strings.ContainsFunc(by, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", refuse(http.StatusUnauthorized, upgrade.CodePermissionDenied, "", "API Gateway does not say who you are",
			"sign the request (eks-upgrade approve does), or send the token of your identity provider; the API's routes need an authorizer")
	}
	return by, nil
}

// admit refuses who may not approve.
func (h *Handler) admit(by string) error {
	if len(h.Approvers) == 0 {
		return nil
	}
	for _, pattern := range h.Approvers {
		// Who takes on a role chooses the end of the ARN, the session's name: a
		// pattern for addresses or subjects must not let it in.
		if strings.HasPrefix(pattern, arnPrefix) == strings.HasPrefix(by, arnPrefix) && matches(pattern, by) {
			return nil
		}
	}
	return refuse(http.StatusForbidden, upgrade.CodePermissionDenied, "", by+" may not approve upgrades", "ask somebody who may, or have security.approvers changed")
}

// matches reports whether text fits a pattern, in which * stands for any
// characters.
func matches(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, parts[last])
}
