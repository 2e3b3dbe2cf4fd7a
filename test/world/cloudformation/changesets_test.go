package cloudformation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func (f *fixture) changeSet(name, template string, kind types.ChangeSetType) *cfn.DescribeChangeSetOutput {
	f.Helper()
	out, err := f.CreateChangeSet(f.Context(), &cfn.CreateChangeSetInput{StackName: &name, ChangeSetName: aws.String("set"), ChangeSetType: kind, TemplateBody: &template, Capabilities: capabilities})
	if err != nil {
		f.Fatal(err)
	}
	f.clock.Advance(10 * time.Second)
	d, err := f.DescribeChangeSet(f.Context(), &cfn.DescribeChangeSetInput{ChangeSetName: out.Id})
	if err != nil {
		f.Fatal(err)
	}
	return d
}

// changes writes a change set's changes as words.
func changes(d *cfn.DescribeChangeSetOutput) string {
	var all []string
	for _, c := range d.Changes {
		r := c.ResourceChange
		text := *r.LogicalResourceId + " " + string(r.Action)
		if r.Replacement != "" {
			text += " " + string(r.Replacement)
		}
		for _, detail := range r.Details {
			text += " " + aws.ToString(detail.Target.Name)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestChangeSets(t *testing.T) {
	f := newFixture(t, false)
	ctx := t.Context()
	d := f.changeSet("app", chain, types.ChangeSetTypeCreate)
	if d.Status != types.ChangeSetStatusCreateComplete || changes(d) != "Topic Add, Value Add" {
		t.Errorf("%s: %s", d.Status, changes(d))
	}
	if st := f.settleNow("app"); st.StackStatus != types.StackStatusReviewInProgress {
		t.Errorf("status = %s", st.StackStatus)
	}
	if got, err := f.GetTemplate(ctx, &cfn.GetTemplateInput{StackName: aws.String("app")}); err != nil || got.TemplateBody != nil {
		t.Errorf("template = %v, %v", got, err)
	}
	if _, err := f.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{ChangeSetName: d.ChangeSetId}); err != nil {
		t.Fatal(err)
	}
	f.ended("app", types.StackStatusCreateComplete)

	d = f.changeSet("app", chain, types.ChangeSetTypeUpdate)
	if d.Status != types.ChangeSetStatusFailed || !strings.HasPrefix(*d.StatusReason, "The submitted information didn't contain changes.") {
		t.Errorf("%s: %s", d.Status, aws.ToString(d.StatusReason))
	}
	_, err := f.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{ChangeSetName: d.ChangeSetId})
	wantError(t, err, "InvalidChangeSetStatus", "cannot be executed")
	if _, err := f.DeleteChangeSet(ctx, &cfn.DeleteChangeSetInput{ChangeSetName: d.ChangeSetId}); err != nil {
		t.Fatal(err)
	}

	changed := strings.NewReplacer("Default: one", "Default: two", "TopicName: alerts", "TopicName: alarms", "Outputs:", "  More: {Type: AWS::SNS::Topic}\nOutputs:").Replace(chain)
	d = f.changeSet("app", changed, types.ChangeSetTypeUpdate)
	if want := "More Add, Topic Modify True DisplayName TopicName, Value Modify False Value"; changes(d) != want {
		t.Errorf("changes = %s, want %s", changes(d), want)
	}
	list, err := f.ListChangeSets(ctx, &cfn.ListChangeSetsInput{StackName: aws.String("app")})
	if err != nil || len(list.Summaries) != 1 {
		t.Errorf("change sets = %v, %v", list, err)
	}
	if _, err := f.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{ChangeSetName: d.ChangeSetId}); err != nil {
		t.Fatal(err)
	}
	f.ended("app", types.StackStatusUpdateComplete)
	_, err = f.DescribeChangeSet(ctx, &cfn.DescribeChangeSetInput{ChangeSetName: d.ChangeSetId})
	wantError(t, err, "ChangeSetNotFound", "does not exist")

	small := chain[:strings.Index(chain, "  Value:")]
	if d = f.changeSet("app", small, types.ChangeSetTypeUpdate); !strings.Contains(changes(d), "Value Remove") {
		t.Errorf("changes = %s", changes(d))
	}
}

// settleNow describes a stack as it is.
func (f *fixture) settleNow(name string) types.Stack {
	f.Helper()
	out, err := f.DescribeStacks(f.Context(), &cfn.DescribeStacksInput{StackName: &name})
	if err != nil {
		f.Fatal(err)
	}
	return out.Stacks[0]
}

func TestExistingResourcesAreImported(t *testing.T) {
	f := newFixture(t, false)
	f.take()
	template := `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","DeletionPolicy":"Retain","Properties":{"Name":"/taken","Type":"String","Value":"x"}}}}`
	out, err := f.CreateChangeSet(t.Context(), &cfn.CreateChangeSetInput{StackName: aws.String("app"), ChangeSetName: aws.String("set"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: &template, ImportExistingResources: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(10 * time.Second)
	if _, err := f.ExecuteChangeSet(t.Context(), &cfn.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
		t.Fatal(err)
	}
	f.ended("app", types.StackStatusCreateComplete)
	d, err := f.DescribeStackResource(t.Context(), &cfn.DescribeStackResourceInput{StackName: aws.String("app"), LogicalResourceId: aws.String("P")})
	if err != nil || d.StackResourceDetail.ResourceStatus != types.ResourceStatusImportComplete {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestFailedOperationsCanBeTakenBackLater(t *testing.T) {
	f := newFixture(t, false)
	f.take()
	bad := strings.Replace(chain, "\nOutputs:", failing, 1)
	if _, err := f.CreateStack(t.Context(), &cfn.CreateStackInput{StackName: aws.String("app"), TemplateBody: &bad, DisableRollback: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	f.ended("app", types.StackStatusCreateFailed)
	if _, ok := f.w.SSM().Value("/agent/topic"); !ok {
		t.Error("what was made did not stay")
	}
	if _, err := f.RollbackStack(t.Context(), &cfn.RollbackStackInput{StackName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	f.ended("app", types.StackStatusRollbackComplete)
	if _, ok := f.w.SSM().Value("/agent/topic"); ok {
		t.Error("what was made was left")
	}
}

func TestTemplatesAreSummarized(t *testing.T) {
	f := newFixture(t, false)
	v, err := f.ValidateTemplate(t.Context(), &cfn.ValidateTemplateInput{TemplateBody: aws.String(chain)})
	if err != nil || len(v.Parameters) != 1 || *v.Parameters[0].DefaultValue != "one" {
		t.Errorf("%+v, %v", v, err)
	}
	role := `{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{}}}}}`
	s, err := f.GetTemplateSummary(t.Context(), &cfn.GetTemplateSummaryInput{TemplateBody: &role})
	if err != nil || len(s.Capabilities) != 1 || s.Capabilities[0] != types.CapabilityCapabilityIam || s.ResourceTypes[0] != "AWS::IAM::Role" {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = f.ValidateTemplate(t.Context(), &cfn.ValidateTemplateInput{TemplateBody: aws.String("x")})
	wantError(t, err, "ValidationError", "Template format error: unsupported structure.")
}

func TestEventsTellOfOperations(t *testing.T) {
	f := newFixture(t, false)
	st := f.create("app", chain, types.StackStatusCreateComplete)
	f.delete("app", types.StackStatusDeleteComplete)
	out, err := f.DescribeEvents(t.Context(), &cfn.DescribeEventsInput{StackName: st.StackId})
	if err != nil || len(out.OperationEvents) == 0 || out.OperationEvents[0].OperationType != types.OperationTypeDeleteStack {
		t.Fatalf("events = %+v, %v", out, err)
	}
	last := out.OperationEvents[len(out.OperationEvents)-1]
	if last.OperationType != types.OperationTypeCreateStack || last.ResourceStatus != types.ResourceStatusCreateInProgress || *last.ResourceType != "AWS::CloudFormation::Stack" {
		t.Errorf("first event = %+v", last)
	}
	one, err := f.DescribeEvents(t.Context(), &cfn.DescribeEventsInput{OperationId: last.OperationId})
	if err != nil || len(one.OperationEvents) == 0 || len(one.OperationEvents) >= len(out.OperationEvents) {
		t.Errorf("events of one operation = %d, %v", len(one.OperationEvents), err)
	}
}
