package stepfunctions

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// version is a numbered, published revision.
type version struct {
	arn         string
	number      int
	revision    *revision
	created     time.Time
	description *string
}

func (m *machine) version(arn string) *version {
	for _, v := range m.versions {
		if v.arn == arn {
			return v
		}
	}
	return nil
}

// publishCurrent publishes the current revision, unless it is published.
func (m *machine) publishCurrent(description *string, now time.Time) (*version, error) {
	for _, v := range m.versions {
		if v.revision == m.current {
			return v, nil
		}
	}
	if len(m.versions) == maxVersions {
		return nil, &types.ServiceQuotaExceededException{Message: aws.String(fmt.Sprintf("The number of versions of the state machine has reached the limit of %d", maxVersions))}
	}
	m.published++
	v := &version{arn: fmt.Sprintf("%s:%d", m.arn, m.published), number: m.published, revision: m.current, created: now, description: description}
	m.versions = append(m.versions, v)
	return v, nil
}

// PublishStateMachineVersion implements the API operation.
func (s *Service) PublishStateMachineVersion(_ *wire.Call, in *sfn.PublishStateMachineVersionInput) (*sfn.PublishStateMachineVersionOutput, error) {
	if err := length("description", in.Description, 0, maxDescription); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if m.deleting {
		return nil, &types.StateMachineDeleting{Message: aws.String(fmt.Sprintf("State Machine is being deleted: '%s'", m.arn))}
	}
	current := m.current.id
	if current == "" {
		current = initialRevision
	}
	if in.RevisionId != nil && *in.RevisionId != current {
		return nil, &types.ConflictException{Message: aws.String(fmt.Sprintf(
			"Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", *in.RevisionId, current))}
	}
	v, err := m.publishCurrent(in.Description, s.now())
	if err != nil {
		return nil, err
	}
	return &sfn.PublishStateMachineVersionOutput{StateMachineVersionArn: &v.arn, CreationDate: aws.Time(v.created)}, nil
}

// ListStateMachineVersions implements the API operation: the latest first.
func (s *Service) ListStateMachineVersions(_ *wire.Call, in *sfn.ListStateMachineVersionsInput) (*sfn.ListStateMachineVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	var all []types.StateMachineVersionListItem
	for i := len(m.versions) - 1; i >= 0; i-- {
		all = append(all, types.StateMachineVersionListItem{StateMachineVersionArn: &m.versions[i].arn, CreationDate: aws.Time(m.versions[i].created)})
	}
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListStateMachineVersionsOutput{StateMachineVersions: part, NextToken: next}, nil
}

// DeleteStateMachineVersion implements the API operation; deleting what is not
// there is no error, a version behind an alias stays.
func (s *Service) DeleteStateMachineVersion(_ *wire.Call, in *sfn.DeleteStateMachineVersionInput) (*sfn.DeleteStateMachineVersionOutput, error) {
	r, err := parseArn(in.StateMachineVersionArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	if len(r.rest) != 1 || strings.Trim(r.rest[0], "0123456789") != "" {
		return nil, invalidArn("Invalid ARN: %s", r.arn)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.machines[strings.TrimSuffix(r.arn, ":"+r.rest[0])]
	if !ok {
		return &sfn.DeleteStateMachineVersionOutput{}, nil
	}
	for i, v := range m.versions {
		if v.arn != r.arn {
			continue
		}
		if names := m.aliasesOf(v); len(names) > 0 {
			return nil, &types.ConflictException{Message: aws.String(fmt.Sprintf(
				"Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [%s]", strings.Join(names, ", ")))}
		}
		m.versions = append(m.versions[:i:i], m.versions[i+1:]...)
		break
	}
	return &sfn.DeleteStateMachineVersionOutput{}, nil
}

// aliasesOf names the aliases that lead to a version, sorted.
func (m *machine) aliasesOf(v *version) []string {
	var names []string
	for name, a := range m.aliases {
		for _, r := range a.routes {
			if r.version == v {
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}
