package cloudformation

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// GetTemplate implements the API operation. There are no macros, so that both
// stages are the same.
func (s *Service) GetTemplate(_ *wire.Call, in *cfn.GetTemplateInput) (*cfn.GetTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &cfn.GetTemplateOutput{StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal, types.TemplateStageProcessed}}
	if in.ChangeSetName != nil {
		set, _, err := s.findChangeSet(in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		out.TemplateBody = &set.in.template.Body
		return out, nil
	}
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if st.now.template == nil { // in review: there is none yet, which the CDK CLI takes as empty
		return out, nil
	}
	out.TemplateBody = &st.now.template.Body
	return out, nil
}

// ValidateTemplate implements the API operation.
func (s *Service) ValidateTemplate(c *wire.Call, in *cfn.ValidateTemplateInput) (*cfn.ValidateTemplateOutput, error) {
	t, err := s.parse(c, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	out := &cfn.ValidateTemplateOutput{Description: text(t.Description)}
	if need, why := needed(t); need != "" {
		out.Capabilities, out.CapabilitiesReason = []types.Capability{need}, &why
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		out.Parameters = append(out.Parameters, types.TemplateParameter{ParameterKey: &name, DefaultValue: p.Default, Description: text(p.Description), NoEcho: &p.NoEcho})
	}
	return out, nil
}

func (s *Service) parse(c *wire.Call, body, url *string) (*template.Template, error) {
	text, err := s.body(c, request{body: body, url: url}, nil)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(text)
	if err != nil {
		return nil, refused(err)
	}
	return t, checkTypes(t, nil)
}

// GetTemplateSummary implements the API operation.
func (s *Service) GetTemplateSummary(c *wire.Call, in *cfn.GetTemplateSummaryInput) (*cfn.GetTemplateSummaryOutput, error) {
	if in.StackSetName != nil {
		return nil, notServed("stack sets")
	}
	var t *template.Template
	if in.StackName != nil {
		s.mu.Lock()
		st, err := s.find(in.StackName)
		if err == nil {
			t = st.now.template
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, invalid("Stack with id %s does not have a template", *in.StackName)
		}
	} else {
		var err error
		if t, err = s.parse(c, in.TemplateBody, in.TemplateURL); err != nil {
			return nil, err
		}
	}
	out := &cfn.GetTemplateSummaryOutput{Description: text(t.Description), Version: aws.String("2010-09-09")}
	if t.Metadata != nil {
		out.Metadata = aws.String(resource.JSON(t.Metadata))
	}
	if need, why := needed(t); need != "" {
		out.Capabilities, out.CapabilitiesReason = []types.Capability{need}, &why
	}
	found := map[string]bool{}
	for _, r := range t.Resources {
		found[r.Type] = true
	}
	out.ResourceTypes = slices.Sorted(maps.Keys(found))
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		d := types.ParameterDeclaration{ParameterKey: &name, ParameterType: &p.Type, DefaultValue: p.Default, Description: text(p.Description), NoEcho: &p.NoEcho}
		if len(p.AllowedValues) > 0 {
			d.ParameterConstraints = &types.ParameterConstraints{AllowedValues: p.AllowedValues}
		}
		out.Parameters = append(out.Parameters, d)
	}
	return out, nil
}
