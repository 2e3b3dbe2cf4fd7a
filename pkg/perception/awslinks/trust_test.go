package awslinks

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const shop = "oidc.eks.eu-west-1.amazonaws.com/id/SHOP"

func TestParseTrust(t *testing.T) {
	const mine = `"Principal":{"Federated":"arn:aws:iam::1:oidc-provider/` + shop + `"}`
	condition := func(operator, value string) upgrade.TrustCondition {
		return upgrade.TrustCondition{Operator: operator, Values: []string{value}}
	}
	tests := []struct {
		name, document string
		want           trust
	}{
		{"one statement that is no list", `{"Statement": {"Effect":"Allow",` + mine + `,"Action":"sts:AssumeRoleWithWebIdentity"}}`, trust{statements: []upgrade.TrustStatement{{}}, issuers: []string{shop}}},
		{"lists everywhere", `{"Statement":[{"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::1:oidc-provider/other.example.com","arn:aws:iam::1:oidc-provider/` + shop + `"]},"Action":["sts:TagSession","sts:AssumeRoleWithWebIdentity"],
			"Condition":{"StringLike":{"` + shop + `:sub":["system:serviceaccount:a:*","system:serviceaccount:b:c"]},"StringEquals":{"` + shop + `:AUD":"sts.amazonaws.com","aws:RequestedRegion":"eu-west-1"}}}]}`,
			trust{statements: []upgrade.TrustStatement{{Subjects: []upgrade.TrustCondition{{Operator: "StringLike", Values: []string{"system:serviceaccount:a:*", "system:serviceaccount:b:c"}}},
				Audiences: []upgrade.TrustCondition{condition("StringEquals", "sts.amazonaws.com")}, Others: []string{"StringEquals aws:RequestedRegion"}}}, issuers: []string{shop, "other.example.com"}}},
		{"wildcards in the action", `{"Statement":[{"Effect":"Allow",` + mine + `,"Action":"sts:*"}]}`, trust{statements: []upgrade.TrustStatement{{}}, issuers: []string{shop}}},
		{"another action", `{"Statement":[{"Effect":"Allow",` + mine + `,"Action":"sts:AssumeRole"}]}`, trust{}},
		{"another issuer of which it is the beginning", `{"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/` + shop + `2"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`, trust{issuers: []string{shop + "2"}}},
		{"the condition is another issuer's", `{"Statement":[{"Effect":"Allow",` + mine + `,"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"other.example.com:sub":"x"}}}]}`,
			trust{statements: []upgrade.TrustStatement{{Others: []string{"StringEquals other.example.com:sub"}}}, issuers: []string{shop}}},
		{"it denies", `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity","Condition":{"Bool":{"aws:SecureTransport":false}}}]}`, trust{denies: true}},
		{"everybody and services", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Effect":"Allow","Principal":{"Service":["a","b"],"AWS":"*"},"Action":"sts:AssumeRole"}]}`, trust{}},
		{"all but one action", `{"Statement":[{"Effect":"Allow",` + mine + `,"NotAction":"sts:TagSession"}]}`, trust{statements: []upgrade.TrustStatement{{}}, issuers: []string{shop}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseTrust(url.PathEscape(tt.document), shop)
			if err != nil {
				t.Fatal(err)
			}
			got.size = 0
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(trust{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got, err := parseTrust("{ \"Statement\":\n\t[] }", shop); err != nil || got.size != len(`{"Statement":[]}`) {
		t.Errorf("size %d, %v", got.size, err)
	}
	for _, broken := range []string{"", "%zz", "[]", `{"Statement":3}`, `{"Statement":[{"Action":{}}]}`} {
		if _, err := parseTrust(broken, shop); upgrade.KindOf(err) != upgrade.KindSourceUnreadable {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

func FuzzParseTrust(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/` + shop + `"},"Action":"sts:*","Condition":{"StringLike":{"` + shop + `:sub":["a"]}}}}`)
	f.Add(`%7B%22Statement%22%3A%5B%5D%7D`)
	f.Fuzz(func(t *testing.T, document string) {
		got, err := parseTrust(document, shop)
		if err == nil && len(got.statements) > 0 && len(got.issuers) == 0 {
			t.Errorf("statements without issuers: %+v", got)
		}
	})
}

func TestHeritage(t *testing.T) {
	tests := []struct {
		value, owner, resource string
		ok                     bool
	}{
		{`"heritage=external-dns,external-dns/owner=blue,external-dns/resource=ingress/default/web"`, "blue", "ingress/default/web", true},
		{`"heritage=external-dns,external-dns/" "owner=blue"`, "blue", "", true},
		{`"heritage=external-dns,external-dns/owner=a\"b"`, `a"b`, "", true},
		{`"heritage=external-dns"`, "", "", true},
		{`"heritage=mate,mate/owner=blue"`, "", "", false},
		{`"v=spf1 include:heritage=external-dns -all"`, "", "", false},
		{``, "", "", false},
	}
	for _, tt := range tests {
		owner, resource, ok := heritage(unquote(tt.value))
		if ok != tt.ok || ok && (owner != tt.owner || resource != tt.resource) {
			t.Errorf("%s: %q %q %t", tt.value, owner, resource, ok)
		}
	}
}

func FuzzHeritage(f *testing.F) {
	f.Add(`"heritage=external-dns,external-dns/owner=blue" ",external-dns/resource=ingress/default/web"`)
	f.Fuzz(func(t *testing.T, value string) {
		if _, _, ok := heritage(unquote(value)); ok && len(value) < len("heritage=external-dns") {
			t.Errorf("%q is external-dns'", value)
		}
	})
}

func TestOwnersByTags(t *testing.T) {
	for name, tt := range map[string]struct {
		tags map[string]string
		want upgrade.TagOwner
	}{
		"a controller's Ingress":          {map[string]string{"elbv2.k8s.aws/cluster": "shop", "ingress.k8s.aws/stack": "default/web", "kubernetes.io/cluster/other": "owned"}, upgrade.TagOwner{Cluster: "shop", Stack: "default/web", By: "controller"}},
		"a controller's Service":          {map[string]string{"elbv2.k8s.aws/cluster": "shop", "service.k8s.aws/stack": "default/api"}, upgrade.TagOwner{Cluster: "shop", Stack: "default/api", By: "controller"}},
		"Auto Mode's":                     {map[string]string{"eks:eks-cluster-name": "shop", "ingress.eks.amazonaws.com/stack": "group"}, upgrade.TagOwner{Cluster: "shop", Stack: "group", By: "autoMode"}},
		"the cloud provider's":            {map[string]string{"kubernetes.io/cluster/shop": "owned", "kubernetes.io/service-name": "default/web"}, upgrade.TagOwner{Cluster: "shop", Stack: "default/web", By: "cloudProvider"}},
		"shared with a cluster":           {map[string]string{"kubernetes.io/cluster/shop": "shared"}, upgrade.TagOwner{}},
		"somebody's":                      {map[string]string{"team": "shop"}, upgrade.TagOwner{}},
		"a stack without a cluster's tag": {map[string]string{"ingress.k8s.aws/stack": "default/web"}, upgrade.TagOwner{}},
	} {
		if diff := cmp.Diff(tt.want, owner(tt.tags)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
