package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// chain is a topic, a parameter that has its ARN, and a policy for it.
const chain = `
Parameters: {Text: {Type: String, Default: one}}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: alerts, DisplayName: !Ref Text}}
  Value: {Type: AWS::SSM::Parameter, Properties: {Name: /agent/topic, Type: String, Value: !Sub "${Topic} ${Text}"}}
Outputs:
  Topic: {Value: !Ref Topic, Export: {Name: alerts-topic}}
  Value: {Value: !GetAtt Value.Value}
`

const topicARN = "arn:aws:sns:eu-west-1:123456789012:alerts"

func TestStackIsCreatedUpdatedAndDeleted(t *testing.T) {
	f := newFixture(t, false)
	ctx := t.Context()
	st := f.create("app", chain, types.StackStatusCreateComplete)
	if got := outputs(st); got["Topic"] != topicARN || got["Value"] != topicARN+" one" {
		t.Errorf("outputs = %v", got)
	}
	if v, ok := f.w.SSM().Value("/agent/topic"); !ok || v != topicARN+" one" {
		t.Errorf("parameter = %q, %v", v, ok)
	}
	_, err := f.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("app"), TemplateBody: aws.String(chain)})
	wantError(t, err, "AlreadyExistsException", "Stack [app] already exists")
	_, err = f.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("app"), UsePreviousTemplate: aws.Bool(true)})
	wantError(t, err, "ValidationError", "No updates are to be performed.")

	if _, err := f.UpdateStack(ctx, &cfn.UpdateStackInput{StackName: aws.String("app"), UsePreviousTemplate: aws.Bool(true),
		Parameters: []types.Parameter{{ParameterKey: aws.String("Text"), ParameterValue: aws.String("two")}}}); err != nil {
		t.Fatal(err)
	}
	st = f.ended("app", types.StackStatusUpdateComplete)
	if got := outputs(st); got["Value"] != topicARN+" two" || *st.Parameters[0].ParameterValue != "two" {
		t.Errorf("outputs = %v, parameters = %v", got, st.Parameters)
	}
	topic, err := sns.NewFromConfig(f.w.AWSConfig()).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(topicARN)})
	if err != nil || topic.Attributes["DisplayName"] != "two" {
		t.Errorf("topic = %v, %v", topic, err)
	}
	f.delete("app", types.StackStatusDeleteComplete)
	if _, ok := f.w.SSM().Value("/agent/topic"); ok {
		t.Error("the parameter is still there")
	}
	_, err = f.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: aws.String("app")})
	wantError(t, err, "ValidationError", "Stack with id app does not exist")
}

func TestResourcesComeInTheOrderOfTheirNeedsAndGoInReverse(t *testing.T) {
	f := newFixture(t, false)
	f.create("app", `
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref C}}
  B: {Type: AWS::SSM::Parameter, DependsOn: A, Properties: {Type: String, Value: x}}
  C: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: x}}
`, types.StackStatusCreateComplete)
	f.delete("app", types.StackStatusDeleteComplete)
	var order []string
	for _, call := range f.w.Calls() {
		if call.Service == "ssm" && call.Mutating {
			for _, id := range []string{"A", "B", "C"} {
				if strings.Contains(call.Resource, "app-"+id+"-") {
					order = append(order, call.Operation[:3]+id)
				}
			}
		}
	}
	if got := strings.Join(order, " "); got != "PutC PutA PutB DelB DelA DelC" {
		t.Errorf("order = %s", got)
	}
}

// failing adds a resource that cannot be made: its name is taken.
const failing = `
  Bad: {Type: AWS::SSM::Parameter, DependsOn: Value, Properties: {Name: /taken, Type: String, Value: x}}
Outputs:`

func (f *fixture) take() {
	f.Helper()
	if _, err := ssm.NewFromConfig(f.w.AWSConfig()).PutParameter(f.Context(), &ssm.PutParameterInput{Name: aws.String("/taken"), Type: ssmtypes.ParameterTypeString, Value: aws.String("other")}); err != nil {
		f.Fatal(err)
	}
}

func TestFailedCreationIsRolledBack(t *testing.T) {
	f := newFixture(t, false)
	f.take()
	st := f.create("app", strings.Replace(chain, "\nOutputs:", failing, 1), types.StackStatusRollbackComplete)
	failures := f.failures(*st.StackId)
	if len(failures) != 1 || !strings.Contains(failures[0], "Bad CREATE_FAILED Resource handler returned message:") || !strings.Contains(failures[0], "AlreadyExists") {
		t.Errorf("failures = %q", failures)
	}
	if _, ok := f.w.SSM().Value("/agent/topic"); ok {
		t.Error("the parameter was left")
	}
	if v, ok := f.w.SSM().Value("/taken"); !ok || v != "other" {
		t.Error("the parameter of somebody else was deleted")
	}
	_, err := f.UpdateStack(t.Context(), &cfn.UpdateStackInput{StackName: aws.String("app"), TemplateBody: aws.String(chain)})
	wantError(t, err, "ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated.")
	f.delete("app", types.StackStatusDeleteComplete)
}

func TestFailedUpdateIsRolledBack(t *testing.T) {
	f := newFixture(t, false)
	f.take()
	f.create("app", chain, types.StackStatusCreateComplete)
	before := f.physical("app")
	changed := strings.Replace(strings.Replace(chain, "Default: one", "Default: two", 1), "\nOutputs:", failing, 1)
	st := f.update("app", changed, types.StackStatusUpdateRollbackComplete)
	if v, _ := f.w.SSM().Value("/agent/topic"); v != topicARN+" one" {
		t.Errorf("parameter = %q", v)
	}
	if after := f.physical("app"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("resources = %v, before %v", after, before)
	}
	if got := outputs(st); got["Value"] != topicARN+" one" {
		t.Errorf("outputs = %v", got)
	}
	f.update("app", strings.Replace(chain, "Default: one", "Default: three", 1), types.StackStatusUpdateComplete)
}

func TestReplacementMakesTheNewBeforeTheOldGoes(t *testing.T) {
	f := newFixture(t, false)
	template := func(name string) string {
		return fmt.Sprintf(`{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":%q}},"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/p","Type":"String","Value":{"Ref":"T"}}}}}`, name)
	}
	f.create("app", template("one"), types.StackStatusCreateComplete)
	f.update("app", template("two"), types.StackStatusUpdateComplete)
	if v, _ := f.w.SSM().Value("/p"); !strings.HasSuffix(v, ":two") {
		t.Errorf("what refers to it has %q", v)
	}
	var order []string
	for _, call := range f.w.Calls() {
		if call.Service == "sns" && (call.Operation == "CreateTopic" || call.Operation == "DeleteTopic") {
			order = append(order, call.Operation+" "+call.Resource[strings.LastIndex(":"+call.Resource, ":"):])
		}
	}
	if got := strings.Join(order, ", "); got != "CreateTopic one, CreateTopic two, DeleteTopic one" {
		t.Errorf("calls = %s", got)
	}
}

func TestAReplacementThatFailsLeavesTheOld(t *testing.T) {
	f := newFixture(t, false)
	f.take()
	template := func(name, value string) string {
		return fmt.Sprintf(`{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":%q}},"P":{"Type":"AWS::SSM::Parameter","DependsOn":"T","Properties":{"Name":%q,"Type":"String","Value":"x"}}}}`, name, value)
	}
	f.create("app", template("one", "/p"), types.StackStatusCreateComplete)
	f.update("app", template("two", "/taken"), types.StackStatusUpdateRollbackComplete)
	if id := f.physical("app")["T"]; !strings.HasSuffix(id, ":one") {
		t.Errorf("topic = %s", id)
	}
	if _, ok := f.w.SSM().Value("/p"); !ok {
		t.Error("the old parameter is gone")
	}
	topics, err := sns.NewFromConfig(f.w.AWSConfig()).ListTopics(t.Context(), &sns.ListTopicsInput{})
	if err != nil || len(topics.Topics) != 1 {
		t.Errorf("topics = %v, %v", topics, err)
	}
}

func TestACustomNameCannotBeReplacedByItself(t *testing.T) {
	f := newFixture(t, false)
	template := func(path string) string {
		return fmt.Sprintf(`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"r","Path":%q,"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}}}`, path)
	}
	f.create("app", template("/"), types.StackStatusCreateComplete)
	st := f.update("app", template("/x/"), types.StackStatusUpdateRollbackComplete)
	if all := strings.Join(f.failures(*st.StackId), "\n"); !strings.Contains(all, "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename r and update the stack again.") {
		t.Errorf("failures = %s", all)
	}
}

func TestPoliciesKeepResources(t *testing.T) {
	f := newFixture(t, false)
	kept := func(name string) bool { _, ok := f.w.SSM().Value(name); return ok }
	parameter := func(id, name, policies string) string {
		return fmt.Sprintf(`%q:{"Type":"AWS::SSM::Parameter"%s,"Properties":{"Name":%q,"Type":"String","Value":"x"}}`, id, policies, name)
	}
	all := `{"Resources":{` + parameter("A", "/a", "") + `,` + parameter("B", "/b", `,"DeletionPolicy":"Retain"`) + `,` + parameter("C", "/c", `,"DeletionPolicy":"RetainExceptOnCreate"`) + `,` + parameter("D", "/d", `,"UpdateReplacePolicy":"Retain"`) + `}}`
	f.create("app", all, types.StackStatusCreateComplete)
	f.update("app", strings.Replace(all, `"/d"`, `"/d2"`, 1), types.StackStatusUpdateComplete)
	if !kept("/d") || !kept("/d2") {
		t.Error("the replaced parameter did not stay")
	}
	f.delete("app", types.StackStatusDeleteComplete)
	if kept("/a") || !kept("/b") || !kept("/c") || kept("/d2") {
		t.Errorf("a %v, b %v, c %v, d2 %v", kept("/a"), kept("/b"), kept("/c"), kept("/d2"))
	}

	f.take()
	failed := strings.Replace(all, `"Resources":{`, `"Resources":{"Bad":{"Type":"AWS::SSM::Parameter","DependsOn":["E","F"],"Properties":{"Name":"/taken","Type":"String","Value":"x"}},`+
		parameter("E", "/e", `,"DeletionPolicy":"Retain"`)+`,`+parameter("F", "/f", `,"DeletionPolicy":"RetainExceptOnCreate"`)+`,`, 1)
	failed = strings.NewReplacer(`"/b"`, `"/b2"`, `"/c"`, `"/c2"`, `"/d"`, `"/d3"`).Replace(failed)
	f.create("other", failed, types.StackStatusRollbackComplete)
	if !kept("/e") || kept("/f") {
		t.Errorf("after a creation that failed: e %v, f %v", kept("/e"), kept("/f"))
	}
}

func TestADeletionThatFailsCanBeRepeated(t *testing.T) {
	f := newFixture(t, false)
	f.create("app", `{"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"full-of-it"}},"T":{"Type":"AWS::SNS::Topic"}}}`, types.StackStatusCreateComplete)
	c := s3.NewFromConfig(f.w.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("full-of-it"), Key: aws.String("x"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	f.delete("app", types.StackStatusDeleteFailed)
	if all := strings.Join(f.failures("app"), "\n"); !strings.Contains(all, "B DELETE_FAILED") || !strings.Contains(all, "not empty") {
		t.Errorf("failures = %s", all)
	}
	if _, err := f.DeleteStack(t.Context(), &cfn.DeleteStackInput{StackName: aws.String("app"), RetainResources: []string{"B"}}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	_, err := f.DescribeStacks(t.Context(), &cfn.DescribeStacksInput{StackName: aws.String("app")})
	wantError(t, err, "ValidationError", "does not exist")
	if _, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("full-of-it")}); err != nil {
		t.Error(err)
	}
}

func TestTerminationProtection(t *testing.T) {
	f := newFixture(t, false)
	f.create("app", chain, types.StackStatusCreateComplete)
	protect := func(on bool) {
		if _, err := f.UpdateTerminationProtection(t.Context(), &cfn.UpdateTerminationProtectionInput{StackName: aws.String("app"), EnableTerminationProtection: &on}); err != nil {
			t.Fatal(err)
		}
	}
	protect(true)
	_, err := f.DeleteStack(t.Context(), &cfn.DeleteStackInput{StackName: aws.String("app")})
	wantError(t, err, "ValidationError", "Stack [app] cannot be deleted while TerminationProtection is enabled")
	protect(false)
	f.delete("app", types.StackStatusDeleteComplete)
}

func TestExportsAreHeldByWhoImportsThem(t *testing.T) {
	f := newFixture(t, false)
	ctx := t.Context()
	f.create("app", chain, types.StackStatusCreateComplete)
	f.create("user", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/user","Type":"String","Value":{"Fn::ImportValue":"alerts-topic"}}}}}`, types.StackStatusCreateComplete)
	if v, _ := f.w.SSM().Value("/user"); v != topicARN {
		t.Errorf("imported %q", v)
	}
	exports, err := f.ListExports(ctx, &cfn.ListExportsInput{})
	if err != nil || len(exports.Exports) != 1 || *exports.Exports[0].Value != topicARN {
		t.Errorf("exports = %v, %v", exports, err)
	}
	imports, err := f.ListImports(ctx, &cfn.ListImportsInput{ExportName: aws.String("alerts-topic")})
	if err != nil || len(imports.Imports) != 1 || imports.Imports[0] != "user" {
		t.Errorf("imports = %v, %v", imports, err)
	}
	f.delete("app", types.StackStatusDeleteFailed)
	if st := f.settle("app"); !strings.Contains(aws.ToString(st.StackStatusReason), "Export alerts-topic cannot be deleted as it is in use by user") {
		t.Errorf("reason = %s", aws.ToString(st.StackStatusReason))
	}
	f.delete("user", types.StackStatusDeleteComplete)
	f.delete("app", types.StackStatusDeleteComplete)
	_, err = f.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("user"), TemplateBody: aws.String(`{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::ImportValue":"alerts-topic"}}}}}`)})
	wantError(t, err, "ValidationError", "No export named alerts-topic found.")
}

func TestRequestsAreRefusedBeforeAnythingIsMade(t *testing.T) {
	f := newFixture(t, false)
	role := `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"r","AssumeRolePolicyDocument":{}}}}}`
	for name, tc := range map[string]struct {
		in            cfn.CreateStackInput
		code, message string
	}{
		"no template":    {cfn.CreateStackInput{}, "ValidationError", "Either Template URL or Template Body must be specified."},
		"capability":     {cfn.CreateStackInput{TemplateBody: &role}, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		"less of it":     {cfn.CreateStackInput{TemplateBody: &role, Capabilities: []types.Capability{types.CapabilityCapabilityIam}}, "InsufficientCapabilitiesException", "CAPABILITY_NAMED_IAM"},
		"unknown type":   {cfn.CreateStackInput{TemplateBody: aws.String(`{"Resources":{"Q":{"Type":"AWS::Nope::Nope"}}}`)}, "ValidationError", "Template format error: Unrecognized resource types: [AWS::Nope::Nope]"},
		"attribute":      {cfn.CreateStackInput{TemplateBody: aws.String(`{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["T","Arn"]}}}}`)}, "ValidationError", "Template error: resource T does not support attribute type Arn in Fn::GetAtt"},
		"parameter":      {cfn.CreateStackInput{TemplateBody: aws.String(chain), Parameters: []types.Parameter{{ParameterKey: aws.String("X"), ParameterValue: aws.String("x")}}}, "ValidationError", "Parameters: [X] do not exist in the template"},
		"no such object": {cfn.CreateStackInput{TemplateURL: aws.String("https://s3.eu-west-1.amazonaws.com/none/t.json")}, "ValidationError", "S3 error: The specified bucket does not exist"},
		"both":           {cfn.CreateStackInput{TemplateBody: aws.String(chain), OnFailure: types.OnFailureDelete, DisableRollback: aws.Bool(true)}, "ValidationError", "either DisableRollback or OnFailure"},
		"express":        {cfn.CreateStackInput{TemplateBody: aws.String(chain), DeploymentConfig: &types.DeploymentConfig{Mode: types.DeploymentConfigModeExpress}}, "NotImplementedException", "EXPRESS"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.StackName = aws.String("app")
			_, err := f.CreateStack(t.Context(), &tc.in)
			wantError(t, err, tc.code, tc.message)
		})
	}
	_, err := f.CreateStack(t.Context(), &cfn.CreateStackInput{StackName: aws.String("1app"), TemplateBody: aws.String(chain)})
	wantError(t, err, "ValidationError", "[a-zA-Z][-a-zA-Z0-9]*")
	if all, err := f.ListStacks(t.Context(), &cfn.ListStacksInput{}); err != nil || len(all.StackSummaries) != 0 {
		t.Errorf("stacks = %v, %v", all, err)
	}
}

func TestUnknownPropertiesFailTheResource(t *testing.T) {
	f := newFixture(t, false)
	st := f.create("app", `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Nme":"x"}}}}`, types.StackStatusRollbackComplete)
	if all := strings.Join(f.failures(*st.StackId), "\n"); !strings.Contains(all, "Properties validation failed for resource T with message:\n#: extraneous key [Nme] is not permitted") {
		t.Errorf("failures = %s", all)
	}
}

func TestAStackActsForItsCallerOrItsRole(t *testing.T) {
	f := newFixture(t, true)
	ctx := t.Context()
	roles := iam.NewFromConfig(f.w.AWSConfig())
	role := func(name, service, policy string) string {
		out, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + service + `,"Action":"sts:AssumeRole"}]}`)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + policy + `]}`)}); err != nil {
			t.Fatal(err)
		}
		return *out.Role.Arn
	}
	deployer := role("deployer", `{"AWS":"123456789012"}`, `{"Effect":"Allow","Action":["cloudformation:*","ssm:PutParameter","ssm:DeleteParameter"],"Resource":"*"},{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/exec*"}`)
	exec := role("exec", `{"Service":"cloudformation.amazonaws.com"}`, `{"Effect":"Allow","Action":"sns:*","Resource":"*"}`)
	untrusted := role("exec-untrusted", `{"Service":"lambda.amazonaws.com"}`, `{"Effect":"Allow","Action":"sns:*","Resource":"*"}`)
	f.Client = cfn.NewFromConfig(as(f.w, deployer))
	topic := `{"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"t"}}}}`
	deploy := func(name, template, role string, want types.StackStatus) string {
		in := &cfn.CreateStackInput{StackName: &name, TemplateBody: &template}
		if role != "" {
			in.RoleARN = &role
		}
		if _, err := f.CreateStack(ctx, in); err != nil {
			t.Fatal(err)
		}
		return strings.Join(f.failures(*f.ended(name, want).StackId), "\n")
	}
	if all := deploy("own", topic, "", types.StackStatusRollbackComplete); !strings.Contains(all, "assumed-role/deployer/run is not authorized to perform: SNS:CreateTopic") && !strings.Contains(all, "not authorized to perform: sns:CreateTopic") {
		t.Errorf("failures = %s", all)
	}
	deploy("by-role", topic, exec, types.StackStatusCreateComplete)
	if all := deploy("other", `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}}}}`, exec, types.StackStatusRollbackComplete); !strings.Contains(all, "ssm:PutParameter") {
		t.Errorf("failures = %s", all)
	}
	if all := deploy("untrusted", topic, untrusted, types.StackStatusRollbackComplete); !strings.Contains(all, "sts:AssumeRole") {
		t.Errorf("failures = %s", all)
	}
	_, err := f.CreateStack(ctx, &cfn.CreateStackInput{StackName: aws.String("passes"), TemplateBody: &topic, RoleARN: aws.String("arn:aws:iam::123456789012:role/admin")})
	wantError(t, err, "AccessDenied", "iam:PassRole")
	f.delete("by-role", types.StackStatusDeleteComplete) // by the role that the stack keeps
}

func TestThrottledCallsAreMadeAgain(t *testing.T) {
	f := newFixture(t, false)
	f.w.Faults().Add(world.Fault{Service: "sns", Operation: "CreateTopic", Mode: world.Throttle, Count: 2})
	f.create("app", chain, types.StackStatusCreateComplete)
}
