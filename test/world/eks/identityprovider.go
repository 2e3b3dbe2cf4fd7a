package eks

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const oidc = "oidc" // the only type of identity provider

// AssociateIdentityProviderConfig lets a cluster accept the tokens of an OpenID
// Connect provider; one per cluster. The API server behind the cluster is not
// told of it.
func (s *Service) AssociateIdentityProviderConfig(_ *wire.Call, in *sdk.AssociateIdentityProviderConfigInput) (*sdk.AssociateIdentityProviderConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.AssociateIdentityProviderConfigOutput{Update: u, Tags: cloneTags(in.Tags)}, err
	}
	if err := checkProvider(c, in); err != nil {
		return nil, err
	}
	if err := c.takesUpdate(types.UpdateTypeAssociateIdentityProviderConfig); err != nil {
		return nil, err
	}
	o := in.Oidc
	p := convert[types.OidcIdentityProviderConfig](o)
	p.ClusterName, p.Status, p.Tags = c.Name, types.ConfigStatusCreating, cloneTags(in.Tags)
	p.IdentityProviderConfigArn = s.arn("identityproviderconfig/%s/%s/%s/%s", *c.Name, oidc, *o.IdentityProviderConfigName, s.uuid())
	if p.UsernameClaim == nil {
		p.UsernameClaim = ptr("sub")
	}
	if p.UsernamePrefix == nil && *p.UsernameClaim != "email" {
		p.UsernamePrefix = ptr(*o.IssuerUrl + "#")
	}
	c.providers[*p.IdentityProviderConfigName] = &p
	u := s.startUpdate(c, types.UpdateTypeAssociateIdentityProviderConfig, "", "", param(types.UpdateParamTypeIdentityProviderConfig, identifier(*p.IdentityProviderConfigName)))
	c.remember(in.ClientRequestToken, in, u)
	s.after(s.takes(WorkIdentityProvider, *c.Name), nil, func(error) {
		p.Status = types.ConfigStatusActive
		u.end("", "")
	})
	return &sdk.AssociateIdentityProviderConfigOutput{Update: ptr(u.Update), Tags: cloneTags(in.Tags)}, nil
}

func identifier(name string) string {
	return memberJSON([]types.IdentityProviderConfig{{Name: ptr(name), Type: ptr(oidc)}})
}

func checkProvider(c *cluster, in *sdk.AssociateIdentityProviderConfigInput) error {
	o := in.Oidc
	if o == nil {
		return invalidParameter(c.Name, "Missing required parameter: oidc")
	}
	if err := required("oidc.identityProviderConfigName", o.IdentityProviderConfigName, "oidc.issuerUrl", o.IssuerUrl, "oidc.clientId", o.ClientId); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if u, err := url.Parse(*o.IssuerUrl); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return invalidParameter(c.Name, "issuerUrl %s is invalid: it must begin with https:// and have no query", *o.IssuerUrl)
	}
	for _, prefix := range []string{value(o.GroupsPrefix), value(o.UsernamePrefix)} {
		if strings.Contains(prefix, "system:") {
			return invalidParameter(c.Name, "The prefix %s is invalid: it cannot contain system:", prefix)
		}
	}
	if c.providers[*o.IdentityProviderConfigName] != nil {
		return inUse(c.Name, "Identity provider config already exists with name %s", *o.IdentityProviderConfigName)
	}
	if len(c.providers) > 0 {
		return &types.ResourceLimitExceededException{ClusterName: c.Name, Message: ptr("Identity provider config limit exceeded: at most 1 per cluster")}
	}
	return nil
}

func (c *cluster) provider(id *types.IdentityProviderConfig) (*types.OidcIdentityProviderConfig, error) {
	if id == nil {
		return nil, invalidParameter(c.Name, "Missing required parameter: identityProviderConfig")
	}
	if err := required("identityProviderConfig.name", id.Name, "identityProviderConfig.type", id.Type); err != nil {
		return nil, err
	}
	if *id.Type != oidc {
		return nil, invalidParameter(c.Name, "Invalid identity provider config type: %s", *id.Type)
	}
	p := c.providers[*id.Name]
	if p == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr(fmt.Sprintf("Identity provider config %s not found", *id.Name))}
	}
	return p, nil
}

// DescribeIdentityProviderConfig describes a cluster's provider.
func (s *Service) DescribeIdentityProviderConfig(_ *wire.Call, in *sdk.DescribeIdentityProviderConfigInput) (*sdk.DescribeIdentityProviderConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	p, err := c.provider(in.IdentityProviderConfig)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeIdentityProviderConfigOutput{IdentityProviderConfig: &types.IdentityProviderConfigResponse{Oidc: ptr(*p)}}, nil
}

// ListIdentityProviderConfigs lists a cluster's providers.
func (s *Service) ListIdentityProviderConfigs(_ *wire.Call, in *sdk.ListIdentityProviderConfigsInput) (*sdk.ListIdentityProviderConfigsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(c.providers)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListIdentityProviderConfigsOutput{NextToken: next, IdentityProviderConfigs: []types.IdentityProviderConfig{}}
	for _, n := range names {
		out.IdentityProviderConfigs = append(out.IdentityProviderConfigs, types.IdentityProviderConfig{Name: ptr(n), Type: ptr(oidc)})
	}
	return out, nil
}

// DisassociateIdentityProviderConfig removes a provider.
func (s *Service) DisassociateIdentityProviderConfig(_ *wire.Call, in *sdk.DisassociateIdentityProviderConfigInput) (*sdk.DisassociateIdentityProviderConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.DisassociateIdentityProviderConfigOutput{Update: u}, err
	}
	p, err := c.provider(in.IdentityProviderConfig)
	if err != nil {
		return nil, err
	}
	if err := c.takesUpdate(types.UpdateTypeDisassociateIdentityProviderConfig); err != nil {
		return nil, err
	}
	p.Status = types.ConfigStatusDeleting
	u := s.startUpdate(c, types.UpdateTypeDisassociateIdentityProviderConfig, "", "", param(types.UpdateParamTypeIdentityProviderConfig, identifier(*p.IdentityProviderConfigName)))
	c.remember(in.ClientRequestToken, in, u)
	s.after(s.takes(WorkIdentityProvider, *c.Name), nil, func(error) {
		delete(c.providers, *p.IdentityProviderConfigName)
		u.end("", "")
	})
	return &sdk.DisassociateIdentityProviderConfigOutput{Update: ptr(u.Update)}, nil
}
