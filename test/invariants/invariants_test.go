package invariants

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

var noon = time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)

// scene is a world in which every rule holds, until a case breaks one.
type scene struct {
	c         *Checker
	hook      func(world.CallRecord)
	change    func(route53.ChangeEvent)
	now       time.Time
	seq       int
	weights   upgrade.Weights
	health    map[string]upgrade.Health
	gate      *upgrade.Gate
	steps     []upgrade.StepRecord
	approval  upgrade.ApprovalRecord
	owner     string
	versions  map[string]upgrade.Version
	noRecords bool
}

func newScene() *scene {
	s := &scene{now: noon, weights: upgrade.AllBlue, owner: "u", health: map[string]upgrade.Health{}, versions: map[string]upgrade.Version{"shop-green": {Major: 1, Minor: 35}}}
	for _, cluster := range []string{"shop", "shop-green"} {
		s.health[cluster] = upgrade.Health{Cluster: cluster, Status: upgrade.Pass, ObservedAt: upgrade.At(noon)}
	}
	s.gate = &upgrade.Gate{Step: "decommission-blue", PlanHash: "hash"}
	s.approval = upgrade.ApprovalRecord{PlanHash: "hash", Approved: true, UsedAt: upgrade.At(noon)}
	s.steps = []upgrade.StepRecord{{Step: "soak", Kind: upgrade.StepSoak, Mode: upgrade.Forward, VerifiedAt: upgrade.At(noon)},
		{Step: "decommission-blue", Kind: upgrade.StepDecommission, Mode: upgrade.Forward}}
	request := upgrade.Request{Cluster: "shop", Traffic: upgrade.Traffic{Record: "shop.example.com"}}.WithDefaults()
	s.c = Watch(s, Options{DNS: s, Store: s, Leases: s, LeaseTable: "leases", Upgrade: func() string { return "u" }, Cluster: "shop", Green: "shop-green", Request: request,
		HealthLimit: 5 * time.Minute, Version: func(name string) (upgrade.Version, bool) { v, known := s.versions[name]; return v, known }})
	return s
}

func (s *scene) OnCall(f func(world.CallRecord))                             { s.hook = f }
func (s *scene) OnChange(f func(route53.ChangeEvent))                        { s.change = f }
func (s *scene) Steps(context.Context, string) ([]upgrade.StepRecord, error) { return s.steps, nil }

func (s *scene) Resolve(string) []route53.Answer {
	if s.noRecords {
		return nil
	}
	return []route53.Answer{{SetIdentifier: "shop", Weight: int64(s.weights.Blue)}, {SetIdentifier: "shop-green", Weight: int64(s.weights.Green)}}
}

func (s *scene) Health(_ context.Context, _, cluster string) (upgrade.Health, bool, error) {
	h, found := s.health[cluster]
	return h, found, nil
}

func (s *scene) Gate(context.Context, string, string) (upgrade.Gate, bool, error) {
	if s.gate == nil {
		return upgrade.Gate{}, false, nil
	}
	return *s.gate, true, nil
}

func (s *scene) Approval(context.Context, string, string) (upgrade.ApprovalRecord, bool, error) {
	return s.approval, s.approval != upgrade.ApprovalRecord{}, nil
}

func (s *scene) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: map[string]ddbtypes.AttributeValue{"data": &ddbtypes.AttributeValueMemberS{Value: fmt.Sprintf(`{"owner":%q}`, s.owner)}}}, nil
}

func (s *scene) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	panic("an invariant changes nothing")
}

func (s *scene) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	panic("the lease is one item")
}

// call serves one call of the agent.
func (s *scene) call(service, operation string, in, out any) {
	s.seq++
	s.hook(world.CallRecord{Seq: s.seq, Time: s.now, Service: service, Operation: operation, Input: in, Output: out, Mutating: world.Mutating(operation), Caller: "eks-upgrade-execute"})
}

// ask makes a change of both weights; it is PENDING afterwards.
func (s *scene) ask(blue, green int) string {
	id := fmt.Sprintf("C%d", s.seq)
	var changes []types.Change
	for name, weight := range map[string]int{"shop": blue, "shop-green": green} {
		changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &types.ResourceRecordSet{SetIdentifier: aws.String(name), Weight: aws.Int64(int64(weight))}})
	}
	s.change(route53.ChangeEvent{ChangeID: id, Status: types.ChangeStatusPending, Changes: changes, Time: s.now})
	s.call("route53", "ChangeResourceRecordSets", &sdk.ChangeResourceRecordSetsInput{ChangeBatch: &types.ChangeBatch{Changes: changes}}, &sdk.ChangeResourceRecordSetsOutput{})
	return id
}

// settle makes a change INSYNC and lets the agent read it.
func (s *scene) settle(id string, w upgrade.Weights) {
	s.now = s.now.Add(30 * time.Second)
	s.weights = w
	s.change(route53.ChangeEvent{ChangeID: id, Status: types.ChangeStatusInsync, Time: s.now})
	s.read()
	s.now = s.now.Add(time.Minute)
}

func (s *scene) read() {
	s.call("route53", "ListResourceRecordSets", &sdk.ListResourceRecordSetsInput{}, &sdk.ListResourceRecordSetsOutput{})
}

// shift makes a change and waits as one should.
func (s *scene) shift(blue, green int) {
	s.settle(s.ask(blue, green), upgrade.Weights{Blue: blue, Green: green})
}

func (s *scene) deleteBlue() {
	s.call("eks", "DeleteCluster", &eks.DeleteClusterInput{Name: aws.String("shop")}, &eks.DeleteClusterOutput{})
}

func (s *scene) startBuild(project, token string) {
	s.call("codebuild", "StartBuild", &codebuild.StartBuildInput{ProjectName: &project, IdempotencyToken: &token}, &codebuild.StartBuildOutput{})
}

func TestEachInvariantSeesWhatBreaksIt(t *testing.T) {
	toGreen := func(s *scene) {
		for _, g := range []int{10, 25, 50, 75, 100} {
			for cluster, h := range s.health {
				h.ObservedAt = upgrade.At(s.now)
				s.health[cluster] = h
			}
			s.shift(100-g, g)
		}
	}
	cases := map[string]struct {
		violates []int // numbers, in order; none: all is well
		play     func(s *scene)
	}{
		"an upgrade as it should be": {nil, func(s *scene) {
			s.startBuild("provision", "a")
			s.startBuild("provision", "a") // after a crash
			toGreen(s)
			s.deleteBlue()
		}},
		"a return from half way waits for INSYNC, not for the TTL": {nil, func(s *scene) {
			s.shift(90, 10)
			id := s.ask(75, 25)
			s.now = s.now.Add(30 * time.Second)
			s.weights = upgrade.Weights{Blue: 75, Green: 25}
			s.change(route53.ChangeEvent{ChangeID: id, Status: types.ChangeStatusInsync, Time: s.now})
			s.read()
			s.shift(100, 0)
		}},
		"the same change again moves nobody": {nil, func(s *scene) {
			s.ask(90, 10)
			s.ask(90, 10)
		}},
		"weights that do not sum":   {[]int{1}, func(s *scene) { s.weights = upgrade.Weights{Blue: 90}; s.read() }},
		"weights that are all zero": {[]int{1}, func(s *scene) { s.weights = upgrade.Weights{}; s.read() }},
		"no record set at all":      {[]int{1}, func(s *scene) { s.noRecords = true; s.read() }},
		"green without a verdict":   {[]int{2}, func(s *scene) { delete(s.health, "shop-green"); s.ask(90, 10) }},
		"green with a stale verdict": {[]int{2}, func(s *scene) {
			s.now = s.now.Add(time.Hour)
			s.ask(90, 10)
		}},
		"green with a failed verdict": {[]int{2}, func(s *scene) {
			s.health["shop-green"] = upgrade.Health{Status: upgrade.Fail, ObservedAt: upgrade.At(noon)}
			s.ask(90, 10)
		}},
		"back to an unhealthy blue": {[]int{2}, func(s *scene) {
			s.shift(90, 10)
			s.health["shop"] = upgrade.Health{Status: upgrade.Inconclusive, ObservedAt: upgrade.At(s.now)}
			s.ask(100, 0)
		}},
		"a step is skipped":        {[]int{3}, func(s *scene) { s.ask(75, 25) }},
		"weights of no step":       {[]int{3}, func(s *scene) { s.ask(80, 20) }},
		"a jump to the other side": {[]int{3}, func(s *scene) { s.ask(0, 100) }},
		"the last change is pending": {[]int{4}, func(s *scene) {
			s.ask(90, 10)
			s.ask(75, 25)
		}},
		"even a return waits for INSYNC": {[]int{4}, func(s *scene) {
			s.ask(90, 10)
			s.ask(100, 0)
		}},
		"the record sets were not read again": {[]int{4}, func(s *scene) {
			id := s.ask(90, 10)
			s.now = s.now.Add(2 * time.Minute)
			s.change(route53.ChangeEvent{ChangeID: id, Status: types.ChangeStatusInsync, Time: s.now.Add(-90 * time.Second)})
			s.ask(75, 25)
		}},
		"the TTL has not passed": {[]int{4}, func(s *scene) {
			id := s.ask(90, 10)
			s.settle(id, upgrade.Weights{Blue: 90, Green: 10})
			s.now = s.now.Add(-30 * time.Second)
			s.ask(75, 25)
		}},
		"blue is destroyed under traffic":    {[]int{6}, func(s *scene) { s.deleteBlue() }},
		"blue is destroyed before the soak":  {[]int{6}, func(s *scene) { toGreen(s); s.steps[0].VerifiedAt = upgrade.Time{}; s.deleteBlue() }},
		"blue is destroyed without approval": {[]int{6}, func(s *scene) { toGreen(s); s.approval = upgrade.ApprovalRecord{}; s.deleteBlue() }},
		"blue is destroyed, approval unused": {[]int{6}, func(s *scene) { toGreen(s); s.approval.UsedAt = upgrade.Time{}; s.deleteBlue() }},
		"blue is destroyed while green is ill": {[]int{6}, func(s *scene) {
			toGreen(s)
			s.health["shop-green"] = upgrade.Health{Status: upgrade.Fail}
			s.deleteBlue()
		}},
		"blue is destroyed without a gate":       {[]int{7}, func(s *scene) { toGreen(s); s.gate = nil; s.deleteBlue() }},
		"another upgrade holds the lease":        {[]int{11}, func(s *scene) { s.owner = "other"; s.startBuild("provision", "a") }},
		"the same intent, another token":         {[]int{13}, func(s *scene) { s.startBuild("provision", "a"); s.startBuild("provision", "b") }},
		"another intent, the same token":         {[]int{13}, func(s *scene) { s.startBuild("provision", "a"); s.startBuild("scan", "a") }},
		"no token":                               {[]int{13}, func(s *scene) { s.startBuild("provision", "") }},
		"a random token":                         {[]int{13}, func(s *scene) { s.startBuild("provision", "0b51a1f4-6c7e-4d0f-9a51-1f2e3d4c5b6a") }},
		"a kubelet newer than its control plane": {[]int{16}, func(s *scene) { s.nodes("1.36") }},
		"a kubelet four minors older":            {[]int{16}, func(s *scene) { s.nodes("1.31") }},
		"a kubelet that fits":                    {nil, func(s *scene) { s.nodes("1.34") }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			c.play(s)
			got := s.c.Violations()
			if len(got) != len(c.violates) {
				t.Fatalf("violations: %v, want of %v", got, c.violates)
			}
			for i, n := range c.violates {
				if !strings.HasPrefix(got[i], fmt.Sprintf("invariant %d (", n)) {
					t.Errorf("violation %q, want of invariant %d", got[i], n)
				}
			}
		})
	}
}

func (s *scene) nodes(version string) {
	s.call("eks", "CreateNodegroup", &eks.CreateNodegroupInput{ClusterName: aws.String("shop-green"), NodegroupName: aws.String("general"), Version: &version, ClientRequestToken: aws.String("token")},
		&eks.CreateNodegroupOutput{})
}

func TestEveryInvariantOfTheListIsBrokenByACase(t *testing.T) {
	want := []int{1, 2, 3, 4, 6, 7, 11, 13, 16}
	for i, inv := range All() {
		if i >= len(want) || inv.Number != want[i] {
			t.Fatalf("invariant %d has no case above", inv.Number)
		}
	}
}
