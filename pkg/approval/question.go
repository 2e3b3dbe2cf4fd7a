package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"reflect"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Pending is a question that waits for its answer: the document of the
// approvals table, whose string key is "upgrade".
type Pending struct {
	Upgrade     string       `json:"upgrade"`
	PlanHash    string       `json:"planHash"`
	Plan        upgrade.Ref  `json:"plan,omitzero"`
	Assessment  upgrade.Ref  `json:"assessment,omitzero"`
	TaskToken   string       `json:"taskToken"`
	ExpiresAt   upgrade.Time `json:"expiresAt"`
	AnnouncedAt upgrade.Time `json:"announcedAt,omitzero"` // people were told

	// Tokens are the digests of the tokens that people were sent; each is as
	// good as the others. With none the approval API is not used, and answers
	// need no record of theirs.
	Tokens []string `json:"tokens,omitempty"`
	Answer *Given   `json:"answer,omitempty"`
}

// Given is the one answer to a question, as the approval API records it before
// it resumes the execution.
type Given struct {
	Approved bool         `json:"approved"`
	By       string       `json:"by"` // identity that API Gateway, or STS, vouches for
	Reason   string       `json:"reason,omitempty"`
	At       upgrade.Time `json:"at"`
	SentAt   upgrade.Time `json:"sentAt,omitzero"` // Step Functions took it
}

// Output is what resumes the execution.
func (p Pending) Output() upgrade.ApprovalAnswer {
	if p.Answer == nil {
		return upgrade.ApprovalAnswer{PlanHash: p.PlanHash}
	}
	return upgrade.ApprovalAnswer{PlanHash: p.PlanHash, Approved: p.Answer.Approved, By: p.Answer.By, Reason: p.Answer.Reason}
}

// Proved reports whether answers to the question must be on record.
func (p Pending) Proved() bool { return len(p.Tokens) > 0 }

// Knows reports whether token is one of those that people were sent. It takes
// as long for a wrong one as for a right one.
func (p Pending) Knows(token string) bool {
	digest := []byte(p.digest(token))
	known := 0
	for _, t := range p.Tokens {
		known |= subtle.ConstantTimeCompare(digest, []byte(t))
	}
	return known == 1
}

// tokenPrefix makes tokens recognizable, for those who look for secrets in
// texts; 256 random bits follow.
const tokenPrefix = "eksup_"

// newToken returns a token that nobody can guess.
func newToken() string {
	var random [32]byte
	rand.Read(random[:]) // never fails: the program ends instead
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

// digest is what is kept of a token. It is bound to the question: copied to
// another one it opens nothing.
func (p Pending) digest(token string) string {
	h := sha256.New()
	for _, part := range []string{"eks-upgrade approval token 1", p.Upgrade, p.PlanHash, p.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000000Z"), token} {
		var length [8]byte // so that no two lists of parts read alike
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Questions is the table of pending approvals.
type Questions struct {
	table table.Table
	name  string
}

// NewQuestions returns the pending approvals in the DynamoDB table of that name.
func NewQuestions(api table.API, name string) Questions {
	return Questions{table: table.New(api, name), name: name}
}

// Pending returns the question of an upgrade.
func (q Questions) Pending(ctx context.Context, upgradeID string) (p Pending, found bool, err error) {
	p, version, err := table.Get[Pending](ctx, q.table, questionKey(upgradeID))
	return p, version > 0, err
}

// Update changes the question of an upgrade by change, which may be called
// several times: what it decided on was then changed by somebody else. Nothing
// is written when it returns the question as it is.
func (q Questions) Update(ctx context.Context, upgradeID string, change func(old Pending, found bool) (Pending, error)) (Pending, error) {
	return table.Update(ctx, q.table, questionKey(upgradeID), func(old Pending, found bool) (Pending, bool, error) {
		next, err := change(old, found)
		return next, !reflect.DeepEqual(next, old), err
	})
}

func questionKey(upgradeID string) table.Key { return table.Key{"upgrade": upgradeID} }
