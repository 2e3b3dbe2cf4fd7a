package iam

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// caller is who makes a call.
type caller struct {
	// admin is the account's administrator, whom only trust policies can refuse.
	admin     bool
	principal policy.Principal
	session   sts.Session // zero for users
	source    string      // the resource on whose behalf a service calls
	kind      string      // aws:PrincipalType
	userID    string
	name      string // of a user
}

// named is the caller as usage is kept: the role, or the user.
func (c caller) named() string {
	if c.principal.RoleARN != "" {
		return c.principal.RoleARN
	}
	return c.principal.ARN
}

// service reports whether a service of AWS calls by its own name, which only
// the policies of resources can permit.
func (c caller) service() bool { return c.principal.Service != "" }

// caller finds out who calls: by a known access key; by the Lambda function
// that says so; by the role that a service of AWS calls for; by the service's
// own name. All others, with any access key, are the administrator.
func (j *Judge) caller(c *wire.Call) (caller, error) {
	if session, ok := j.sts.Session(c.AccessKeyID); ok {
		if err := j.fresh(c, session); err != nil {
			return caller{}, err
		}
		return j.ofSession(session), nil
	}
	if user, ok := j.sts.User(c.AccessKeyID); ok {
		if !j.iam.usable(c.AccessKeyID) {
			return caller{}, invalidKey(c.Service)
		}
		p := policy.Principal{ARN: user.ARN, Account: j.account}
		return caller{principal: p, kind: "User", userID: user.ID, name: user.ARN[strings.LastIndex(user.ARN, "/")+1:]}, nil
	}
	switch {
	case j.iam.deleted(c.AccessKeyID):
		return caller{}, invalidKey(c.Service)
	case c.Role != "":
		if c.Principal != "" {
			if err := j.assumed(c); err != nil {
				return caller{}, err
			}
		}
		return j.ofSession(sts.Session{RoleArn: c.Role, SessionName: serviceSession}), nil
	case c.Caller != "":
		return j.ofSession(sts.Session{RoleArn: j.functionRole(c.Caller), SessionName: c.Caller}), nil
	case c.Principal != "":
		return caller{principal: policy.Principal{Service: c.Principal}, source: c.SourceArn}, nil
	}
	return caller{admin: true, principal: policy.Principal{ARN: j.sts.CallerARN(c.AccessKeyID), Account: j.account}, kind: "AssumedRole"}, nil
}

// Identity is the ARN and the unique id of who makes a call; both are "" for
// credentials that do not count any more.
func (j *Judge) Identity(c *wire.Call) (arn, id string) {
	who, err := j.caller(c)
	if err != nil {
		return "", ""
	}
	if who.admin {
		return who.principal.ARN, "AROAWORLD:" + c.AccessKeyID
	}
	return who.principal.ARN, who.userID
}

// serviceSession names the sessions by which services of AWS call.
const serviceSession = "aws-service-session"

func (j *Judge) ofSession(session sts.Session) caller {
	arn := sts.SessionARN(session.RoleArn, session.SessionName)
	id := ""
	if r, ok := j.iam.SessionRole(session.RoleArn); ok {
		id = r.ID + ":" + session.SessionName
	}
	return caller{principal: policy.Principal{ARN: arn, RoleARN: session.RoleArn, Account: j.account}, session: session, kind: "AssumedRole", userID: id}
}

// fresh checks the session's age, by the simulated clock, and its token.
func (j *Judge) fresh(c *wire.Call, session sts.Session) error {
	if !session.Expiration.IsZero() && j.iam.clock.Now().After(session.Expiration) {
		return expired(c.Service)
	}
	if c.HTTP == nil {
		return nil
	}
	token := c.HTTP.Header.Get("X-Amz-Security-Token")
	if token == "" {
		token = c.HTTP.URL.Query().Get("X-Amz-Security-Token")
	}
	if token != session.Token {
		return invalidKey(c.Service)
	}
	return nil
}

// SetFunctionRole says by which role a Lambda function acts whose handler runs
// in process. Functions that were created by the API have theirs.
func (j *Judge) SetFunctionRole(function, roleArn string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.functions[function] = roleArn
}

// functionRole is the role of a function; for one that nobody gave a role it is
// one of its name, which does not exist and hence may do nothing.
func (j *Judge) functionRole(function string) string {
	j.mu.Lock()
	arn, ok := j.functions[function]
	j.mu.Unlock()
	if ok {
		return arn
	}
	if slices.Contains(j.mux.Operations("lambda"), "GetFunctionConfiguration") {
		out, err := j.mux.Peek(&wire.Call{Service: "lambda", Operation: "GetFunctionConfiguration"}, &awslambda.GetFunctionConfigurationInput{FunctionName: &function})
		if o, ok := out.(*awslambda.GetFunctionConfigurationOutput); err == nil && ok && o.Role != nil && *o.Role != "" {
			return *o.Role
		}
	}
	return "arn:aws:iam::" + j.account + ":role/" + function
}

// saysNoAccount are the services that name the resource for which they call, not
// the account: what is allowed to them with aws:SourceAccount is allowed to
// nobody. Source: https://github.com/awsdocs/aws-cloudformation-user-guide/pull/481
var saysNoAccount = []string{"apigateway.amazonaws.com", "events.amazonaws.com"}

// globals are the condition keys that every request has.
func (j *Judge) globals(c *wire.Call, who caller, in any) policy.Context {
	out := policy.Context{}
	region := c.Region
	if region == "" {
		region = j.region
	}
	now := j.iam.clock.Now().UTC()
	out.Set("aws:RequestedRegion", region)
	out.Set("aws:CurrentTime", now.Format(time.RFC3339))
	out.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	// Clients of AWS speak TLS; those of the simulated AWS would.
	out.Set("aws:SecureTransport", "true")
	out.Set("aws:ViaAWSService", "false")
	out.Set("aws:PrincipalIsAWSService", strconv.FormatBool(who.service()))
	if who.service() {
		out.Set("aws:PrincipalServiceName", who.principal.Service)
		if !slices.Contains(saysNoAccount, who.principal.Service) {
			out.Set("aws:SourceAccount", j.account)
		}
		if who.source != "" {
			out.Set("aws:SourceArn", who.source)
		}
		if who.principal.Service == "cloudwatch.amazonaws.com" { // what topics' own default policy lets in
			out.Set("aws:SourceOwner", j.account)
		}
		return out
	}
	out.Set("aws:PrincipalAccount", j.account)
	out.Set("aws:PrincipalArn", who.named())
	out.Set("aws:PrincipalType", who.kind)
	if who.userID != "" {
		out.Set("aws:userid", who.userID)
	}
	if who.name != "" {
		out.Set("aws:username", who.name)
	}
	if s := who.session; s.SessionName != "" {
		if s.SourceIdentity != "" {
			out.Set("aws:SourceIdentity", s.SourceIdentity)
		}
		if !s.Issued.IsZero() {
			out.Set("aws:TokenIssueTime", s.Issued.UTC().Format(time.RFC3339))
		}
		if s.Federated != "" {
			out.Set("aws:FederatedProvider", s.Federated)
		}
	}
	if c.UserAgent != "" {
		out.Set("aws:UserAgent", c.UserAgent)
	}
	if c.HTTP != nil {
		if host, _, err := net.SplitHostPort(c.HTTP.RemoteAddr); err == nil {
			out.Set("aws:SourceIp", host)
		}
	}
	for key, value := range j.iam.tagsOf(who) {
		out.Set("aws:PrincipalTag/"+key, value)
	}
	requested, _ := tagsIn(in)
	var keys []string
	for key, value := range requested {
		out.Set("aws:RequestTag/"+key, value)
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out.Set("aws:TagKeys", append(keys, stringsIn(in, "TagKeys")...)...)
	return out
}
