package iam

import (
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func (s *Service) provider(arn *string) (*provider, error) {
	p, ok := s.providers[aws.ToString(arn)]
	if !ok {
		return nil, noEntity("OpenIDConnect Provider not found for arn %s", aws.ToString(arn))
	}
	return p, nil
}

// CreateOpenIDConnectProvider makes the issuer of OIDC tokens known, as IAM
// roles for service accounts need it.
func (s *Service) CreateOpenIDConnectProvider(_ *wire.Call, in *awsiam.CreateOpenIDConnectProviderInput) (*awsiam.CreateOpenIDConnectProviderOutput, error) {
	if err := valid(func(v *constraint.Violations) {
		v.RequiredText("url", in.Url, 1, 255, nil)
		for _, t := range in.ThumbprintList {
			v.Text("thumbprintList", &t, 40, 40, nil)
		}
	}); err != nil {
		return nil, err
	}
	u, err := url.Parse(*in.Url)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, wire.Errorf("ValidationError", "Invalid Open ID Connect Provider URL")
	}
	if len(in.ThumbprintList) > 5 {
		return nil, invalidInput("Thumbprint list must contain fewer than 5 entries.")
	}
	if len(in.ClientIDList) > maxAudiences {
		return nil, limitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxAudiences)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &provider{
		url: strings.TrimSuffix(u.Host+u.Path, "/"), audiences: slices.Clone(in.ClientIDList), thumbprints: slices.Clone(in.ThumbprintList), created: s.clock.Now(),
	}
	p.arn = s.arn("oidc-provider", "/", p.url)
	if _, ok := s.providers[p.arn]; ok {
		return nil, alreadyExists("Provider with url https://%s already exists.", p.url)
	}
	if p.tags, err = setTags(nil, in.Tags); err != nil {
		return nil, err
	}
	s.providers[p.arn] = p
	out := &awsiam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: aws.String(p.arn)}
	if len(p.tags) > 0 {
		out.Tags = tagList(p.tags)
	}
	return out, nil
}

// GetOpenIDConnectProvider describes a provider.
func (s *Service) GetOpenIDConnectProvider(_ *wire.Call, in *awsiam.GetOpenIDConnectProviderInput) (*awsiam.GetOpenIDConnectProviderOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.provider(in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &awsiam.GetOpenIDConnectProviderOutput{
		Url: aws.String(p.url), ClientIDList: append([]string{}, p.audiences...), ThumbprintList: append([]string{}, p.thumbprints...),
		CreateDate: aws.Time(p.created), Tags: tagList(p.tags),
	}, nil
}

// ListOpenIDConnectProviders lists the providers by ARN.
func (s *Service) ListOpenIDConnectProviders(_ *wire.Call, _ *awsiam.ListOpenIDConnectProvidersInput) (*awsiam.ListOpenIDConnectProvidersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsiam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []types.OpenIDConnectProviderListEntry{}}
	for _, p := range sorted(s.providers) {
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(p.arn)})
	}
	return out, nil
}

// DeleteOpenIDConnectProvider deletes a provider; one that does not exist is
// no error.
func (s *Service) DeleteOpenIDConnectProvider(_ *wire.Call, in *awsiam.DeleteOpenIDConnectProviderInput) (*awsiam.DeleteOpenIDConnectProviderOutput, error) {
	if err := valid(arned("openIDConnectProviderArn", in.OpenIDConnectProviderArn)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.providers, *in.OpenIDConnectProviderArn)
	return &awsiam.DeleteOpenIDConnectProviderOutput{}, nil
}
