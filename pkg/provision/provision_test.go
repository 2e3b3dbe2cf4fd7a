package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var spec = upgrade.ProvisionInput{
	Cluster: "green", Like: "blue", Version: upgrade.Version{Major: 1, Minor: 35}, Subnets: []string{"subnet-a", "subnet-b"}, RoleARN: "arn:role",
	NodeGroups: []upgrade.NodeGroup{
		{Name: "workers", Min: 1, Max: 5, Desired: 3, RoleARN: "arn:node", Taints: []upgrade.Taint{{Key: "spot", Effect: "NO_SCHEDULE"}}},
		{Name: "plain", Version: upgrade.Version{Major: 1, Minor: 35}, Subnets: []string{"subnet-b"}}},
	Addons: []upgrade.Addon{{Name: "vpc-cni", Version: "v1.20.0", RoleARN: "arn:cni", Configuration: "{}"}},
}

func run(a *account, s upgrade.ProvisionInput, progress *[]string) error {
	return provision.Provision(context.Background(), a, s, provision.Options{Upgrade: "up-1", Step: "provision", Poll: time.Minute, Clock: impatient{a.now},
		Progress: func(line string) {
			if progress != nil {
				*progress = append(*progress, line)
			}
		}})
}

func TestProvisionMakesAClusterLikeTheOther(t *testing.T) {
	a := newAccount()
	var lines []string
	must(t, run(a, spec, &lines))
	if diff := cmp.Diff([]string{"cluster", "entry arn:admin", "addon vpc-cni", "group workers", "group plain"}, a.made); diff != "" {
		t.Error("made (-want +got):\n" + diff)
	}
	green := a.clusters["green"]
	if diff := cmp.Diff(map[string]string{"team": "shop", provision.UpgradeTag: "up-1"}, green.Tags); diff != "" || *green.Version != "1.35" {
		t.Error(*green.Version, diff)
	}
	workers := green.groups["workers"].v
	if *workers.LaunchTemplate.Id != "lt-1" || workers.LaunchTemplate.Name != nil || workers.DiskSize != nil || workers.Tags["pool"] != "a" || *workers.Version != "1.35" {
		t.Errorf("node group %+v", workers)
	}
	if diff := cmp.Diff(spec.Subnets, workers.Subnets); diff != "" || *workers.ScalingConfig.DesiredSize != 3 || workers.Taints[0].Effect != types.TaintEffectNoSchedule {
		t.Error("node group", diff, workers.Taints)
	}
	if plain := green.groups["plain"].v; plain.LaunchTemplate != nil || *plain.DiskSize != 50 || plain.Subnets[0] != "subnet-b" {
		t.Errorf("node group %+v", plain)
	}
	if addon := green.addons["vpc-cni"].v; *addon.AddonVersion != "v1.20.0" || *addon.ServiceAccountRoleArn != "arn:cni" || *addon.ConfigurationValues != "{}" {
		t.Errorf("add-on %+v", addon)
	}
	blue := a.clusters["blue"]
	if diff := cmp.Diff(blue.access["arn:admin"], green.access["arn:admin"], cmpopts.IgnoreUnexported(types.AssociatedAccessPolicy{}, types.AccessScope{})); diff != "" || green.entries["arn:nodes"] != nil || *green.entries["arn:admin"].Username != "admin" {
		t.Error("access", diff)
	}
	if text := strings.Join(lines, "\n"); strings.Count(text, "cluster green: CREATING") != 1 || !strings.Contains(text, "node group plain: ACTIVE") || !strings.Contains(text, "add-on vpc-cni: ACTIVE") {
		t.Error(text)
	}
}

// flaky does not answer some looks at node groups.
type flaky struct {
	*account
	looks int
}

func (f *flaky) DescribeNodegroup(ctx context.Context, in *eks.DescribeNodegroupInput, o ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error) {
	f.looks++
	if f.looks == 6 || f.looks == 7 { // the first looks are before the node groups are made
		return nil, &types.ServerException{Message: aws.String("internal error")}
	}
	return f.account.DescribeNodegroup(ctx, in, o...)
}

// One look that EKS does not answer is no reason to fail a cluster that has
// taken half an hour, and with it the upgrade.
func TestALookThatIsNotAnsweredIsRepeated(t *testing.T) {
	f := &flaky{account: newAccount()}
	must(t, provision.Provision(t.Context(), f, spec, provision.Options{Upgrade: "up-1", Step: "provision", Poll: time.Minute, Clock: impatient{f.now}}))
	if f.looks < 8 {
		t.Errorf("only %d looks", f.looks)
	}
}

func TestProvisionAgainMakesNothing(t *testing.T) {
	a := newAccount()
	must(t, run(a, spec, nil))
	made := len(a.made)
	must(t, run(a, spec, nil))
	if len(a.made) != made {
		t.Errorf("made again: %v", a.made[made:])
	}
}

func TestProvisionSurvivesACrashAtAnyCall(t *testing.T) {
	whole := newAccount()
	must(t, run(whole, spec, nil))
	for at := 1; at <= whole.calls; at++ {
		for _, effect := range []bool{false, true} {
			a := newAccount()
			a.crashAt, a.effect = at, effect
			if err := run(a, spec, nil); !errors.Is(err, errCrash) {
				t.Fatalf("error %v, want the crash", err)
			}
			must(t, run(a, spec, nil))
			if diff := cmp.Diff(whole.made, a.made); diff != "" {
				t.Errorf("crash at call %d, effect %t: made (-want +got):\n%s", at, effect, diff)
			}
			if diff := cmp.Diff(whole.tokens, a.tokens); diff != "" {
				t.Errorf("tokens differ from run to run:\n%s", diff)
			}
		}
	}
}

func TestTokensDifferBetweenUpgrades(t *testing.T) {
	a, b := newAccount(), newAccount()
	must(t, run(a, spec, nil))
	must(t, provision.Provision(t.Context(), b, spec, provision.Options{Upgrade: "up-2", Step: "provision", Poll: time.Minute, Clock: impatient{b.now}}))
	seen := map[string]bool{}
	for _, tokens := range []map[string]string{a.tokens, b.tokens} {
		for what, token := range tokens {
			if seen[token] {
				t.Errorf("the token of %s is used twice", what)
			}
			seen[token] = true
		}
	}
}

func TestProvisionFailsInEKSsWords(t *testing.T) {
	for what, c := range map[string]struct {
		becomes map[string]string
		text    string
	}{
		"cluster":    {map[string]string{"cluster": "FAILED"}, "the cluster is FAILED: Ec2SubnetNotFound: subnet gone"},
		"node group": {map[string]string{"group plain": "CREATE_FAILED"}, "node group plain is CREATE_FAILED: AsgInstanceLaunchFailures: no capacity"},
		"degraded":   {map[string]string{"group plain": "DEGRADED"}, "node group plain is DEGRADED"},
		"add-on":     {map[string]string{"addon vpc-cni": "CREATE_FAILED"}, "add-on vpc-cni is CREATE_FAILED: AccessDenied: role may not"},
	} {
		t.Run(what, func(t *testing.T) {
			a := newAccount()
			a.becomes = c.becomes
			err := run(a, spec, nil)
			if upgrade.CodeOf(err) != upgrade.CodeStepFailed || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %q", err, c.text)
			}
		})
	}
}

func TestProvisionTouchesNoOtherCluster(t *testing.T) {
	for what, c := range map[string]struct {
		tags    map[string]string
		version string
		code    upgrade.Code
	}{
		"nobody's":          {nil, "1.35", upgrade.CodePrecondition},
		"another upgrade's": {map[string]string{provision.UpgradeTag: "up-0"}, "1.35", upgrade.CodePrecondition},
		"another version":   {map[string]string{provision.UpgradeTag: "up-1"}, "1.34", upgrade.CodeStepFailed},
	} {
		t.Run(what, func(t *testing.T) {
			a := newAccount()
			name := "green"
			a.add(types.Cluster{Name: &name, Version: &c.version, Status: "ACTIVE", Tags: c.tags})
			if err := run(a, spec, nil); upgrade.CodeOf(err) != c.code {
				t.Errorf("error %v", err)
			}
			if len(a.made) > 0 {
				t.Errorf("made %v", a.made)
			}
		})
	}
}

func TestProvisionEndsWithItsContext(t *testing.T) {
	a := newAccount()
	ctx, cancel := context.WithCancel(t.Context())
	err := provision.Provision(ctx, a, spec, provision.Options{Upgrade: "up-1", Poll: time.Minute, Clock: a.now, Progress: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) || upgrade.CodeOf(err) != upgrade.CodeStepTimeout {
		t.Errorf("error %v", err)
	}
}

func TestCommandReadsAFile(t *testing.T) {
	file := func(v any) string {
		data, err := json.Marshal(v)
		must(t, err)
		path := filepath.Join(t.TempDir(), "spec.json")
		must(t, os.WriteFile(path, data, 0o600))
		return path
	}
	incomplete := spec
	incomplete.Subnets = nil
	good := map[string]string{"EXECUTION": "up-1"}
	for what, c := range map[string]struct {
		env      map[string]string
		location string
		field    string
		code     upgrade.Code
	}{
		"good":              {good, file(spec), "", ""},
		"no upgrade id":     {nil, file(spec), "EXECUTION", upgrade.CodeInvalidRequest},
		"a bad interval":    {map[string]string{"EXECUTION": "up-1", "POLL_INTERVAL": "-1s"}, file(spec), "POLL_INTERVAL", upgrade.CodeInvalidRequest},
		"no such file":      {good, "/does/not/exist.json", "", upgrade.CodeNotFound},
		"a missing field":   {good, file(incomplete), "subnets", upgrade.CodeInvalidRequest},
		"an unknown field":  {good, file(map[string]any{"clutser": "green"}), "clutser", upgrade.CodeInvalidRequest},
		"not an S3 address": {good, "s3://bucket", "", upgrade.CodeInvalidRequest},
	} {
		t.Run(what, func(t *testing.T) {
			a := newAccount()
			var out strings.Builder
			err := provision.Command{EKS: a, Clock: impatient{a.now}, Getenv: func(k string) string { return c.env[k] }}.Run(zerolog.New(&out).WithContext(t.Context()), c.location)
			var e *upgrade.Error
			if upgrade.CodeOf(err) != c.code || (c.field != "" && (!errors.As(err, &e) || e.Field != c.field)) {
				t.Errorf("error %v, want code %q and field %q", err, c.code, c.field)
			}
			if made := len(a.made) > 0; made != (c.code == "") || made != strings.Contains(out.String(), "cluster green: ACTIVE") {
				t.Errorf("made %v, said %q", a.made, out.String())
			}
		})
	}
}
