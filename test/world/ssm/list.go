package ssm

import (
	"encoding/base64"
	"errors"
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
	if len(in.ParameterFilters) > 0 {
		return nil, &types.InvalidFilterKey{Message: aws.String("the simulated AWS does not filter parameters by path")}
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next, err := s.page(in.MaxResults, byPathPage, in.NextToken, func(name string) bool {
		rest, ok := strings.CutPrefix(name, prefix)
		return ok && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/"))
	})
	if err != nil {
		return nil, err
	}
	out := &awsssm.GetParametersByPathOutput{Parameters: []types.Parameter{}, NextToken: next}
	for _, name := range names {
		out.Parameters = append(out.Parameters, s.view(name, s.params[name].latest(), aws.ToBool(in.WithDecryption)))
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

// DescribeParameters implements the API operation, with the filters Name and
// Type and Path.
func (s *Service) DescribeParameters(_ *wire.Call, in *awsssm.DescribeParametersInput) (*awsssm.DescribeParametersOutput, error) {
	for _, f := range in.ParameterFilters {
		switch aws.ToString(f.Key) {
		case "Name", "Type", "Path":
		default:
			return nil, &types.InvalidFilterKey{Message: aws.String("the simulated AWS does not filter by " + aws.ToString(f.Key))}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next, err := s.page(in.MaxResults, describePage, in.NextToken, func(name string) bool {
		for _, f := range in.ParameterFilters {
			if !s.passes(name, f) {
				return false
			}
		}
		return true
	})
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

func (s *Service) passes(name string, f types.ParameterStringFilter) bool {
	have := name
	if aws.ToString(f.Key) == "Type" {
		have = string(s.params[name].latest().typ)
	}
	for _, want := range f.Values {
		switch {
		case aws.ToString(f.Key) == "Path":
			rest, ok := strings.CutPrefix(name, strings.TrimSuffix(want, "/")+"/")
			if ok && (aws.ToString(f.Option) == "Recursive" || !strings.Contains(rest, "/")) {
				return true
			}
		case aws.ToString(f.Option) == "BeginsWith" && strings.HasPrefix(have, want):
			return true
		case aws.ToString(f.Option) == "Contains" && strings.Contains(have, want):
			return true
		case have == want:
			return true
		}
	}
	return false
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
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: &name, Type: v.typ, Tier: v.tier, Version: v.number, KeyId: v.keyID, Value: aws.String(v.reveal(aws.ToBool(in.WithDecryption))),
			DataType: aws.String(v.dataType), Description: v.description, AllowedPattern: v.pattern, LastModifiedDate: aws.Time(v.modified),
		})
	}
	return out, nil
}
