package access_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

var update = flag.Bool("update", false, "write the golden files")

// names is a deployment with everything that adds permissions.
var names = access.Names{Partition: "aws", Account: "123456789012", Region: "eu-west-1", Clusters: []string{"shop", "shop-green"},
	HostedZones: []string{"Z0123456789ABCDEFGHIJ"}, Roles: []string{"shop-cluster", "shop-nodes"},
	Source: "arn:aws:s3:::cdk-hnb659fds-assets-123456789012-eu-west-1/source.zip", Key: "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
	StreamAPI: "a1b2c3d4e5", VPC: true}

func TestEveryStatementSaysWhy(t *testing.T) {
	action := regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$`)
	for _, role := range access.Roles(names) {
		given := map[string]bool{}
		for _, s := range role.Statements {
			what := fmt.Sprintf("%s: %v on %v", role.Name, s.Actions, s.Resources)
			if s.Why == "" {
				t.Errorf("%s: nobody says why", what)
			}
			if all := slices.Contains(s.Resources, "*"); all != (s.Wide != "") || all && len(s.Resources) > 1 {
				t.Errorf("%s: it is wide because %q", what, s.Wide)
			}
			if len(s.Actions) == 0 || len(s.Resources) == 0 {
				t.Errorf("%s: allows nothing", what)
			}
			for _, a := range s.Actions {
				if !action.MatchString(a) {
					t.Errorf("%s: %q is not one action", what, a)
				}
				for _, on := range s.Resources {
					if given[a+" "+on] {
						t.Errorf("%s: given twice", what)
					}
					given[a+" "+on] = true
					if on != "*" && !strings.HasPrefix(on, "arn:aws:") {
						t.Errorf("%s: %q is no ARN", what, on)
					}
				}
			}
		}
	}
}

func TestRolesAreOfTheParts(t *testing.T) {
	var got []string
	for _, r := range access.Roles(names) {
		got = append(got, r.Name)
		if r.Purpose == "" || r.Service == "" || len(r.Name) > 64 {
			t.Errorf("%+v", r)
		}
		if one, ok := access.RoleNamed(r.Name, names); !ok || one.Purpose != r.Purpose {
			t.Errorf("%s cannot be found by its name", r.Name)
		}
	}
	if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("two roles have one name: %v", got)
	}
	if _, ok := access.RoleNamed("eks-upgrade-nobody", names); ok {
		t.Error("a role that does not exist was found")
	}
}

func TestNobodyMayUseAKeyThatIsNotThere(t *testing.T) {
	bare := names
	bare.Key, bare.StreamAPI, bare.VPC = "", "", false
	for _, role := range access.Roles(bare) {
		for _, s := range role.Statements {
			for _, a := range s.Actions {
				if strings.HasPrefix(a, "kms:") || strings.HasPrefix(a, "execute-api:") || a == "ec2:CreateNetworkInterface" {
					t.Errorf("%s may %s", role.Name, a)
				}
			}
		}
	}
}

func TestTheKeyIsUsedThroughServicesOnly(t *testing.T) {
	for _, role := range access.Roles(names) {
		for _, s := range role.Statements {
			if strings.HasPrefix(s.Actions[0], "kms:") && s.Condition["StringEquals"]["kms:ViaService"] == nil {
				t.Errorf("%s may %v whatever it is for", role.Name, s.Actions)
			}
		}
	}
}

func TestUnknownPartsHaveNoPermissions(t *testing.T) {
	for what, f := range map[string]func(){
		"function": func() { access.Function("nobody", names) }, "build": func() { access.Build("nobody", names) },
		"machine": func() { access.Machine("nobody", names) }, "service": func() { access.Service("nobody", names) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("permissions were made up")
				}
			}()
			f()
		})
	}
}

// The policy that docs/assess.md gives cannot differ from what is asked for.
func TestAssessingPolicy(t *testing.T) { golden(t, "assess-policy.json", access.AssessingPolicy()) }

// The page is for auditors: every permission of every role, with its reason.
func TestPermissionsPage(t *testing.T) { golden(t, "permissions.md", access.Page(names)) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("../../docs", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the code says; run this test with -update (-want +got):\n%s", file, diff)
	}
}

// EKS asks the caller of CreateNodegroup for more than the call itself, and
// refuses the node group without a word of it in the Service Authorization
// Reference.
func TestTheBuildMayDoWhatEKSAsksOfItsCaller(t *testing.T) {
	const linked = "arn:aws:iam::123456789012:role/aws-service-role/"
	for action, on := range map[string]string{
		"iam:GetRole":                  linked + "eks-nodegroup.amazonaws.com/AWSServiceRoleForAmazonEKSNodegroup",
		"iam:CreateServiceLinkedRole":  linked + "eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
		"iam:ListAttachedRolePolicies": "arn:aws:iam::123456789012:role/shop-nodes",
		"ec2:DescribeSubnets":          "*",
	} {
		if !slices.ContainsFunc(access.Build(access.ProvisionProject, names), func(s access.Statement) bool {
			return slices.Contains(s.Actions, action) && slices.Contains(s.Resources, on)
		}) {
			t.Errorf("it may not %s on %s", action, on)
		}
	}
}

// The machine of a fleet runs each cluster as an execution of its own, whose ARN
// has the label of the state.
func TestAFleetMayStopItsChildren(t *testing.T) {
	for _, on := range []string{"execution:eks-upgrade-fleet:*", "execution:eks-upgrade-fleet/*"} {
		if !slices.ContainsFunc(access.Machine(access.FleetMachine, names), func(s access.Statement) bool {
			return slices.Contains(s.Actions, "states:StopExecution") && slices.Contains(s.Resources, "arn:aws:states:eu-west-1:123456789012:"+on)
		}) {
			t.Errorf("it may not stop %s", on)
		}
	}
}
