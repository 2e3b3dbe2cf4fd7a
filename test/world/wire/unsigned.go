package wire

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxUnsigned bounds the body of an unsigned request; a web identity token has
// at most 20,000 characters.
const maxUnsigned = 256 << 10

// identifyUnsigned recognizes the requests that nobody signs, because they ask
// for the first credentials: AssumeRoleWithWebIdentity and AssumeRoleWithSAML.
func identifyUnsigned(r *http.Request) (Identity, bool) {
	action := r.URL.Query().Get("Action")
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxUnsigned))
		if err != nil {
			return Identity{}, false
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return Identity{}, false
		}
		action = form.Get("Action")
	}
	return Identity{Service: "sts"}, action == "AssumeRoleWithWebIdentity" || action == "AssumeRoleWithSAML"
}
