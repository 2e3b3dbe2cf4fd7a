package cloudformation

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// users lists the stacks that use an export; s.mu is held.
func (s *Service) users(name string) []string {
	var out []string
	for _, st := range s.stacks {
		if st.imports[name] && st.status != types.StackStatusDeleteComplete {
			out = append(out, st.name)
		}
	}
	return out
}

// usedExports says which export of a stack cannot go or change, "" for none,
// when it is to have these outputs; s.mu is held.
func (s *Service) usedExports(st *stack, outputs []template.Evaluated) string {
	for _, o := range st.outputs {
		if o.Export == "" {
			continue
		}
		users := s.users(o.Export)
		if len(users) == 0 {
			continue
		}
		i := slices.IndexFunc(outputs, func(e template.Evaluated) bool { return e.Export == o.Export })
		switch {
		case i < 0:
			return fmt.Sprintf("Export %s cannot be deleted as it is in use by %s", o.Export, users[0])
		case !template.Equal(outputs[i].Value, o.Value):
			return fmt.Sprintf("Export %s cannot be updated as it is in use by %s", o.Export, users[0])
		}
	}
	return ""
}

// ListExports implements the API operation.
func (s *Service) ListExports(_ *wire.Call, in *cfn.ListExportsInput) (*cfn.ListExportsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.Export
	for _, st := range s.stacks {
		for _, o := range st.outputs {
			if o.Export != "" {
				value, _ := o.Value.(string)
				all = append(all, types.Export{Name: aws.String(o.Export), Value: &value, ExportingStackId: &st.id})
			}
		}
	}
	slices.SortFunc(all, func(a, b types.Export) int {
		if *a.Name < *b.Name {
			return -1
		}
		return 1
	})
	page, next, err := paged(all, in.NextToken, stacksPage)
	return &cfn.ListExportsOutput{Exports: page, NextToken: next}, err
}

// ListImports implements the API operation.
func (s *Service) ListImports(_ *wire.Call, in *cfn.ListImportsInput) (*cfn.ListImportsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := s.users(aws.ToString(in.ExportName))
	if len(users) == 0 {
		return nil, invalid("Export '%s' is not imported by any stack.", aws.ToString(in.ExportName))
	}
	page, next, err := paged(users, in.NextToken, stacksPage)
	return &cfn.ListImportsOutput{Imports: page, NextToken: next}, err
}
