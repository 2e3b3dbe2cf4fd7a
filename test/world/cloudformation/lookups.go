package cloudformation

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// zones lists a region's availability zones.
func (s *Service) zones(who caller, region string) ([]string, error) {
	if region != s.region {
		return nil, &template.Error{Message: "Template error: Fn::GetAZs: the simulated AWS has no region " + region}
	}
	filter := ec2types.Filter{Name: aws.String("region-name"), Values: []string{region}}
	out, err := s.call(who, "", "ec2", "DescribeAvailabilityZones", &ec2.DescribeAvailabilityZonesInput{Filters: []ec2types.Filter{filter}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, z := range out.(*ec2.DescribeAvailabilityZonesOutput).AvailabilityZones {
		names = append(names, *z.ZoneName)
	}
	return names, nil
}

// parameter reads a plain parameter of the Parameter Store.
func (s *Service) parameter(who caller, stack, name string) (string, error) {
	out, err := s.call(who, stack, "ssm", "GetParameters", &ssm.GetParametersInput{Names: []string{name}})
	if err != nil {
		return "", err
	}
	found := out.(*ssm.GetParametersOutput)
	if len(found.Parameters) != 1 {
		return "", invalid("Unable to fetch parameters [%s] from parameter store for this account.", name)
	}
	p := found.Parameters[0]
	if p.Type == ssmtypes.ParameterTypeSecureString {
		return "", invalid("Parameters [%s] referenced by template have types not supported by CloudFormation.", name)
	}
	return *p.Value, nil
}

// inputs reads the parameters of a request: the ones that are not given keep
// their values from before, if the request says so.
func (s *Service) inputs(who caller, t *template.Template, given []types.Parameter, before *input) (input, error) {
	in := input{template: t, given: map[string]string{}, values: map[string]any{}, resolved: map[string]string{}}
	for _, p := range given {
		key := aws.ToString(p.ParameterKey)
		if aws.ToBool(p.UsePreviousValue) {
			if before == nil {
				return in, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key)
			}
			value, ok := before.given[key]
			if !ok {
				return in, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key)
			}
			in.given[key] = value
			continue
		}
		in.given[key] = aws.ToString(p.ParameterValue)
	}
	given2, err := t.Inputs(in.given)
	if err != nil {
		return in, refused(err)
	}
	in.given = given2
	for name, text := range in.given {
		p := t.Parameters[name]
		if p.FromParameterStore() {
			value, err := s.parameter(who, "", text)
			if err != nil {
				return in, err
			}
			in.resolved[name], text = value, value
		}
		in.values[name] = p.Value(text)
	}
	return in, nil
}

// export gives the value of an export and keeps that the stack uses it.
func (s *Service) export(st *stack, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.stacks {
		if other == st || other.status == types.StackStatusDeleteComplete {
			continue
		}
		for _, o := range other.outputs {
			if o.Export == name {
				st.imports[name] = true
				text, _ := o.Value.(string)
				return text, nil
			}
		}
	}
	return "", &template.Error{Message: "No export named " + name + " found."}
}

// messageOf is an error as the reason of a resource's status has it.
func messageOf(err error) string {
	info := wire.Describe(err)
	if info.Code == "" || strings.Contains(err.Error(), "Properties validation failed") {
		return err.Error()
	}
	return info.Message
}
