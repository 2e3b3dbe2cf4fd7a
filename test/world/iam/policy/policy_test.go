package policy

import (
	"strings"
	"testing"
)

func TestMalformedPoliciesAreNamedInAWSWords(t *testing.T) {
	const ok = `"Effect":"Allow","Action":"s3:*","Resource":"*"`
	wrap := func(statement string) string { return `{"Version":"2012-10-17","Statement":[{` + statement + `}]}` }
	for name, tc := range map[string]struct {
		text string
		kind Kind
		want string // "" is right
	}{
		"right":                          {wrap(ok), Identity, ""},
		"one statement without list":     {`{"Version":"2012-10-17","Statement":{` + ok + `}}`, Identity, ""},
		"no JSON":                        {`{`, Identity, "Syntax errors in policy."},
		"text after it":                  {wrap(ok) + "x", Identity, "Syntax errors in policy."},
		"a name twice":                   {wrap(ok + `,"Effect":"Deny"`), Identity, "Syntax errors in policy."},
		"no statements":                  {`{"Version":"2012-10-17","Statement":[]}`, Identity, "Syntax errors in policy."},
		"an unknown element":             {wrap(ok + `,"Extra":1`), Identity, "Syntax errors in policy."},
		"Action and NotAction":           {wrap(ok + `,"NotAction":"ec2:*"`), Identity, "Syntax errors in policy."},
		"no version":                     {`{"Statement":[{` + ok + `}]}`, Identity, "Policy document must be version 2012-10-17 or greater."},
		"a version that does not exist":  {`{"Version":"2026-01-01","Statement":[{` + ok + `}]}`, Identity, "Syntax errors in policy."},
		"effect in lower case":           {wrap(`"Effect":"allow","Action":"s3:*","Resource":"*"`), Identity, "The policy failed legacy parsing"},
		"no effect":                      {wrap(`"Action":"s3:*","Resource":"*"`), Identity, "Syntax errors in policy."},
		"no actions":                     {wrap(`"Effect":"Allow","Resource":"*"`), Identity, "Policy statement must contain actions."},
		"an empty list of actions":       {wrap(`"Effect":"Allow","Action":[],"Resource":"*"`), Identity, "Policy statement must contain actions."},
		"no resources":                   {wrap(`"Effect":"Allow","Action":"s3:*"`), Identity, "Policy statement must contain resources."},
		"an action without vendor":       {wrap(`"Effect":"Allow","Action":"GetObject","Resource":"*"`), Identity, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"an action with two colons":      {wrap(`"Effect":"Allow","Action":"s3:Get:Object","Resource":"*"`), Identity, "Actions/Condition can contain only one colon."},
		"a vendor with a space":          {wrap(`"Effect":"Allow","Action":"s 3:Get","Resource":"*"`), Identity, "Vendor s 3 is not valid"},
		"a resource that is no ARN":      {wrap(`"Effect":"Allow","Action":"s3:*","Resource":"bucket"`), Identity, `Resource bucket must be in ARN format or "*".`},
		"another partition":              {wrap(`"Effect":"Allow","Action":"s3:*","Resource":"arn:x:s3:::b"`), Identity, `Partition "x" is not valid for resource "arn:x:s3:::b".`},
		"a region for S3":                {wrap(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:eu-west-1::b"`), Identity, "Resource arn:aws:s3:eu-west-1::b can not contain region information."},
		"a resource of IAM that is none": {wrap(`"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::1:x"`), Identity, `IAM resource path must either be "*" or start with user/`},
		"a principal":                    {wrap(ok + `,"Principal":"*"`), Identity, "Policy document should not specify a principal."},
		"two equal Sids":                 {`{"Version":"2012-10-17","Statement":[{"Sid":"A",` + ok + `},{"Sid":"A",` + ok + `}]}`, Identity, "Statement IDs (SID) in a single policy must be unique."},
		"an unknown operator":            {wrap(ok + `,"Condition":{"StringEqualz":{"aws:x":"y"}}`), Identity, "Syntax errors in policy."},
		"a negated Bool":                 {wrap(ok + `,"Condition":{"BoolNot":{"aws:x":"y"}}`), Identity, "Syntax errors in policy."},
		"a trust policy":                 {wrap(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"`), Trust, ""},
		"a trust policy that is no JSON": {`{`, Trust, "This policy contains invalid Json"},
		"trust with a resource":          {wrap(`"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"`), Trust, "Has prohibited field Resource"},
		"trust without principal":        {wrap(`"Effect":"Allow","Action":"sts:AssumeRole"`), Trust, "Missing required field Principal"},
		"trust in other actions":         {wrap(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject"`), Trust, "AssumeRole policy may only specify STS AssumeRole actions."},
		"trust in nobody":                {wrap(`"Effect":"Allow","Principal":{"AWS":"nobody"},"Action":"sts:AssumeRole"`), Trust, `Invalid principal in policy: "AWS":"nobody"`},
		"trust in a service not AWS's":   {wrap(`"Effect":"Allow","Principal":{"Service":"lambda"},"Action":"sts:AssumeRole"`), Trust, `Invalid principal in policy: "SERVICE":"lambda"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tc.text, tc.kind)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, tc.want) || (tc.want == "") != (got == "") {
				t.Errorf("error = %q, want %q", got, tc.want)
			}
		})
	}
}

// document makes a policy of one statement that allows s3:GetObject.
func document(t *testing.T, rest string) *Document {
	t.Helper()
	d, err := Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+rest+`}}`, Identity)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decide(d *Document, action, resource string, c Context) bool {
	return Decide(Set{Identity: []Source{{ID: "p", Type: IdentityBased, Document: d}}}, Request{Action: action, Resource: resource, Context: c}).Allowed
}

func TestActionsAndResources(t *testing.T) {
	for name, tc := range map[string]struct {
		rest, action, resource string
		want                   bool
	}{
		"the action":                      {`"Action":"s3:GetObject","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", true},
		"its case does not count":         {`"Action":"S3:getobject","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", true},
		"a star":                          {`"Action":"s3:Get*","Resource":"*"`, "s3:GetObjectTagging", "arn:aws:s3:::b/k", true},
		"a question mark is one":          {`"Action":"s3:GetObjec?","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", true},
		"another action":                  {`"Action":"s3:PutObject","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		"NotAction":                       {`"NotAction":"iam:*","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", true},
		"NotAction that is it":            {`"NotAction":"s3:*","Resource":"*"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		"the case of a resource counts":   {`"Action":"s3:*","Resource":"arn:aws:s3:::B/k"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		"a star over slashes":             {`"Action":"s3:*","Resource":"arn:aws:s3:::b/*"`, "s3:GetObject", "arn:aws:s3:::b/a/b/c", true},
		"a star not over colons":          {`"Action":"eks:*","Resource":"arn:aws:eks:*:cluster/shop"`, "eks:DescribeCluster", "arn:aws:eks:eu-west-1:1:cluster/shop", false},
		"a star over colons at the end":   {`"Action":"logs:*","Resource":"arn:aws:logs:*:*:log-group:/a:*"`, "logs:PutLogEvents", "arn:aws:logs:e:1:log-group:/a:log-stream:x", true},
		"NotResource":                     {`"Action":"s3:*","NotResource":"arn:aws:s3:::secret/*"`, "s3:GetObject", "arn:aws:s3:::b/k", true},
		"NotResource that is it":          {`"Action":"s3:*","NotResource":"arn:aws:s3:::b/*"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		"an action without resources":     {`"Action":"eks:*","Resource":"*"`, "eks:DescribeAddonVersions", "*", true},
		"... is not on a single resource": {`"Action":"eks:*","Resource":"arn:aws:eks:*:*:cluster/*"`, "eks:DescribeAddonVersions", "*", false},
		"a variable":                      {`"Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::home/a*a/k", true},
		"a variable's star is no star":    {`"Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::home/abba/k", false},
		"a variable without value":        {`"Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:PrincipalTag/x}"`, "s3:GetObject", "arn:aws:s3:::home/", false},
		"a variable with default":         {`"Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:PrincipalTag/x, 'all'}"`, "s3:GetObject", "arn:aws:s3:::home/all", true},
		"a star that is meant":            {`"Action":"s3:*","Resource":"arn:aws:s3:::home/${*}"`, "s3:GetObject", "arn:aws:s3:::home/x", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(document(t, tc.rest), tc.action, tc.resource, Context{"aws:username": {"a*a"}}); got != tc.want {
				t.Errorf("allowed = %v", got)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	for _, tc := range []struct {
		condition string
		context   Context
		want      bool
	}{
		{`"StringEquals":{"aws:x":["a","b"]}`, Context{"aws:x": {"b"}}, true},
		{`"StringEquals":{"aws:X":"a*"}`, Context{"aws:x": {"ab"}}, false},
		{`"StringEquals":{"aws:x":"a"}`, Context{}, false},
		{`"StringEqualsIfExists":{"aws:x":"a"}`, Context{}, true},
		{`"StringEqualsIfExists":{"aws:x":"a"}`, Context{"aws:x": {"b"}}, false},
		{`"StringNotEquals":{"aws:x":["a","b"]}`, Context{"aws:x": {"c"}}, true},
		{`"StringNotEquals":{"aws:x":["a","b"]}`, Context{"aws:x": {"b"}}, false},
		{`"StringNotEquals":{"aws:x":"a"}`, Context{}, true},
		{`"StringEqualsIgnoreCase":{"aws:x":"ABC"}`, Context{"aws:x": {"abc"}}, true},
		{`"StringLike":{"aws:x":"a*c?"}`, Context{"aws:x": {"abbcd"}}, true},
		{`"StringNotLike":{"aws:x":"a*"}`, Context{"aws:x": {"abc"}}, false},
		{`"StringEquals":{"aws:x":"${aws:y}"}`, Context{"aws:x": {"v"}, "aws:y": {"v"}}, true},
		{`"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:1:t*"}`, Context{"aws:sourcearn": {"arn:aws:sns:eu:1:topic"}}, true},
		{`"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:t"}`, Context{"aws:sourcearn": {"arn:aws:sns:eu:1:t"}}, false},
		{`"ArnNotLike":{"aws:SourceArn":"arn:aws:sns:*:*:*"}`, Context{"aws:sourcearn": {"arn:aws:sqs:eu:1:q"}}, true},
		{`"Bool":{"aws:SecureTransport":true}`, Context{"aws:securetransport": {"true"}}, true},
		{`"Bool":{"aws:SecureTransport":"false"}`, Context{"aws:securetransport": {"true"}}, false},
		{`"NumericLessThanEquals":{"s3:max-keys":10}`, Context{"s3:max-keys": {"10"}}, true},
		{`"NumericGreaterThan":{"s3:max-keys":"10"}`, Context{"s3:max-keys": {"9.5"}}, false},
		{`"NumericNotEquals":{"s3:max-keys":"10"}`, Context{"s3:max-keys": {"11"}}, true},
		{`"DateGreaterThan":{"aws:CurrentTime":"2026-07-01T00:00:00Z"}`, Context{"aws:currenttime": {"2026-07-01T09:00:00Z"}}, true},
		{`"DateLessThan":{"aws:CurrentTime":"1782864000"}`, Context{"aws:currenttime": {"2026-07-01T09:00:00Z"}}, false},
		{`"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.1"]}`, Context{"aws:sourceip": {"10.1.2.3"}}, true},
		{`"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, Context{"aws:sourceip": {"10.1.2.3"}}, false},
		{`"BinaryEquals":{"aws:x":"YQ=="}`, Context{"aws:x": {"YQ=="}}, true},
		{`"Null":{"aws:x":"true"}`, Context{}, true},
		{`"Null":{"aws:x":"true"}`, Context{"aws:x": {"a"}}, false},
		{`"Null":{"aws:x":false}`, Context{"aws:x": {"a"}}, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, Context{"aws:tagkeys": {"a", "b"}}, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, Context{"aws:tagkeys": {"a", "c"}}, false},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, Context{}, true},
		{`"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]}`, Context{"aws:tagkeys": {"x", "ab"}}, true},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}`, Context{}, false},
		{`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`, Context{"aws:tagkeys": {"a", "b"}}, true},
		{`"ForAllValues:StringNotEquals":{"aws:TagKeys":["a"]}`, Context{"aws:tagkeys": {"a", "b"}}, false},
		{`"StringEquals":{"aws:x":"a"},"Bool":{"aws:y":"true"}`, Context{"aws:x": {"a"}, "aws:y": {"false"}}, false},
	} {
		t.Run(tc.condition, func(t *testing.T) {
			d := document(t, `"Action":"s3:*","Resource":"*","Condition":{`+tc.condition+`}`)
			if got := decide(d, "s3:GetObject", "arn:aws:s3:::b/k", tc.context); got != tc.want {
				t.Errorf("with %v: allowed = %v", tc.context, got)
			}
		})
	}
}

func TestVariablesCameWith2012(t *testing.T) {
	d := &Document{Version: "2008-10-17"}
	if p, ok := d.expand("${aws:username}", Context{"aws:username": {"a"}}); !ok || literal(p) != "${aws:username}" {
		t.Errorf("expanded to %q", literal(p))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}*"}]}`, "s3:GetObject", "arn:aws:s3:::b/k")
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":["a:b"],"NotResource":"*","Condition":{"ForAllValues:DateLessThanIfExists":{"a:b":[1,true,"x"]}}}}`, "*", "*")
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"sts:*"}}`, "sts:AssumeRole", "arn")
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		for _, kind := range []Kind{Identity, Trust, Resource} {
			d, err := Parse(text, kind)
			if err != nil {
				if err.Error() == "" {
					t.Error("an error without words")
				}
				continue
			}
			for _, s := range d.Statements {
				if text[s.Start] != '{' || text[s.End-1] != '}' {
					t.Errorf("a statement is said to be %q", text[s.Start:s.End])
				}
			}
			d.ContextKeys()
			src := Source{ID: "p", Document: d}
			req := Request{Action: action, Resource: resource, Principal: Principal{ARN: "arn:aws:sts::1:assumed-role/a/b"}, Context: Context{"a:b": {"1"}}}
			if Decide(Set{Identity: []Source{src}}, req).Allowed && Decide(Set{Identity: []Source{src, {Document: denyAll(t)}}}, req).Allowed {
				t.Error("an explicit deny did not win")
			}
		}
	})
}

func denyAll(t *testing.T) *Document {
	d, err := Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`, Identity)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
