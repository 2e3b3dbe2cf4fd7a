// Package sts simulates the AWS Security Token Service: sessions of roles and
// who is behind an access key; and what Amazon EKS makes of its presigned
// GetCallerIdentity requests: logins to Kubernetes.
//
// Access keys that nobody issued are the account's administrator, so that any
// dummy credentials work.
package sts

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// issuedFor is how long the credentials last that services of AWS get for a
// role: those of a Lambda function's environment last 12 hours.
const issuedFor = 12 * time.Hour

// Credentials are temporary ones.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time // simulated
}

// Session is a session of a role.
type Session struct {
	RoleArn, SessionName string
	// Policy and PolicyARNs are the session policies, which narrow what the
	// role's own policies allow; "" and nil for none.
	Policy     string
	PolicyARNs []string
	// Tags are the session's, by key; Transitive those that chained sessions
	// inherit.
	Tags           map[string]string
	Transitive     []string
	SourceIdentity string
	// Federated is the OIDC provider's ARN for sessions by web identity.
	Federated  string
	Token      string
	Issued     time.Time
	Expiration time.Time
}

// User is an IAM user, as the owner of an access key.
type User struct{ ARN, ID, Secret string }

// Role is what STS must know of a role.
type Role struct {
	ID         string        // AROA...
	MaxSession time.Duration // 0: 12 hours
}

// Directory is what STS asks of IAM.
type Directory interface {
	// AccessKeyUser returns the user that owns a long-term access key.
	AccessKeyUser(accessKeyID string) (User, bool)
	// SessionRole returns a role by its ARN.
	SessionRole(roleArn string) (Role, bool)
}

// Service is STS. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, secret string
	mux             *wire.Mux // to ask EKS for access entries

	mu        sync.Mutex
	directory Directory
	issued    int
	sessions  map[string]Session
	same      map[string]renewed // by the keys of GetSessionToken
}

// renewed is what GetSessionToken made of an access key.
type renewed struct{ source, token string }

// New returns STS of an account whose unknown access keys all have the same
// secret. EKS is asked for access entries through mux.
func New(c clock.Clock, account, secret string, mux *wire.Mux) *Service {
	return &Service{clock: c, account: account, secret: secret, mux: mux, sessions: map[string]Session{}, same: map[string]renewed{}}
}

// SetDirectory makes IAM's users and roles known. Without one, every role can
// be taken on.
func (s *Service) SetDirectory(d Directory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.directory = d
}

// Issue returns credentials of a new session of the role, as services of AWS
// get them for the roles that they act by. The next credentials follow from how
// many there were, so that runs repeat.
func (s *Service) Issue(roleArn, sessionName string) Credentials {
	return s.open(Session{RoleArn: roleArn, SessionName: sessionName}, issuedFor)
}

func (s *Service) open(session Session, d time.Duration) Credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.credentials(d)
	session.Issued, session.Expiration, session.Token = s.clock.Now(), c.Expiration, c.SessionToken
	s.sessions[c.AccessKeyID] = session
	return c
}

// credentials makes the next credentials; the lock is held.
func (s *Service) credentials(d time.Duration) Credentials {
	s.issued++
	id := s.digest("key", fmt.Sprint(s.issued))
	key := "ASIA" + base32.StdEncoding.EncodeToString(id)[:16]
	return Credentials{
		AccessKeyID: key, SecretAccessKey: s.sessionSecret(key),
		SessionToken: "IQoJb3JpZ2luX2Vj" + base64.StdEncoding.EncodeToString(append(s.digest("token", key), s.digest("token of", key)...)),
		Expiration:   s.clock.Now().Add(d).Truncate(time.Second),
	}
}

func (s *Service) sessionSecret(key string) string {
	return base64.StdEncoding.EncodeToString(s.digest("secret", key)[:30])
}

func (s *Service) digest(parts ...string) []byte {
	h := sha256.Sum256([]byte("sts/" + s.account + "/" + strings.Join(parts, "/")))
	return h[:]
}

// Session returns the session that an access key belongs to; false for
// long-term keys and for unknown ones.
func (s *Service) Session(accessKeyID string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.sessions[accessKeyID]
	return session, ok
}

// User returns the IAM user behind an access key, long-term or of
// GetSessionToken.
func (s *Service) User(accessKeyID string) (User, bool) {
	s.mu.Lock()
	if r, ok := s.same[accessKeyID]; ok {
		accessKeyID = r.source
	}
	d := s.directory
	s.mu.Unlock()
	if d == nil {
		return User{}, false
	}
	return d.AccessKeyUser(accessKeyID)
}

// secretOf returns the secret of an access key.
func (s *Service) secretOf(accessKeyID string) string {
	s.mu.Lock()
	_, session := s.sessions[accessKeyID]
	_, token := s.same[accessKeyID]
	s.mu.Unlock()
	if session || token {
		return s.sessionSecret(accessKeyID)
	}
	if u, ok := s.User(accessKeyID); ok {
		return u.Secret
	}
	return s.secret
}

// given reports whether the world gave an access key its secret: that of a
// session or a user.
func (s *Service) given(accessKeyID string) bool {
	s.mu.Lock()
	_, session := s.sessions[accessKeyID]
	_, token := s.same[accessKeyID]
	s.mu.Unlock()
	if session || token {
		return true
	}
	_, user := s.User(accessKeyID)
	return user
}

// token returns the session token of an access key; "" for long-term keys.
func (s *Service) token(accessKeyID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session, ok := s.sessions[accessKeyID]; ok {
		return session.Token
	}
	return s.same[accessKeyID].token
}

// CallerARN is the identity behind an access key.
func (s *Service) CallerARN(accessKey string) string {
	arn, _ := s.caller(accessKey)
	return arn
}

func (s *Service) caller(accessKey string) (arn, id string) {
	if session, ok := s.Session(accessKey); ok {
		return SessionARN(session.RoleArn, session.SessionName), s.roleID(session.RoleArn) + ":" + session.SessionName
	}
	if u, ok := s.User(accessKey); ok {
		return u.ARN, u.ID
	}
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/eks-upgrade/%s", s.account, accessKey), "AROAWORLD:" + accessKey
}

// SessionARN is the ARN of a session of a role: it has the role's name without
// its path.
func SessionARN(roleArn, sessionName string) string {
	parts := strings.SplitN(roleArn, ":", 6)
	if len(parts) != 6 {
		return roleArn
	}
	name := parts[5][strings.LastIndex(parts[5], "/")+1:]
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", parts[1], parts[4], name, sessionName)
}

func (s *Service) role(arn string) (Role, bool) {
	s.mu.Lock()
	d := s.directory
	s.mu.Unlock()
	if d == nil {
		return Role{}, false
	}
	return d.SessionRole(arn)
}

func (s *Service) roleID(arn string) string {
	if r, ok := s.role(arn); ok {
		return r.ID
	}
	return "AROA" + base32.StdEncoding.EncodeToString(s.digest("role", arn))[:17]
}

// GetCallerIdentity implements the API operation.
func (s *Service) GetCallerIdentity(c *wire.Call, _ *awssts.GetCallerIdentityInput) (*awssts.GetCallerIdentityOutput, error) {
	arn, id := s.caller(c.AccessKeyID)
	return &awssts.GetCallerIdentityOutput{Account: aws.String(accountOf(arn)), Arn: aws.String(arn), UserId: aws.String(id)}, nil
}

func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[4]
}

var accessKeyPattern = constraint.MustPattern(`[\w]*`)

// GetAccessKeyInfo tells the account that an access key belongs to.
func (s *Service) GetAccessKeyInfo(_ *wire.Call, in *awssts.GetAccessKeyInfoInput) (*awssts.GetAccessKeyInfoOutput, error) {
	var v constraint.Violations
	v.RequiredText("accessKeyId", in.AccessKeyId, 16, 128, accessKeyPattern)
	if err := v.Err("ValidationError"); err != nil {
		return nil, err
	}
	return &awssts.GetAccessKeyInfoOutput{Account: aws.String(accountOf(s.CallerARN(*in.AccessKeyId)))}, nil
}
