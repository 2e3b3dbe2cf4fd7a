package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
)

func TestManifests(t *testing.T) {
	golden(t, "rbac.yaml", access.Manifest(false))
	golden(t, "rbac-green.yaml", access.Manifest(true))
}

func TestTheManifestIsTheObjects(t *testing.T) {
	for _, green := range []bool{false, true} {
		var got []map[string]any
		for i, text := range strings.Split(access.Manifest(green), "---\n") {
			if i == 0 {
				continue // the head
			}
			var o map[string]any
			if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			got = append(got, o)
		}
		if diff := cmp.Diff(access.Objects(green), got); diff != "" {
			t.Errorf("green %t (-objects +manifest):\n%s", green, diff)
		}
	}
}

func TestRulesSayWhy(t *testing.T) {
	for _, r := range access.Kubernetes() {
		for _, rule := range r.Rules {
			wide := slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.Resources, "*")
			if rule.Why == "" || wide != (rule.Wide != "") || len(rule.Verbs) == 0 || slices.Contains(rule.Verbs, "*") {
				t.Errorf("%s: %+v", r.Name, rule)
			}
		}
	}
}

// Who only reads sees no Secret, and who writes may write in green only.
func TestReadersSeeNoSecretsAndNobodyWritesToBlue(t *testing.T) {
	for _, r := range access.Kubernetes() {
		for _, rule := range r.Rules {
			for _, resource := range rule.Resources {
				if r.Group != access.Writers && (resource == "*" || resource == "secrets" || resource == "configmaps") {
					t.Errorf("%s may %v %s", r.Name, rule.Verbs, resource)
				}
			}
			for _, verb := range rule.Verbs {
				if verb != "get" && verb != "list" && !r.GreenOnly {
					t.Errorf("%s may %s %v in blue", r.Name, verb, rule.Resources)
				}
			}
		}
	}
}

// unlisted are kinds of the table that no API server lists: answers to a
// question, parts of others, and a group that no supported release serves.
var unlisted = []string{"AdmissionReview", "ConversionReview", "APIGroupDiscovery", "DeploymentRollback", "Scale", "JobTemplate", "PodStatusResult", "PodSecurityPolicy", "ClusterCIDR",
	"SelfSubjectReview", "TokenReview", "LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"}

func TestReadersListWhatAges(t *testing.T) {
	want := map[schema.GroupResource]bool{}
	for _, api := range lifecycle.Official() {
		if !lifecycle.Official().Ages(api.Group, api.Kind) || api.Group == "extensions" || slices.Contains(unlisted, api.Kind) || api.Group == "policy" && api.Kind == "Eviction" {
			continue
		}
		plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: api.Group, Version: api.Version, Kind: api.Kind})
		want[plural.GroupResource()] = true
	}
	got := map[schema.GroupResource]bool{}
	for _, rule := range access.Kubernetes()[0].Rules {
		if slices.Contains(rule.Verbs, "list") && !slices.Contains(rule.Resources, "nodes") {
			for _, resource := range rule.Resources {
				got[schema.GroupResource{Group: rule.APIGroups[0], Resource: resource}] = true
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rules of readers are not the kinds that age (-ageing +rules):\n%s", diff)
	}
}

func TestEntriesAndCommands(t *testing.T) {
	want := []string{
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-perceive --type STANDARD --kubernetes-groups eks-upgrade-agent:readers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-execute --type STANDARD --kubernetes-groups eks-upgrade-agent:writers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-validate --type STANDARD --kubernetes-groups eks-upgrade-agent:readers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-scan --type STANDARD --kubernetes-groups eks-upgrade-agent:provers",
	}
	if diff := cmp.Diff(want, access.Commands(names, "shop")); diff != "" {
		t.Error(diff)
	}
}
