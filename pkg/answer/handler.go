package answer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	maxBody    = 16 << 10
	maxUpgrade = 80 // characters of an execution's name. Step Functions API reference, StartExecution
)

// Response is what API Gateway gets.
type Response = events.APIGatewayV2HTTPResponse

// Documents reads what a person has to know.
type Documents interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
	Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error)
}

// SFN resumes the execution.
type SFN interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
}

// Handler serves the API. All fields but Approvers are needed.
type Handler struct {
	Questions approval.Questions
	Documents Documents
	SFN       SFN
	Approvers []string // patterns of who may; empty: everybody whom the API lets in
	Clock     clock.Clock
}

// Handle answers a request of API Gateway. Whatever the caller did wrong is an
// answer; an error means that the agent could not do its part.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) (Response, error) {
	// Not strict: API Gateway adds members to its events.
	var r events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &r); err != nil {
		return refused(false, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "", "this is no event of an HTTP API with payload format 2.0", "call the function by its API")), nil
	}
	page := wantsPage(r.Headers)
	resp, by, err := h.route(ctx, r, page)
	if refusal, ok := err.(*refusal); ok {
		resp, err = refused(page, refusal), nil
	}
	if err != nil {
		return Response{}, err
	}
	logging.From(ctx).Info().Str("route", logging.Line(r.RouteKey, 100)).Str("execution", logging.Line(r.PathParameters["upgrade"], maxUpgrade)).
		Str("by", logging.Line(by, maxBy)).Int("status", resp.StatusCode).Msg("answered")
	return resp, nil
}

func (h *Handler) route(ctx context.Context, r events.APIGatewayV2HTTPRequest, page bool) (resp Response, by string, err error) {
	by, err = identity(r.RequestContext.Authorizer)
	if err != nil {
		return resp, "", err
	}
	if err := h.admit(by); err != nil {
		return resp, by, err
	}
	id, err := upgradeOf(r)
	if err != nil {
		return resp, by, err
	}
	switch r.RouteKey {
	case GetRoute:
		q, err := h.Question(ctx, id)
		if err != nil {
			return resp, by, err
		}
		return answered(page, questionPage(q, by), q), by, nil
	case PostRoute:
		a, err := decode(r)
		if err != nil {
			return resp, by, err
		}
		receipt, err := h.answer(ctx, id, by, a)
		if err != nil {
			return resp, by, err
		}
		return answered(page, receiptPage(receipt), receipt), by, nil
	}
	return resp, by, refuse(http.StatusNotFound, upgrade.CodeNotFound, "", "there is no such route", "use "+GetRoute+" or "+PostRoute)
}

// upgradeOf returns the upgrade that the path names, whatever the stage puts
// before it.
func upgradeOf(r events.APIGatewayV2HTTPRequest) (string, error) {
	id := r.PathParameters["upgrade"]
	if decoded, err := url.PathUnescape(id); err == nil { // API Gateway hands it over decoded or not, as the client wrote it
		id = decoded
	}
	if id == "" || len([]rune(id)) > maxUpgrade || strings.ContainsFunc(id, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) || c == '/' }) {
		return "", refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "upgrade", "this is no id of an upgrade", "take the link from the message as it is")
	}
	return id, nil
}

// decode reads the answer out of the body, strictly.
func decode(r events.APIGatewayV2HTTPRequest) (Answer, error) {
	bad := func(field, message, remedy string) (Answer, error) {
		return Answer{}, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, field, message, remedy)
	}
	const form = `send {"token": "...", "planHash": "...", "approved": true or false, "reason": "..."}`
	body := []byte(r.Body)
	if r.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(r.Body); err != nil {
			return bad("", "the body is not base64, as the event says", form)
		}
	}
	if len(body) > maxBody {
		return Answer{}, refuse(http.StatusRequestEntityTooLarge, upgrade.CodeInvalidRequest, "", "the body is longer than 16 KB", "shorten the reason")
	}
	media, _, err := mime.ParseMediaType(header(r.Headers, "content-type"))
	if err != nil {
		media = ""
	}
	var a Answer
	switch media {
	case "application/json":
		if a, err = upgrade.Decode[Answer](body); err != nil {
			field := ""
			if own, ok := err.(*upgrade.Error); ok {
				field = own.Field
			}
			return bad(field, "the body is not an answer", form) // and nothing of the body: the token is in it
		}
	case "application/x-www-form-urlencoded":
		if a, err = decodeForm(string(body)); err != nil {
			return Answer{}, err
		}
	default:
		return Answer{}, refuse(http.StatusUnsupportedMediaType, upgrade.CodeInvalidRequest, "", "the body is neither JSON nor a form", "send Content-Type: application/json; "+form)
	}
	switch {
	case a.Approved == nil:
		return bad("approved", "is missing", "say true or false: leaving it out is no answer")
	case a.PlanHash == "":
		return bad("planHash", "is missing", "give the hash of the plan that you read")
	case a.Token == "":
		return bad("token", "is missing", "it is in the link of the message, after #token=")
	}
	return a, nil
}

func decodeForm(body string) (Answer, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return Answer{}, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "", "the body is not a form", "use the form of the page")
	}
	a := Answer{Token: strings.TrimSpace(values.Get("token")), PlanHash: values.Get("planHash"), Reason: values.Get("reason")}
	for name, all := range values {
		switch {
		case name != "token" && name != "planHash" && name != "reason" && name != "approved":
			return Answer{}, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "", "the form has a field that is not known", "use the form of the page")
		case len(all) != 1:
			return Answer{}, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, name, "is given more than once", "give it once")
		}
	}
	if values.Has("approved") {
		yes := values.Get("approved") == "true"
		if !yes && values.Get("approved") != "false" {
			return Answer{}, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "approved", "is neither true nor false", "use the buttons of the page")
		}
		a.Approved = &yes
	}
	return a, nil
}

// header returns a header. API Gateway writes names in lower case; other ways
// to call the function may not.
func header(headers map[string]string, name string) string {
	if v, ok := headers[name]; ok {
		return v
	}
	for n, v := range headers {
		if strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// wantsPage reports whether a browser asks.
func wantsPage(headers map[string]string) bool {
	for part := range strings.SplitSeq(header(headers, "accept"), ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html":
			return true
		case "application/json":
			return false
		}
	}
	return false
}
