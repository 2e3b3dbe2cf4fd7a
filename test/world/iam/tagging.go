package iam

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// tagsIn returns the tags in an Input or Output: a map, or a list of structures
// with Key and Value.
func tagsIn(v any) (map[string]string, bool) {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() != reflect.Struct {
		return nil, false
	}
	for _, name := range []string{"Tags", "TagList", "ResourceTagSet", "TagSet"} {
		f := s.FieldByName(name)
		if !f.IsValid() {
			continue
		}
		switch f.Kind() {
		case reflect.Map:
			m, ok := f.Interface().(map[string]string)
			return m, ok
		case reflect.Slice:
			out := map[string]string{}
			for i := range f.Len() {
				item := f.Index(i)
				if item.Kind() != reflect.Struct {
					return nil, false
				}
				out[text(item, "Key", "TagKey")] = text(item, "Value", "TagValue")
			}
			return out, true
		}
	}
	return nil, false
}

// text reads the first of the fields, texts, that there is.
func text(s reflect.Value, names ...string) string {
	for _, name := range names {
		if f := reflect.Indirect(s.FieldByName(name)); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

func stringsIn(v any, name string) []string {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() != reflect.Struct {
		return nil
	}
	f := s.FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	list, _ := f.Interface().([]string)
	return list
}

// tagsOf are the tags of a principal: its role's or its own, and the session's.
func (s *Service) tagsOf(who caller) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	if e, ok := s.entityOf(who); ok {
		maps.Copy(out, e.tags)
	}
	maps.Copy(out, who.session.Tags)
	return out
}

func (s *Service) entityOf(who caller) (*entity, bool) {
	if who.principal.RoleARN != "" {
		return s.roleByARN(who.principal.RoleARN)
	}
	e, ok := s.users[strings.ToLower(who.name)]
	return e, ok && who.name != ""
}

// tagOperations lists, in order, how services call the operation that tells a
// resource's tags, and the members that name the resource.
var (
	tagOperations = []string{"ListTagsForResource", "ListTagsOfResource", "ListTags"}
	tagMembers    = []string{"ResourceArn", "ResourceARN", "Resource", "ResourceName"}
)

// addResourceTags sets aws:ResourceTag/... of the resource. Services are asked
// only when a policy mentions the key.
func (j *Judge) addResourceTags(c policy.Context, service, resource string, set policy.Set) {
	if !mentionsTags(set) {
		return
	}
	vendor := ""
	if parts := strings.SplitN(resource, ":", 4); len(parts) == 4 {
		vendor = parts[2]
	}
	tags, ok := j.iam.roleTags(resource)
	if !ok {
		tags = j.tagsOfResource(service, resource)
	}
	for key, value := range tags {
		c.Set("aws:ResourceTag/"+key, value)
		c.Set(vendor+":ResourceTag/"+key, value)
	}
}

func (s *Service) roleTags(arn string) (map[string]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.roleByARN(arn)
	if !ok {
		return nil, false
	}
	return maps.Clone(e.tags), true
}

func (j *Judge) tagsOfResource(service, resource string) map[string]string {
	operations := j.mux.Operations(service)
	for _, op := range tagOperations {
		if !slices.Contains(operations, op) {
			continue
		}
		in, err := j.mux.NewInput(service, op)
		if err != nil {
			continue
		}
		for _, member := range tagMembers {
			f := reflect.ValueOf(in).Elem().FieldByName(member)
			if !f.IsValid() || f.Type() != reflect.TypeFor[*string]() {
				continue
			}
			f.Set(reflect.ValueOf(&resource))
			out, err := j.mux.Peek(&wire.Call{Service: service, Operation: op}, in)
			if err != nil {
				return nil
			}
			tags, _ := tagsIn(out)
			return tags
		}
	}
	return nil
}

func mentionsTags(set policy.Set) bool {
	sources := slices.Concat(set.Identity, set.Session)
	if set.Boundary != nil {
		sources = append(sources, *set.Boundary)
	}
	return slices.ContainsFunc(sources, func(s policy.Source) bool {
		return strings.Contains(strings.ToLower(s.Document.Text), ":resourcetag/")
	})
}
