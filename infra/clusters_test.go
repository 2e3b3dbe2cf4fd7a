package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// Access entries let in exactly the roles that talk to clusters, as the groups
// that the manifest of pkg/access binds.
func TestAccessEntries(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, r := range access.Roles(access.Names{}) {
		if r.Group != "" {
			want[r.Name] = string(r.Group)
		}
	}
	for id, e := range full.of("AWS::EKS::AccessEntry") {
		role, _ := at(e.Properties, "PrincipalArn.Fn::GetAtt.0").(string)
		name, _ := full.Resources[role].Properties["RoleName"].(string)
		got[name], _ = at(e.Properties, "KubernetesGroups.0").(string)
		if e.Properties["ClusterName"] != "shop" || e.Properties["Type"] != "STANDARD" || e.Properties["AccessPolicies"] != nil {
			t.Errorf("%s: %v", id, e.Properties)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(least.of("AWS::EKS::AccessEntry")); n != 0 {
		t.Errorf("%d entries without a setting", n)
	}
}

// A role of a spoke is taken on by its own role of the hub, with the external
// id, and the hub's roles may take on those and no others.
func TestSpokesTrustTheirOwnRoleOfTheHub(t *testing.T) {
	may := permissions(t, full)
	for id, r := range spoke.Resources {
		if r.Type != "AWS::IAM::Role" {
			t.Errorf("%s is of the type %s", id, r.Type)
			continue
		}
		name := r.Properties["RoleName"].(string)
		hub := "eks-upgrade-" + strings.TrimPrefix(name, "eks-upgrade-spoke-")
		trust := at(r.Properties, "AssumeRolePolicyDocument.Statement.0")
		if at(trust, "Principal.AWS") != "arn:aws:iam::123456789012:root" || at(trust, "Condition.StringEquals.sts:ExternalId") != "0b1e6d5c-shop" ||
			at(trust, "Condition.ArnEquals.aws:PrincipalArn") != "arn:aws:iam::123456789012:role/"+hub {
			t.Errorf("%s trusts %v", name, trust)
		}
		if !slices.ContainsFunc(may[hub], func(p permission) bool {
			return p.action == "sts:AssumeRole" && p.resource == "arn:aws:iam::210987654321:role/"+name
		}) {
			t.Errorf("%s may not take on %s", hub, name)
		}
	}
	for role, all := range may {
		for _, p := range all {
			if p.action != "sts:AssumeRole" {
				continue
			}
			if _, name, _ := strings.Cut(p.resource, ":role/"); name != access.SpokeRoleName(role) || !strings.HasPrefix(p.resource, "arn:aws:iam::210987654321:role/") {
				t.Errorf("%s may take on %s", role, p.resource)
			}
		}
	}
	for role, all := range permissions(t, least) {
		if slices.ContainsFunc(all, func(p permission) bool { return p.action == "sts:AssumeRole" }) {
			t.Errorf("%s may take on roles without a setting", role)
		}
	}
}

// A spoke's roles touch what the settings name there, and nothing of the hub.
func TestSpokesTouchTheirOwnClustersOnly(t *testing.T) {
	for role, all := range permissions(t, spoke) {
		for _, p := range all {
			if strings.Contains(p.resource, "123456789012") || strings.Contains(p.resource, "shop") {
				t.Errorf("%s may %s on %s", role, p.action, p.resource)
			}
			service, _, _ := strings.Cut(p.action, ":")
			if service == "dynamodb" || service == "s3" || service == "sns" || service == "lambda" {
				t.Errorf("%s may %s, which is the hub's", role, p.action)
			}
		}
	}
}

func TestOutputsSayWhatToRunNext(t *testing.T) {
	for name, part := range map[string]string{
		"StateMachine": "", "FleetStateMachine": "", "ArtifactsBucket": "eks-upgrade-artifacts-", "AlertsTopic": ":eks-upgrade-alerts", "ApprovalURL": "", "StreamURL": "wss://",
		"Next1Secrets": "eks-upgrade config push", "Next2AccessEntries": "eks-upgrade access", "Next3Manifest": "kubectl apply", "Next4Doctor": "eks-upgrade doctor",
		"Next5Start": "aws stepfunctions start-execution --region eu-west-1 --state-machine-arn arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade:live",
	} {
		o, there := least.Outputs[name]
		if !there || o.Description == "" || !strings.Contains(written(o.Value), part) {
			t.Errorf("%s: %v", name, o)
		}
	}
	if !strings.Contains(written(full.Outputs["Next2AccessEntries"].Value), "done by this stack for shop;") {
		t.Errorf("%v", full.Outputs["Next2AccessEntries"])
	}
}
