package awslinks

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// IdentityAPI is *iam.Client.
type IdentityAPI interface {
	ListOpenIDConnectProviders(context.Context, *iam.ListOpenIDConnectProvidersInput, ...func(*iam.Options)) (*iam.ListOpenIDConnectProvidersOutput, error)
	GetOpenIDConnectProvider(context.Context, *iam.GetOpenIDConnectProviderInput, ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error)
	ListRoles(context.Context, *iam.ListRolesInput, ...func(*iam.Options)) (*iam.ListRolesOutput, error)
}

// providers lists the account's providers, that of the cluster with the audiences
// that it accepts.
func (c *Collector) providers(ctx context.Context, issuer string) ([]upgrade.OIDCProvider, error) {
	found := []upgrade.OIDCProvider{}
	out, err := c.api.Identity.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		return nil, awserr.Wrap("list OpenID Connect providers", err)
	}
	for _, p := range out.OpenIDConnectProviderList {
		found = append(found, upgrade.OIDCProvider{ARN: aws.ToString(p.Arn)})
	}
	for i, p := range found {
		if issuer == "" || !strings.HasSuffix(p.ARN, ":oidc-provider/"+issuer) {
			continue
		}
		out, err := c.api.Identity.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &p.ARN})
		if err != nil {
			return nil, awserr.Wrap("describe the cluster's OpenID Connect provider", err)
		}
		found[i].Audiences = out.ClientIDList
	}
	slices.SortFunc(found, func(a, b upgrade.OIDCProvider) int { return strings.Compare(a.ARN, b.ARN) })
	return found, nil
}

// roles looks through all roles of the account for those that trust the issuer.
func (c *Collector) roles(ctx context.Context, issuer string) ([]upgrade.TrustedRole, error) {
	found := []upgrade.TrustedRole{}
	if issuer == "" {
		return found, nil
	}
	pages := iam.NewListRolesPaginator(c.api.Identity, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	err := paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("list roles", err)
		}
		for _, role := range page.Roles {
			document := aws.ToString(role.AssumeRolePolicyDocument)
			// The id at the end of an issuer is the same when it is URL-encoded.
			if !strings.Contains(document, issuer[strings.LastIndex(issuer, "/")+1:]) {
				continue
			}
			t, err := parseTrust(document, issuer)
			if err != nil {
				return err
			}
			if len(t.statements) > 0 {
				found = append(found, upgrade.TrustedRole{Name: aws.ToString(role.RoleName), ARN: aws.ToString(role.Arn), Size: t.size, Trusts: t.statements, Issuers: t.issuers, Denies: t.denies})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b upgrade.TrustedRole) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (c *Collector) podIdentities(ctx context.Context, cluster string) ([]upgrade.PodIdentity, error) {
	found := []upgrade.PodIdentity{}
	pages := eks.NewListPodIdentityAssociationsPaginator(c.api.Clusters, &eks.ListPodIdentityAssociationsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list Pod Identity associations", err)
		}
		for _, a := range page.Associations {
			found = append(found, upgrade.PodIdentity{Namespace: aws.ToString(a.Namespace), ServiceAccount: aws.ToString(a.ServiceAccount), Addon: aws.ToString(a.OwnerArn)})
		}
	}
	return found, nil
}

func (c *Collector) logins(ctx context.Context, cluster string) ([]upgrade.LoginProvider, error) {
	found := []upgrade.LoginProvider{}
	pages := eks.NewListIdentityProviderConfigsPaginator(c.api.Clusters, &eks.ListIdentityProviderConfigsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list identity provider configurations", err)
		}
		for _, p := range page.IdentityProviderConfigs {
			found = append(found, upgrade.LoginProvider{Name: aws.ToString(p.Name), Type: aws.ToString(p.Type)})
		}
	}
	return found, nil
}
