package cloudformation

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
)

// plan says what would change if the stack became in, and checks what can be
// checked before. Values that only the deployment will tell count as changed.
// s.mu is not held.
func (s *Service) plan(st *stack, in input) (changes []types.Change, outputs bool, err error) {
	s.mu.Lock()
	current := map[string]resourceState{}
	for id, r := range st.resources {
		current[id] = *r
	}
	was, now := st.outputs, st.now
	imports := maps.Clone(st.imports)
	s.mu.Unlock()
	defer func() { // what only was looked at is not used
		s.mu.Lock()
		defer s.mu.Unlock()
		st.imports = imports
	}()

	scope := s.scope(st, in)
	fresh := map[string]bool{} // made anew: what is told of them is not known
	scope.Ref = func(id string) (any, error) {
		if r, ok := current[id]; ok && !fresh[id] && r.physical != "" {
			return r.physical, nil
		}
		return template.Unknown{}, nil
	}
	scope.Attribute = func(id, name string) (any, error) {
		if !slices.Contains(typeOf(in.template.Resources[id].Type).Attributes(), name) {
			return nil, noAttribute(id, name)
		}
		if r, ok := current[id]; ok && !fresh[id] {
			if v, ok := r.attributes[name]; ok {
				return v, nil
			}
		}
		return template.Unknown{}, nil
	}
	if err := scope.CheckRules(); err != nil {
		return nil, false, refused(err)
	}
	for _, name := range slices.Sorted(maps.Keys(in.template.Conditions)) {
		if _, err := scope.Condition(name); err != nil {
			return nil, false, refused(err)
		}
	}
	wanted, err := scope.Wanted()
	if err != nil {
		return nil, false, refused(err)
	}
	order, err := in.template.Order(wanted)
	if err != nil {
		return nil, false, refused(err)
	}
	found := map[string]*types.ResourceChange{}
	for _, id := range order {
		change, err := s.compare(scope, st, in, current, fresh, id)
		if err != nil {
			return nil, false, refused(err)
		}
		if change != nil {
			found[id] = change
		}
	}
	for id, r := range current {
		if !slices.Contains(wanted, id) {
			action := types.PolicyActionDelete
			if r.definition.DeletionPolicy != "Delete" {
				action = types.PolicyActionRetain
			}
			found[id] = &types.ResourceChange{Action: types.ChangeActionRemove, LogicalResourceId: &id, PhysicalResourceId: text(r.physical), ResourceType: &r.typ, PolicyAction: action}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		changes = append(changes, types.Change{Type: types.ChangeTypeResource, ResourceChange: found[id]})
	}
	told, err := scope.Outputs()
	if err != nil {
		return nil, false, refused(err)
	}
	different := !slices.EqualFunc(was, told, func(a, b template.Evaluated) bool {
		return a.Name == b.Name && a.Description == b.Description && a.Export == b.Export && template.Equal(a.Value, b.Value)
	})
	if now.template != nil && !tagsEqual(now.tags, in.tags) {
		different = true
	}
	return changes, different, nil
}

// text is nil for what is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// compare gives what changes of one resource, nil for nothing.
func (s *Service) compare(scope *template.Scope, st *stack, in input, current map[string]resourceState, fresh map[string]bool, id string) (*types.ResourceChange, error) {
	definition := in.template.Resources[id]
	properties, err := scope.Properties(id)
	if err != nil {
		return nil, err
	}
	r, there := current[id]
	if !there {
		fresh[id] = true
		return &types.ResourceChange{Action: types.ChangeActionAdd, LogicalResourceId: &id, ResourceType: &definition.Type}, nil
	}
	v, err := scope.Resolve(properties, definition.Type+"/Properties")
	if err != nil {
		return nil, err
	}
	properties = v.(map[string]any) // of a map
	change := &types.ResourceChange{Action: types.ChangeActionModify, LogicalResourceId: &id, PhysicalResourceId: text(r.physical), ResourceType: &definition.Type, Replacement: types.ReplacementFalse}
	typ := typeOf(definition.Type)
	if r.typ != definition.Type {
		fresh[id] = true
		change.Replacement, change.Scope = types.ReplacementTrue, []types.ResourceAttribute{types.ResourceAttributeProperties}
		return change, nil
	}
	replaced := typ.Replaces(r.properties, properties)
	names := map[string]bool{}
	for name := range r.properties {
		names[name] = true
	}
	for name := range properties {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		is, has := properties[name]
		if old, had := r.properties[name]; had == has && template.Equal(old, is) {
			continue
		}
		evaluation, recreation := types.EvaluationTypeStatic, types.RequiresRecreationNever
		if hasUnknown(is) {
			evaluation = types.EvaluationTypeDynamic
		}
		if slices.Contains(replaced, name) {
			recreation = types.RequiresRecreationAlways
			if evaluation == types.EvaluationTypeDynamic {
				recreation = types.RequiresRecreationConditionally
			}
		}
		change.Details = append(change.Details, types.ResourceChangeDetail{ChangeSource: types.ChangeSourceDirectModification, Evaluation: evaluation,
			Target: &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, Name: &name, RequiresRecreation: recreation}})
	}
	if len(change.Details) == 0 {
		return s.compareRest(st, in, r, change), nil
	}
	change.Scope = []types.ResourceAttribute{types.ResourceAttributeProperties}
	if len(replaced) > 0 {
		fresh[id] = true
		change.Replacement = types.ReplacementTrue
		change.PolicyAction = types.PolicyActionReplaceAndDelete
		if definition.UpdateReplacePolicy == "Retain" {
			change.PolicyAction = types.PolicyActionReplaceAndRetain
		}
	}
	return change, nil
}

// compareRest looks at what is no property.
func (s *Service) compareRest(st *stack, in input, r resourceState, change *types.ResourceChange) *types.ResourceChange {
	is := in.template.Resources[r.logical]
	if is.Metadata != nil || r.definition.Metadata != nil {
		if !template.Equal(is.Metadata, r.definition.Metadata) {
			change.Scope = append(change.Scope, types.ResourceAttributeMetadata)
		}
	}
	if is.DeletionPolicy != r.definition.DeletionPolicy {
		change.Scope = append(change.Scope, types.ResourceAttributeDeletionPolicy)
	}
	if is.UpdateReplacePolicy != r.definition.UpdateReplacePolicy {
		change.Scope = append(change.Scope, types.ResourceAttributeUpdateReplacePolicy)
	}
	if st.now.template != nil && !tagsEqual(st.now.tags, in.tags) && typeOf(r.typ).Updatable() {
		change.Scope = append(change.Scope, types.ResourceAttributeTags)
	}
	if len(change.Scope) == 0 {
		return nil
	}
	return change
}

func hasUnknown(v any) bool {
	switch v := v.(type) {
	case template.Unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, hasUnknown)
	case map[string]any:
		for _, item := range v {
			if hasUnknown(item) {
				return true
			}
		}
	}
	return false
}
