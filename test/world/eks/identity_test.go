package eks

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func providerInput() *sdk.AssociateIdentityProviderConfigInput {
	return &sdk.AssociateIdentityProviderConfigInput{ClusterName: ptr("shop"), Oidc: &types.OidcIdentityProviderConfigRequest{
		IdentityProviderConfigName: ptr("staff"), IssuerUrl: ptr("https://login.example.com"), ClientId: ptr("kubernetes")}}
}

func TestAccessEntriesOfEachType(t *testing.T) {
	for _, c := range []struct {
		kind, username string
		groups         []string
	}{
		{"STANDARD", "arn:aws:sts::123456789012:assumed-role/agent/{{SessionName}}", []string{}},
		{"EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}},
		{"EC2_WINDOWS", "system:node:{{EC2PrivateDNSName}}", []string{"eks:kube-proxy-windows", "system:nodes"}},
		{"EC2", "system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}},
		{"FARGATE_LINUX", "system:node:{{SessionName}}", []string{"system:bootstrappers", "system:node-proxier", "system:nodes"}},
		{"HYBRID_LINUX", "system:node:{{SessionName}}", []string{"system:bootstrappers", "system:nodes"}},
		{"HYPERPOD_LINUX", "system:node:{{SessionName}}", []string{"system:nodes"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			w := walk(t, "1.34", nil)
			out, err := w.api.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr("arn:aws:iam::123456789012:role/team/agent"), Type: ptr(c.kind)})
			if err != nil || *out.AccessEntry.Username != c.username || !slices.Equal(out.AccessEntry.KubernetesGroups, c.groups) {
				t.Fatalf("entry = %+v, %v", out, err)
			}
		})
	}
}

func TestRefusedAccessEntries(t *testing.T) {
	for _, c := range []struct {
		name, part string
		in         sdk.CreateAccessEntryInput
	}{
		{"no principal of IAM", "invalid principal", sdk.CreateAccessEntryInput{PrincipalArn: ptr("arn:aws:sts::123456789012:assumed-role/a/b")}},
		{"service-linked role", "service-linked", sdk.CreateAccessEntryInput{PrincipalArn: ptr("arn:aws:iam::123456789012:role/aws-service-role/x/y")}},
		{"unknown type", "type is invalid", sdk.CreateAccessEntryInput{PrincipalArn: ptr(role), Type: ptr("EC2_MAC")}},
		{"a user as a node", "must be for an IAM role", sdk.CreateAccessEntryInput{PrincipalArn: ptr("arn:aws:iam::123456789012:user/anna"), Type: ptr("EC2_LINUX")}},
		{"a node of another account", "must be for an IAM role of account", sdk.CreateAccessEntryInput{PrincipalArn: ptr("arn:aws:iam::210987654321:role/node"), Type: ptr("EC2_LINUX")}},
		{"groups of a node", "do not support kubernetesGroups", sdk.CreateAccessEntryInput{PrincipalArn: ptr(role), Type: ptr("EC2_LINUX"), KubernetesGroups: []string{"g"}}},
		{"a group of the system", "system:masters is invalid, it cannot start with system:", sdk.CreateAccessEntryInput{PrincipalArn: ptr(role), KubernetesGroups: []string{"system:masters"}}},
		{"a user name of EKS", "cannot start with eks:", sdk.CreateAccessEntryInput{PrincipalArn: ptr(role), Username: ptr("eks:me")}},
		{"a session name without a colon", "colon", sdk.CreateAccessEntryInput{PrincipalArn: ptr(role), Username: ptr("john{{SessionName}}")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walk(t, "1.34", nil)
			c.in.ClusterName = ptr("shop")
			_, err := w.api.CreateAccessEntry(t.Context(), &c.in)
			wantCode(t, err, "InvalidParameterException", c.part)
		})
	}
}

func TestAccessEntryLifecycle(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.must(w.api.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role), KubernetesGroups: []string{"viewers"}, Tags: map[string]string{"team": "a"}}))
	w.clock.Advance(time.Minute)
	up, err := w.api.UpdateAccessEntry(t.Context(), &sdk.UpdateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role), KubernetesGroups: []string{"editors"}, Username: ptr("ops:{{SessionName}}")})
	if err != nil || up.AccessEntry.KubernetesGroups[0] != "editors" || *up.AccessEntry.Username != "ops:{{SessionName}}" || !up.AccessEntry.ModifiedAt.After(*up.AccessEntry.CreatedAt) {
		t.Fatalf("entry = %+v, %v", up, err)
	}
	tags, err := w.api.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: up.AccessEntry.AccessEntryArn})
	if err != nil || tags.Tags["team"] != "a" {
		t.Errorf("tags = %+v, %v", tags, err)
	}
	w.must(w.api.DeleteAccessEntry(t.Context(), &sdk.DeleteAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role)}))
	_, err = w.api.DescribeAccessEntry(t.Context(), &sdk.DescribeAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role)})
	wantCode(t, err, "ResourceNotFoundException", "The specified principalArn could not be found")
}

func TestAccessPolicies(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.must(w.api.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role)}))
	associate := func(policy string, scope *types.AccessScope) (*sdk.AssociateAccessPolicyOutput, error) {
		return w.api.AssociateAccessPolicy(t.Context(), &sdk.AssociateAccessPolicyInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role), PolicyArn: ptr(policyPrefix + policy), AccessScope: scope})
	}
	cluster := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	_, err := associate("AmazonEKSNoSuchPolicy", cluster)
	wantCode(t, err, "InvalidParameterException", "The policyArn parameter format is not valid")
	_, err = associate("AmazonEKSViewPolicy", &types.AccessScope{Type: types.AccessScopeTypeNamespace})
	wantCode(t, err, "InvalidParameterException", "namespaces must be specified")
	_, err = associate("AmazonEKSViewPolicy", &types.AccessScope{Type: types.AccessScopeTypeCluster, Namespaces: []string{"a"}})
	wantCode(t, err, "InvalidParameterException", "namespaces must not be specified")
	w.must(associate("AmazonEKSClusterAdminPolicy", cluster))
	w.must(associate("AmazonEKSViewPolicy", cluster))
	w.must(associate("AmazonEKSViewPolicy", &types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: []string{"a", "b"}})) // another scope
	l, err := w.api.ListAssociatedAccessPolicies(t.Context(), &sdk.ListAssociatedAccessPoliciesInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role)})
	if err != nil || len(l.AssociatedAccessPolicies) != 2 {
		t.Fatalf("policies = %+v, %v", l, err)
	}
	var groups []string
	for _, p := range l.AssociatedAccessPolicies {
		groups = append(groups, AccessGroups(p)...)
	}
	if d := cmp.Diff([]string{"system:masters", "eks-access-policy:AmazonEKSViewPolicy:a", "eks-access-policy:AmazonEKSViewPolicy:b"}, groups); d != "" {
		t.Error(d)
	}
	e, err := w.api.ListAccessEntries(t.Context(), &sdk.ListAccessEntriesInput{ClusterName: ptr("shop"), AssociatedPolicyArn: ptr(policyPrefix + "AmazonEKSViewPolicy")})
	if err != nil || !slices.Equal(e.AccessEntries, []string{role}) {
		t.Errorf("entries = %+v, %v", e, err)
	}
	drop := &sdk.DisassociateAccessPolicyInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role), PolicyArn: ptr(policyPrefix + "AmazonEKSViewPolicy")}
	w.must(w.api.DisassociateAccessPolicy(t.Context(), drop))
	_, err = w.api.DisassociateAccessPolicy(t.Context(), drop)
	wantCode(t, err, "ResourceNotFoundException", "not associated")
	all, err := w.api.ListAccessPolicies(t.Context(), &sdk.ListAccessPoliciesInput{MaxResults: ptr(int32(2))})
	if err != nil || len(all.AccessPolicies) != 2 || all.NextToken == nil {
		t.Errorf("policies = %+v, %v", all, err)
	}
}

func TestTheCreatorIsAdministrator(t *testing.T) {
	creator := "arn:aws:iam::123456789012:role/creator"
	for caller, bootstrap := range map[string]*bool{creator: nil, "arn:aws:sts::123456789012:assumed-role/creator/session": ptr(true), "arn:aws:sts::123456789012:assumed-role/creator/other": ptr(false)} {
		f := newFixture(t, Options{Principal: func(*wire.Call) string { return caller }})
		in := clusterInput("1.34")
		in.AccessConfig.BootstrapClusterCreatorAdminPermissions = bootstrap
		api := f.client()
		f.must(api.CreateCluster(t.Context(), in))
		l, err := api.ListAssociatedAccessPolicies(t.Context(), &sdk.ListAssociatedAccessPoliciesInput{ClusterName: ptr("shop"), PrincipalArn: &creator})
		if bootstrap != nil && !*bootstrap {
			wantCode(t, err, "ResourceNotFoundException", "principalArn")
			continue
		}
		if err != nil || len(l.AssociatedAccessPolicies) != 1 || *l.AssociatedAccessPolicies[0].PolicyArn != policyPrefix+clusterAdminPolicy {
			t.Fatalf("policies = %+v, %v", l, err)
		}
	}
}

func TestPodIdentityAssociations(t *testing.T) {
	w := walk(t, "1.34", nil)
	create := func(namespace, account string) (*sdk.CreatePodIdentityAssociationOutput, error) {
		return w.api.CreatePodIdentityAssociation(t.Context(), &sdk.CreatePodIdentityAssociationInput{ClusterName: ptr("shop"), Namespace: &namespace, ServiceAccount: &account, RoleArn: ptr(role)})
	}
	web, err := create("default", "web")
	w.must(web, err)
	w.must(create("jobs", "web"))
	_, err = create("default", "web")
	wantCode(t, err, "ResourceInUseException", "Association already exists: "+*web.Association.AssociationId)
	up, err := w.api.UpdatePodIdentityAssociation(t.Context(), &sdk.UpdatePodIdentityAssociationInput{ClusterName: ptr("shop"), AssociationId: web.Association.AssociationId,
		TargetRoleArn: ptr("arn:aws:iam::210987654321:role/far"), DisableSessionTags: ptr(true)})
	if err != nil || *up.Association.TargetRoleArn != "arn:aws:iam::210987654321:role/far" || up.Association.ExternalId == nil || *up.Association.RoleArn != role {
		t.Fatalf("association = %+v, %v", up, err)
	}
	_, err = w.api.UpdatePodIdentityAssociation(t.Context(), &sdk.UpdatePodIdentityAssociationInput{ClusterName: ptr("shop"), AssociationId: web.Association.AssociationId,
		Policy: ptr(`{}`), DisableSessionTags: ptr(false)})
	wantCode(t, err, "InvalidParameterException", "disableSessionTags must be true")
	l, err := w.api.ListPodIdentityAssociations(t.Context(), &sdk.ListPodIdentityAssociationsInput{ClusterName: ptr("shop"), Namespace: ptr("jobs")})
	if err != nil || len(l.Associations) != 1 || *l.Associations[0].Namespace != "jobs" {
		t.Fatalf("associations = %+v, %v", l, err)
	}
	w.must(w.api.DeletePodIdentityAssociation(t.Context(), &sdk.DeletePodIdentityAssociationInput{ClusterName: ptr("shop"), AssociationId: web.Association.AssociationId}))
	_, err = w.api.DescribePodIdentityAssociation(t.Context(), &sdk.DescribePodIdentityAssociationInput{ClusterName: ptr("shop"), AssociationId: web.Association.AssociationId})
	wantCode(t, err, "ResourceNotFoundException", *web.Association.AssociationId)
}

func TestIdentityProviders(t *testing.T) {
	w := walk(t, "1.34", nil)
	in := providerInput()
	in.Oidc.IssuerUrl = ptr("http://login.example.com")
	_, err := w.api.AssociateIdentityProviderConfig(t.Context(), in)
	wantCode(t, err, "InvalidParameterException", "https://")
	w.must(w.api.AssociateIdentityProviderConfig(t.Context(), providerInput()))
	describe := func() (*types.OidcIdentityProviderConfig, error) {
		out, err := w.api.DescribeIdentityProviderConfig(t.Context(), &sdk.DescribeIdentityProviderConfigInput{ClusterName: ptr("shop"), IdentityProviderConfig: &types.IdentityProviderConfig{Name: ptr("staff"), Type: ptr("oidc")}})
		if err != nil {
			return nil, err
		}
		return out.IdentityProviderConfig.Oidc, nil
	}
	p, err := describe()
	if err != nil || p.Status != types.ConfigStatusCreating || *p.UsernameClaim != "sub" || *p.UsernamePrefix != "https://login.example.com#" {
		t.Fatalf("provider = %+v, %v", p, err)
	}
	w.clock.Advance(time.Hour)
	if p, err = describe(); err != nil || p.Status != types.ConfigStatusActive {
		t.Fatalf("provider = %+v, %v", p, err)
	}
	second := providerInput()
	second.Oidc.IdentityProviderConfigName = ptr("others")
	_, err = w.api.AssociateIdentityProviderConfig(t.Context(), second)
	wantCode(t, err, "ResourceLimitExceededException", "at most 1")
	w.must(w.api.DisassociateIdentityProviderConfig(t.Context(), &sdk.DisassociateIdentityProviderConfigInput{ClusterName: ptr("shop"), IdentityProviderConfig: &types.IdentityProviderConfig{Name: ptr("staff"), Type: ptr("oidc")}}))
	if p, err = describe(); err != nil || p.Status != types.ConfigStatusDeleting {
		t.Fatalf("provider = %+v, %v", p, err)
	}
	w.clock.Advance(time.Hour)
	_, err = describe()
	wantCode(t, err, "ResourceNotFoundException", "staff")
}

func TestFargateProfilesComeOneByOne(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.must(w.api.CreateFargateProfile(t.Context(), fargateInput("one")))
	_, err := w.api.CreateFargateProfile(t.Context(), fargateInput("two"))
	wantCode(t, err, "ResourceInUseException", "Cannot create Fargate Profile two because cluster shop currently has Fargate profile one in status CREATING")
	w.clock.Advance(DefaultFargateProfile)
	w.must(w.api.CreateFargateProfile(t.Context(), fargateInput("two")))
	w.clock.Advance(DefaultFargateProfile)
	w.must(w.api.DeleteFargateProfile(t.Context(), &sdk.DeleteFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: ptr("one")}))
	_, err = w.api.DeleteFargateProfile(t.Context(), &sdk.DeleteFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: ptr("two")})
	wantCode(t, err, "ResourceInUseException", "in status DELETING")
	w.clock.Advance(DefaultFargateProfile)
	l, err := w.api.ListFargateProfiles(t.Context(), &sdk.ListFargateProfilesInput{ClusterName: ptr("shop")})
	if err != nil || !slices.Equal(l.FargateProfileNames, []string{"two"}) {
		t.Fatalf("profiles = %+v, %v", l, err)
	}
	for _, c := range []struct {
		part string
		edit func(*sdk.CreateFargateProfileInput)
	}{
		{"selectors", func(in *sdk.CreateFargateProfileInput) { in.Selectors = nil }},
		{"selectors", func(in *sdk.CreateFargateProfileInput) { in.Selectors = make([]types.FargateProfileSelector, 6) }},
		{"must have a namespace", func(in *sdk.CreateFargateProfileInput) { in.Selectors[0].Namespace = nil }},
		{"at most 5 labels", func(in *sdk.CreateFargateProfileInput) {
			in.Selectors[0].Labels = map[string]string{"1": "", "2": "", "3": "", "4": "", "5": "", "6": ""}
		}},
		{"must not start with eks-", func(in *sdk.CreateFargateProfileInput) { in.FargateProfileName = ptr("eks-x") }},
		{"PodExecutionRole", func(in *sdk.CreateFargateProfileInput) { in.PodExecutionRoleArn = ptr("x") }},
	} {
		in := fargateInput("three")
		c.edit(in)
		_, err := w.api.CreateFargateProfile(t.Context(), in)
		wantCode(t, err, "InvalidParameterException", c.part)
	}
}
