package survey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	sdkeks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/survey"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

const records = "eks-upgrade-records"

// place is a simulated AWS with clusters of version 1.34, whose standard support
// ends on 2026-12-02.
type place struct {
	t       *testing.T
	clk     *clock.Virtual
	world   *world.World
	aws     *full.Services
	handler *survey.Handler
	before  int
}

func newPlace(t *testing.T, clusters ...string) *place {
	t.Helper()
	p := &place{t: t, clk: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))}
	var err error
	if p.world, err = world.New(world.Options{Clock: p.clk, Synchronous: true}); err != nil {
		t.Fatal(err)
	}
	p.aws = full.Add(p.world, full.Options{TempDir: t.TempDir()})
	t.Cleanup(func() {
		p.aws.Close()
		if err := p.world.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := p.aws.AddDefaultVPC(p.world.Region()); err != nil {
		t.Fatal(err)
	}
	cfg := p.world.AWSConfig()
	api := sdkeks.NewFromConfig(cfg)
	described, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var subnets []string
	for _, s := range described.Subnets {
		subnets = append(subnets, *s.SubnetId)
	}
	for _, name := range clusters {
		if _, err := api.CreateCluster(t.Context(), &sdkeks.CreateClusterInput{Name: &name, Version: aws.String("1.34"), RoleArn: aws.String("arn:aws:iam::123456789012:role/cluster"),
			ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: subnets}}); err != nil {
			t.Fatal(err)
		}
	}
	db := dynamodb.NewFromConfig(cfg)
	if _, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: aws.String(records), BillingMode: ddbtypes.BillingModePayPerRequest,
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("upgrade"), KeyType: ddbtypes.KeyTypeHash}, {AttributeName: aws.String("key"), KeyType: ddbtypes.KeyTypeRange}},
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("upgrade"), AttributeType: ddbtypes.ScalarAttributeTypeS}, {AttributeName: aws.String("key"), AttributeType: ddbtypes.ScalarAttributeTypeS}}}); err != nil {
		t.Fatal(err)
	}
	p.clk.Advance(time.Hour)
	bridge := eventbridge.NewFromConfig(cfg)
	if _, err := bridge.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String(events.Bus)}); err != nil {
		t.Fatal(err)
	}
	p.handler = &survey.Handler{EKS: api, Events: bridge, Bus: events.Bus, Memory: survey.NewMemory(db, records, p.clk), Clock: p.clk}
	return p
}

func (p *place) insight(cluster, name string, status types.InsightStatusValue) {
	p.t.Helper()
	if _, err := p.aws.EKS.SetInsight(cluster, types.Insight{Name: &name, InsightStatus: &types.InsightStatus{Status: status, Reason: aws.String("because\nof this")}}); err != nil {
		p.t.Fatal(err)
	}
}

// told returns the events since the last call, shortened.
func (p *place) told() []string {
	p.t.Helper()
	var out []string
	all := p.world.Events().Events()
	for _, e := range all[p.before:] {
		if e.Source != events.Source {
			continue
		}
		var d struct{ Cluster, Version, Name, Status, Reason, Support, Ends string }
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			p.t.Fatal(err)
		}
		var left struct{ DaysLeft int }
		if err := json.Unmarshal(e.Detail, &left); err != nil {
			p.t.Fatal(err)
		}
		if e.DetailType == events.ClusterInsight {
			out = append(out, fmt.Sprintf("%s %s: %s %s: %s", d.Cluster, d.Version, d.Name, d.Status, d.Reason))
		} else {
			out = append(out, fmt.Sprintf("%s %s: %s support ends %s, %d days left", d.Cluster, d.Version, d.Support, d.Ends, left.DaysLeft))
		}
		p.valid(e.DetailType, e.Detail)
	}
	p.before = len(all)
	slices.Sort(out)
	return out
}

// valid holds the detail of an event against its published schema.
func (p *place) valid(detailType string, detail json.RawMessage) {
	p.t.Helper()
	name := strings.ReplaceAll(strings.ToLower(detailType), " ", "-")
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema(name)))
	if err != nil {
		p.t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, schema); err != nil {
		p.t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(detail))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := c.MustCompile(name + "#/properties/detail").Validate(doc); err != nil {
		p.t.Errorf("%s: %v", detail, err)
	}
}

func (p *place) survey(patterns ...string) (survey.Output, error) {
	return p.handler.Handle(p.t.Context(), survey.Input{Clusters: patterns})
}

func (p *place) expect(want ...string) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.told()); diff != "" {
		p.t.Error(diff)
	}
}

func TestAChangeIsToldOnce(t *testing.T) {
	p := newPlace(t, "shop")
	const support = "shop 1.34: standard support ends 2026-12-02T00:00:00Z, 122 days left"
	p.insight("shop", "Deprecated APIs", types.InsightStatusValuePassing)
	p.insight("shop", "Kubelet skew", types.InsightStatusValueError)
	look := func() survey.Output {
		t.Helper()
		out, err := p.survey("shop")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := look()
	p.expect("shop 1.34: Kubelet skew ERROR: because of this", support)
	if len(out.Clusters) != 1 || out.Clusters[0].Events != 2 || out.Clusters[0].Insights < 2 || out.Clusters[0].Version != (upgrade.Version{Major: 1, Minor: 34}) {
		t.Errorf("output %+v", out)
	}
	look()
	p.expect()
	p.insight("shop", "Deprecated APIs", types.InsightStatusValueUnknown)
	look()
	p.expect("shop 1.34: Deprecated APIs UNKNOWN: because of this")
	p.insight("shop", "Deprecated APIs", types.InsightStatusValuePassing)
	p.insight("shop", "Kubelet skew", types.InsightStatusValueWarning)
	look()
	p.expect("shop 1.34: Deprecated APIs PASSING: because of this", "shop 1.34: Kubelet skew WARNING: because of this")
}

func TestTheEndOfSupportIsToldInStages(t *testing.T) {
	p := newPlace(t, "shop")
	for _, c := range []struct {
		day  string
		want []string
	}{
		{"2026-08-01", []string{"shop 1.34: standard support ends 2026-12-02T00:00:00Z, 122 days left"}},
		{"2026-08-20", nil},
		{"2026-09-03", []string{"shop 1.34: standard support ends 2026-12-02T00:00:00Z, 89 days left"}},
		{"2026-09-04", nil},
		{"2026-11-30", []string{"shop 1.34: standard support ends 2026-12-02T00:00:00Z, 1 days left"}},
		{"2026-12-03", []string{"shop 1.34: standard support ends 2026-12-02T00:00:00Z, -2 days left"}},
		{"2027-01-03", nil},
		{"2027-07-01", []string{"shop 1.34: extended support ends 2027-12-02T00:00:00Z, 153 days left"}},
	} {
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		p.clk.Advance(max(0, day.Add(13*time.Hour).Sub(p.clk.Now())))
		if _, err := p.survey("*"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, only(p.told(), "support")); diff != "" {
			t.Errorf("%s:\n%s", c.day, diff)
		}
	}
}

func only(lines []string, word string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, word) })
}

func TestOnlyTheNamedClustersAreSeen(t *testing.T) {
	p := newPlace(t, "shop", "shop-green", "team-a", "other")
	out, err := p.survey("shop", "team-*", "gone")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range out.Clusters {
		names = append(names, c.Cluster)
	}
	if diff := cmp.Diff([]string{"shop", "team-a"}, names); diff != "" {
		t.Error(diff)
	}
}

// blind cannot describe one of the clusters.
type blind struct {
	survey.EKS
	cluster string
}

func (b blind) DescribeCluster(ctx context.Context, in *sdkeks.DescribeClusterInput, o ...func(*sdkeks.Options)) (*sdkeks.DescribeClusterOutput, error) {
	if *in.Name == b.cluster {
		return nil, &types.ServerException{Message: aws.String("not now")}
	}
	return b.EKS.DescribeCluster(ctx, in, o...)
}

func TestAClusterThatCannotBeSeenDoesNotHideTheOthers(t *testing.T) {
	p := newPlace(t, "a", "b", "c")
	real := p.handler.EKS
	p.handler.EKS = blind{real, "b"}
	_, err := p.survey("*")
	if upgrade.CodeOf(err) != upgrade.CodeUnavailable || !strings.Contains(err.Error(), "cluster b: ") {
		t.Errorf("error %v", err)
	}
	if got := p.told(); len(got) != 2 {
		t.Errorf("told %q", got)
	}
	p.handler.EKS = real
	if _, err := p.survey("*"); err != nil {
		t.Fatal(err)
	}
	if got := p.told(); len(got) != 1 || !strings.HasPrefix(got[0], "b ") {
		t.Errorf("told %q", got)
	}
}

// refusing takes no events.
type refusing struct{}

func (refusing) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return nil, errors.New("no")
}

func TestWhatWasNotTakenIsToldAgain(t *testing.T) {
	p := newPlace(t, "shop")
	bridge := p.handler.Events
	p.handler.Events = refusing{}
	if _, err := p.survey("shop"); err == nil {
		t.Error("the event was lost")
	}
	p.handler.Events = bridge
	if _, err := p.survey("shop"); err != nil {
		t.Fatal(err)
	}
	if got := only(p.told(), "support"); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}

func TestABusThatDoesNotExistIsAnError(t *testing.T) {
	p := newPlace(t, "shop")
	p.handler.Bus = "no-such-bus"
	if _, err := p.survey("shop"); err == nil {
		t.Error("the event was lost")
	}
}

func TestInputIsChecked(t *testing.T) {
	for input, field := range map[string]string{
		`{}`: "clusters", `{"clusters":[]}`: "clusters", `{"clusters":[""]}`: "clusters[0]", `{"clusters":["a","["]}`: "clusters[1]",
		`{"clusters":["a"],"warnDays":[7,0]}`: "warnDays[1]", `{"clusters":["a"],"days":[7]}`: "days",
	} {
		_, err := upgrade.Decode[survey.Input]([]byte(input))
		if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", input, err)
		}
	}
}
