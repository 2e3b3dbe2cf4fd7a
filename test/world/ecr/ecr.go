// Package ecr simulates as much of Amazon ECR as stacks need that make
// repositories: repositories with their settings and policies. There are no
// images.
package ecr

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var repositoryName = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// pageSize is how many repositories a page has unless asked otherwise.
const pageSize = 100

type repository struct {
	types.Repository
	lifecycle, policy *string
	tags              map[string]string
}

// Service is Amazon ECR. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string

	mu           sync.Mutex
	repositories map[string]*repository
}

// New returns ECR without repositories.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, repositories: map[string]*repository{}}
}

// find returns a repository; s.mu is held.
func (s *Service) find(name, registry *string) (*repository, error) {
	if registry != nil && *registry != s.account {
		return nil, &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), *registry))}
	}
	r, ok := s.repositories[aws.ToString(name)]
	if !ok {
		return nil, &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), s.account))}
	}
	return r, nil
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// CreateRepository makes a repository.
func (s *Service) CreateRepository(_ *wire.Call, in *sdk.CreateRepositoryInput) (*sdk.CreateRepositoryOutput, error) {
	name := aws.ToString(in.RepositoryName)
	if len(name) < 2 || len(name) > 256 || !repositoryName.MatchString(name) {
		return nil, invalid("Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repositories[name] != nil {
		return nil, &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf("The repository with name '%s' already exists in the registry with id '%s'", name, s.account))}
	}
	r := &repository{tags: map[string]string{}}
	r.RepositoryName, r.RegistryId, r.CreatedAt = &name, &s.account, aws.Time(s.clock.Now())
	r.RepositoryArn = aws.String(fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", s.region, s.account, name))
	r.RepositoryUri = aws.String(fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", s.account, s.region, name))
	r.ImageTagMutability, r.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
	if r.ImageTagMutability == "" {
		r.ImageTagMutability = types.ImageTagMutabilityMutable
	}
	if r.EncryptionConfiguration = in.EncryptionConfiguration; r.EncryptionConfiguration == nil {
		r.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256}
	}
	if r.ImageScanningConfiguration = in.ImageScanningConfiguration; r.ImageScanningConfiguration == nil {
		r.ImageScanningConfiguration = &types.ImageScanningConfiguration{}
	}
	for _, t := range in.Tags {
		r.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.repositories[name] = r
	return &sdk.CreateRepositoryOutput{Repository: &r.Repository}, nil
}

// DeleteRepository deletes a repository.
func (s *Service) DeleteRepository(_ *wire.Call, in *sdk.DeleteRepositoryInput) (*sdk.DeleteRepositoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	delete(s.repositories, *r.RepositoryName)
	return &sdk.DeleteRepositoryOutput{Repository: &r.Repository}, nil
}

// DescribeRepositories describes the repositories that are named, or all.
func (s *Service) DescribeRepositories(_ *wire.Call, in *sdk.DescribeRepositoriesInput) (*sdk.DescribeRepositoriesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := in.RepositoryNames
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(s.repositories))
	}
	all := []types.Repository{}
	for _, name := range names {
		r, err := s.find(&name, in.RegistryId)
		if err != nil {
			return nil, err
		}
		all = append(all, r.Repository)
	}
	size := pageSize
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	page, next, ok := paging.Cut(all, in.NextToken, size)
	if !ok || size < 1 {
		return nil, invalid("Invalid parameter at 'nextToken'")
	}
	return &sdk.DescribeRepositoriesOutput{Repositories: page, NextToken: next}, nil
}

// PutImageTagMutability says whether tags can be moved.
func (s *Service) PutImageTagMutability(_ *wire.Call, in *sdk.PutImageTagMutabilityInput) (*sdk.PutImageTagMutabilityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	r.ImageTagMutability, r.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
	return &sdk.PutImageTagMutabilityOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, ImageTagMutability: r.ImageTagMutability}, nil
}

// PutImageScanningConfiguration says whether images are scanned.
func (s *Service) PutImageScanningConfiguration(_ *wire.Call, in *sdk.PutImageScanningConfigurationInput) (*sdk.PutImageScanningConfigurationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	r.ImageScanningConfiguration = in.ImageScanningConfiguration
	return &sdk.PutImageScanningConfigurationOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, ImageScanningConfiguration: r.ImageScanningConfiguration}, nil
}

// PutLifecyclePolicy sets the policy by which images would expire.
func (s *Service) PutLifecyclePolicy(_ *wire.Call, in *sdk.PutLifecyclePolicyInput) (*sdk.PutLifecyclePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	var policy struct{ Rules []json.RawMessage }
	if json.Unmarshal([]byte(aws.ToString(in.LifecyclePolicyText)), &policy) != nil || len(policy.Rules) == 0 {
		return nil, invalid("Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: the policy needs rules'")
	}
	r.lifecycle = in.LifecyclePolicyText
	return &sdk.PutLifecyclePolicyOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, LifecyclePolicyText: r.lifecycle}, nil
}

// GetLifecyclePolicy gives the lifecycle policy.
func (s *Service) GetLifecyclePolicy(_ *wire.Call, in *sdk.GetLifecyclePolicyInput) (*sdk.GetLifecyclePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	if r.lifecycle == nil {
		return nil, &types.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf("Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", *r.RepositoryName, s.account))}
	}
	return &sdk.GetLifecyclePolicyOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, LifecyclePolicyText: r.lifecycle}, nil
}

// DeleteLifecyclePolicy takes the lifecycle policy away.
func (s *Service) DeleteLifecyclePolicy(c *wire.Call, in *sdk.DeleteLifecyclePolicyInput) (*sdk.DeleteLifecyclePolicyOutput, error) {
	out, err := s.GetLifecyclePolicy(c, &sdk.GetLifecyclePolicyInput{RepositoryName: in.RepositoryName, RegistryId: in.RegistryId})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repositories[*in.RepositoryName].lifecycle = nil
	return &sdk.DeleteLifecyclePolicyOutput{RepositoryName: out.RepositoryName, RegistryId: out.RegistryId, LifecyclePolicyText: out.LifecyclePolicyText}, nil
}

// SetRepositoryPolicy sets who may use the repository; there is nothing in it
// that the policy would guard.
func (s *Service) SetRepositoryPolicy(_ *wire.Call, in *sdk.SetRepositoryPolicyInput) (*sdk.SetRepositoryPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(aws.ToString(in.PolicyText))) {
		return nil, invalid("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	}
	r.policy = in.PolicyText
	return &sdk.SetRepositoryPolicyOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, PolicyText: r.policy}, nil
}

// GetRepositoryPolicy gives the repository's policy.
func (s *Service) GetRepositoryPolicy(_ *wire.Call, in *sdk.GetRepositoryPolicyInput) (*sdk.GetRepositoryPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RepositoryName, in.RegistryId)
	if err != nil {
		return nil, err
	}
	if r.policy == nil {
		return nil, &types.RepositoryPolicyNotFoundException{Message: aws.String(fmt.Sprintf("Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", *r.RepositoryName, s.account))}
	}
	return &sdk.GetRepositoryPolicyOutput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, PolicyText: r.policy}, nil
}

// DeleteRepositoryPolicy takes the repository's policy away.
func (s *Service) DeleteRepositoryPolicy(c *wire.Call, in *sdk.DeleteRepositoryPolicyInput) (*sdk.DeleteRepositoryPolicyOutput, error) {
	out, err := s.GetRepositoryPolicy(c, &sdk.GetRepositoryPolicyInput{RepositoryName: in.RepositoryName, RegistryId: in.RegistryId})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repositories[*in.RepositoryName].policy = nil
	return &sdk.DeleteRepositoryPolicyOutput{RepositoryName: out.RepositoryName, RegistryId: out.RegistryId, PolicyText: out.PolicyText}, nil
}

// tagged finds a repository by its ARN; s.mu is held.
func (s *Service) tagged(arn *string) (*repository, error) {
	for _, r := range s.repositories {
		if *r.RepositoryArn == aws.ToString(arn) {
			return r, nil
		}
	}
	return nil, &types.RepositoryNotFoundException{Message: aws.String(aws.ToString(arn) + " does not exist")}
}

// TagResource adds tags to a repository.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		r.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags of a repository.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(r.tags, key)
	}
	return &sdk.UntagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a repository.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{}
	for _, key := range slices.Sorted(maps.Keys(r.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: &key, Value: aws.String(r.tags[key])})
	}
	return out, nil
}
