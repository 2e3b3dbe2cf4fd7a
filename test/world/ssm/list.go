package ssm

import (
	"encoding/base64"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxNames is how many names GetParameters takes.
const maxNames = 10

// GetParameters implements the API operation.
func (s *Service) GetParameters(_ *wire.Call, in *awsssm.GetParametersInput) (*awsssm.GetParametersOutput, error) {
	if len(in.Names) == 0 || len(in.Names) > maxNames {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length between 1 and %d", maxNames)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		p, err := s.get(name, aws.ToBool(in.WithDecryption))
		if _, missing := errors.AsType[*types.ParameterNotFound](err); missing {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *p)
	}
	return out, nil
}

// GetParametersByPath implements the API operation.
func (s *Service) GetParametersByPath(_ *wire.Call, in *awsssm.GetParametersByPathInput) (*awsssm.GetParametersByPathOutput, error) {
	path := aws.ToString(in.Path)
	if !strings.HasPrefix(path, "/") {
		return nil, wire.Errorf("ValidationException", "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
	}
	for _, f := range in.ParameterFilters {
		switch aws.ToString(f.Key) {
		case "Type", "KeyId", "Label":
		default:
			return nil, wire.Errorf("InvalidFilterKey", "The following filter key is not valid: %s. Valid filter keys include: [Type, KeyId, Label].", aws.ToString(f.Key))
		}
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next, err := s.page(in.MaxResults, byPathPage, in.NextToken, func(name string) bool {
		rest, ok := strings.CutPrefix(name, prefix)
		return ok && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/")) && s.passesAll(name, in.ParameterFilters)
	})
	if err != nil {
		return nil, err
	}
	out := &awsssm.GetParametersByPathOutput{Parameters: []types.Parameter{}, NextToken: next}
	for _, name := range names {
		p, err := s.view(name, s.params[name].latest(), aws.ToBool(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out, nil
}

// page returns one page of the names that match, sorted.
func (s *Service) page(size *int32, limit int, token *string, match func(string) bool) (names []string, next *string, err error) {
	n := limit
	if size != nil {
		if *size < 1 || int(*size) > limit {
			return nil, nil, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", *size, limit)
		}
		n = int(*size)
	}
	after := ""
	if token != nil {
		b, err := base64.StdEncoding.DecodeString(*token)
		if err != nil || len(b) == 0 {
			return nil, nil, &types.InvalidNextToken{Message: aws.String("The specified token isn't valid.")}
		}
		after = string(b)
	}
	for name := range s.params {
		if name > after && match(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	if len(names) > n {
		names = names[:n]
		next = aws.String(base64.StdEncoding.EncodeToString([]byte(names[n-1])))
	}
	return names, next, nil
}

// DescribeParameters implements the API operation, with the filters Name, Type,
// Path, KeyId, Tier, Label, DataType and tag:.
func (s *Service) DescribeParameters(_ *wire.Call, in *awsssm.DescribeParametersInput) (*awsssm.DescribeParametersOutput, error) {
	for _, f := range in.ParameterFilters {
		switch key := aws.ToString(f.Key); {
		case slices.Contains([]string{"Name", "Type", "Path", "KeyId", "Tier", "Label", "DataType"}, key), strings.HasPrefix(key, "tag:"):
		default:
			return nil, wire.Errorf("InvalidFilterKey", "The following filter key is not valid: %s. Valid filter keys include: [Name, Type, KeyId, Path, Label, Tier, DataType, tag:<key>].", key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next, err := s.page(in.MaxResults, describePage, in.NextToken, func(name string) bool { return s.passesAll(name, in.ParameterFilters) })
	if err != nil {
		return nil, err
	}
	out := &awsssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}, NextToken: next}
	for _, name := range names {
		v := s.params[name].latest()
		out.Parameters = append(out.Parameters, types.ParameterMetadata{
			ARN: aws.String(s.arn(name)), Name: aws.String(name), Type: v.typ, Tier: v.tier, Version: v.number, KeyId: v.keyID,
			DataType: aws.String(v.dataType), Description: v.description, AllowedPattern: v.pattern, LastModifiedDate: aws.Time(v.modified),
		})
	}
	return out, nil
}

func (s *Service) passesAll(name string, filters []types.ParameterStringFilter) bool {
	for _, f := range filters {
		if !s.passes(name, f) {
			return false
		}
	}
	return true
}

// passes reports whether a parameter has one of a filter's values.
func (s *Service) passes(name string, f types.ParameterStringFilter) bool {
	p, key := s.params[name], aws.ToString(f.Key)
	have := []string{name}
	switch v := p.latest(); key {
	case "Type":
		have[0] = string(v.typ)
	case "KeyId":
		have[0] = aws.ToString(v.keyID)
	case "Tier":
		have[0] = string(v.tier)
	case "DataType":
		have[0] = v.dataType
	case "Label":
		have = v.labels
	default:
		if tag, ok := strings.CutPrefix(key, "tag:"); ok {
			value, tagged := p.tags[tag]
			if len(f.Values) == 0 {
				return tagged
			}
			have[0] = value
		}
	}
	for _, want := range f.Values {
		if slices.ContainsFunc(have, func(h string) bool { return agrees(key, aws.ToString(f.Option), h, want) }) {
			return true
		}
	}
	return false
}

func agrees(key, option, have, want string) bool {
	switch {
	case key == "Path":
		rest, ok := strings.CutPrefix(have, strings.TrimSuffix(want, "/")+"/")
		return ok && (option == "Recursive" || !strings.Contains(rest, "/"))
	case option == "BeginsWith":
		return strings.HasPrefix(have, want)
	case option == "Contains":
		return strings.Contains(have, want)
	}
	return have == want
}

// GetParameterHistory implements the API operation.
func (s *Service) GetParameterHistory(_ *wire.Call, in *awsssm.GetParameterHistoryInput) (*awsssm.GetParameterHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.Name)
	p, ok := s.params[name]
	if !ok {
		return nil, &types.ParameterNotFound{}
	}
	start := 0
	if in.NextToken != nil {
		n, err := strconv.Atoi(*in.NextToken)
		if err != nil || n < 0 || n > len(p.versions) {
			return nil, &types.InvalidNextToken{Message: aws.String("The specified token isn't valid.")}
		}
		start = n
	}
	end := len(p.versions)
	out := &awsssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}}
	if in.MaxResults != nil && start+int(*in.MaxResults) < end {
		end = start + int(*in.MaxResults)
		out.NextToken = aws.String(strconv.Itoa(end))
	}
	for _, v := range p.versions[start:end] {
		value, err := s.reveal(name, v, aws.ToBool(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: &name, Type: v.typ, Tier: v.tier, Version: v.number, KeyId: v.keyID, Value: &value, Labels: v.labels,
			DataType: aws.String(v.dataType), Description: v.description, AllowedPattern: v.pattern, LastModifiedDate: aws.Time(v.modified),
		})
	}
	return out, nil
}
