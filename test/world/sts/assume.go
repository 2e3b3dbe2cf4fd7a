package sts

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of sessions (source: API reference of STS).
const (
	minSession     = 900
	maxSession     = 43200
	maxToken       = 129600
	chainedSession = 3600
	defaultSession = 3600
	defaultToken   = 43200
	maxTags        = 50
	maxPolicy      = 2048
	maxPolicyARNs  = 10
)

var (
	namePattern = constraint.MustPattern(`[\w+=,.@-]*`)
	textPattern = constraint.MustPattern(`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD]+`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
)

// request is what the operations that open sessions have in common.
type request struct {
	roleArn, name, policy *string
	seconds               *int32
	policyARNs            []types.PolicyDescriptorType
}

// check validates a request and returns the session it asks for.
func (s *Service) check(r request, chained bool) (Session, time.Duration, error) {
	var v constraint.Violations
	v.RequiredText("roleArn", r.roleArn, 20, 2048, textPattern)
	v.RequiredText("roleSessionName", r.name, 2, 64, namePattern)
	v.Range("durationSeconds", r.seconds, minSession, maxSession)
	v.Text("policy", r.policy, 1, maxPolicy, nil)
	if err := v.Err("ValidationError"); err != nil {
		return Session{}, 0, err
	}
	if !roleARN.MatchString(*r.roleArn) {
		return Session{}, 0, wire.Errorf("ValidationError", "%s is invalid", *r.roleArn)
	}
	if r.policy != nil && !json.Valid([]byte(*r.policy)) {
		return Session{}, 0, &types.MalformedPolicyDocumentException{Message: aws.String("The policy is not in the valid JSON format.")}
	}
	if r.policy != nil {
		if _, err := policy.Parse(*r.policy, policy.Identity); err != nil {
			return Session{}, 0, &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
		}
	}
	if len(r.policyARNs) > maxPolicyARNs {
		return Session{}, 0, &types.PackedPolicyTooLargeException{Message: aws.String(fmt.Sprintf("The number of managed session policies exceeds the limit of %d.", maxPolicyARNs))}
	}
	seconds := int32(defaultSession)
	if r.seconds != nil {
		seconds = *r.seconds
	}
	if chained && seconds > chainedSession {
		return Session{}, 0, wire.Errorf("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if role, ok := s.role(*r.roleArn); ok && role.MaxSession > 0 && time.Duration(seconds)*time.Second > role.MaxSession {
		return Session{}, 0, wire.Errorf("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	session := Session{RoleArn: *r.roleArn, SessionName: *r.name, Policy: aws.ToString(r.policy)}
	for _, p := range r.policyARNs {
		session.PolicyARNs = append(session.PolicyARNs, aws.ToString(p.Arn))
	}
	return session, time.Duration(seconds) * time.Second, nil
}

// AssumeRole opens a session of a role. Whether the caller may is judged before
// the call is served, by the role's trust policy among others.
func (s *Service) AssumeRole(c *wire.Call, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	caller, chained := s.Session(c.AccessKeyID)
	session, d, err := s.check(request{in.RoleArn, in.RoleSessionName, in.Policy, in.DurationSeconds, in.PolicyArns}, chained)
	if err != nil {
		return nil, err
	}
	if session.Tags, session.Transitive, err = SessionTags(caller, in.Tags, in.TransitiveTagKeys); err != nil {
		return nil, err
	}
	session.SourceIdentity = caller.SourceIdentity
	if in.SourceIdentity != nil {
		if session.SourceIdentity != "" && session.SourceIdentity != *in.SourceIdentity {
			return nil, &wire.Error{Code: "AccessDenied", Status: 403, Message: "The source identity of a session cannot be changed."}
		}
		session.SourceIdentity = *in.SourceIdentity
	}
	cred := s.open(session, d)
	out := &awssts.AssumeRoleOutput{Credentials: credentials(cred), AssumedRoleUser: s.user(session)}
	if session.SourceIdentity != "" {
		out.SourceIdentity = &session.SourceIdentity
	}
	if session.Policy != "" {
		out.PackedPolicySize = packedSize(session.Policy)
	}
	return out, nil
}

// packedSize is the percentage of what AWS gives a packed session policy.
func packedSize(policy string) *int32 {
	return aws.Int32(int32(max(1, len(policy)*100/maxPolicy))) //nolint:gosec // at most 100
}

// SessionTags returns the tags of a session that is opened by a caller: those
// that are asked for, and the transitive ones of the caller's own session.
func SessionTags(caller Session, tags []types.Tag, transitive []string) (map[string]string, []string, error) {
	if len(tags) > maxTags {
		return nil, nil, wire.Errorf("ValidationError", "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags)
	}
	out := map[string]string{}
	for _, key := range caller.Transitive {
		out[key] = caller.Tags[key]
	}
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if key == "" {
			return nil, nil, wire.Errorf("ValidationError", "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		if slices.Contains(caller.Transitive, key) {
			return nil, nil, wire.Errorf("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		out[key] = aws.ToString(t.Value)
	}
	for _, key := range transitive {
		if _, ok := out[key]; !ok {
			return nil, nil, wire.Errorf("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	if len(out) == 0 {
		return nil, nil, nil
	}
	kept := append(slices.Clone(caller.Transitive), transitive...)
	slices.Sort(kept)
	return maps.Clone(out), slices.Compact(kept), nil
}

func (s *Service) user(session Session) *types.AssumedRoleUser {
	return &types.AssumedRoleUser{
		Arn:           aws.String(SessionARN(session.RoleArn, session.SessionName)),
		AssumedRoleId: aws.String(s.roleID(session.RoleArn) + ":" + session.SessionName),
	}
}

func credentials(c Credentials) *types.Credentials {
	return &types.Credentials{AccessKeyId: &c.AccessKeyID, SecretAccessKey: &c.SecretAccessKey, SessionToken: &c.SessionToken, Expiration: &c.Expiration}
}

// GetSessionToken returns temporary credentials of the caller itself.
func (s *Service) GetSessionToken(c *wire.Call, in *awssts.GetSessionTokenInput) (*awssts.GetSessionTokenOutput, error) {
	var v constraint.Violations
	v.Range("durationSeconds", in.DurationSeconds, minSession, maxToken)
	if err := v.Err("ValidationError"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, session := s.sessions[c.AccessKeyID]
	_, token := s.same[c.AccessKeyID]
	if session || token {
		return nil, &wire.Error{Code: "AccessDenied", Status: 403, Message: "Cannot call GetSessionToken with session credentials"}
	}
	seconds := int32(defaultToken)
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	cred := s.credentials(time.Duration(seconds) * time.Second)
	s.same[cred.AccessKeyID] = renewed{c.AccessKeyID, cred.SessionToken}
	return &awssts.GetSessionTokenOutput{Credentials: credentials(cred)}, nil
}
