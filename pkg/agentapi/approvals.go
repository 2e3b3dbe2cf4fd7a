package agentapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	maxAnswer      = 8 << 20 // bytes; API Gateway sends at most 10 MB
	requestTimeout = 30 * time.Second
)

// Approvals is the approval API of a deployed agent.
type Approvals struct {
	URL  string // base address
	Auth Auth
	HTTP *http.Client // nil: http.DefaultClient
}

// Question returns what is asked about an upgrade. That the plan is the one of
// the hash was checked: what is shown is what is approved.
func (c Approvals) Question(ctx context.Context, upgradeID string) (answer.Question, error) {
	q, err := call[answer.Question](ctx, c, http.MethodGet, upgradeID, nil)
	if err != nil {
		return answer.Question{}, err
	}
	if err := q.Plan.Validate(); err != nil { // also that the hash is its own
		return answer.Question{}, err
	}
	if q.Upgrade != upgradeID || q.Plan.Upgrade != upgradeID || q.Plan.Hash != q.PlanHash {
		return answer.Question{}, upgrade.KindPlanMismatch.Errorf("read the question", "the plan that was sent is of upgrade %q with the hash %.12s, not of %q with %.12s", q.Plan.Upgrade, q.Plan.Hash, upgradeID, q.PlanHash)
	}
	return q, nil
}

// Answer sends an answer.
func (c Approvals) Answer(ctx context.Context, upgradeID string, a answer.Answer) (answer.Receipt, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return answer.Receipt{}, upgrade.KindAPIUnreadable.Errorf("write the answer", "%w", err)
	}
	return call[answer.Receipt](ctx, c, http.MethodPost, upgradeID, body)
}

func call[T any](ctx context.Context, c Approvals, method, upgradeID string, body []byte) (T, error) {
	const op = "call the approval API"
	var none T
	if _, err := checkURL("url", c.URL, "https"); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, approval.Link(c.URL, upgradeID), bytes.NewReader(body))
	if err != nil {
		return none, upgrade.KindAPIInvalid.Errorf(op, "%w", err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if err := c.Auth.authorize(ctx, r, body); err != nil {
		return none, err
	}
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token goes to nobody else
	resp, err := client.Do(r)
	if err != nil {
		return none, upgrade.KindAPIUnavailable.Errorf(op, "%w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return none, upgrade.KindAPIUnavailable.Errorf(op, "%w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return none, refused(op, resp.StatusCode, data)
	}
	return upgrade.Decode[T](data)
}

// refused makes an error of an answer that is none: of the agent's, or of API
// Gateway's own, which says only "Forbidden".
func refused(op string, status int, data []byte) error {
	if p, err := upgrade.Decode[answer.Problem](data); err == nil && p.Error.Message != "" {
		return upgrade.APIError(p.Error.Code, op, p.Error.Field, p.Error.Message, p.Error.Remedy)
	}
	text := fmt.Sprintf("status %d: %s", status, logging.Line(string(data), 200))
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return upgrade.KindAPIDenied.Field(op, "", text, "allow yourself execute-api:Invoke on the API, or log in anew; where the API takes the tokens of an identity provider, give one in "+BearerVariable)
	case status == http.StatusNotFound:
		return upgrade.KindAPINotFound.Field(op, "", text, "check the address: it is the stack's output ApprovalURL")
	case status == http.StatusTooManyRequests:
		return upgrade.KindAWSThrottled.Field(op, "", text, "try again in a moment")
	}
	return upgrade.KindAPIUnavailable.Field(op, "", text, "try again in a moment")
}
