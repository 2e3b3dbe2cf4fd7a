package ec2

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// AWS's limits on launch templates.
const (
	maxTemplateVersions = 10000
	latestAlias         = "$Latest"
	defaultAlias        = "$Default"
)

var templateName = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)

// launchTemplate is a launch template with its versions, oldest first.
type launchTemplate struct {
	types.LaunchTemplate
	versions []types.LaunchTemplateVersion
}

// Template is what a version of a launch template says about the nodes of a
// node group.
type Template struct {
	ID, Name, Version string // the version's number
	Data              types.ResponseLaunchTemplateData
}

// LaunchTemplate looks up a version of a launch template by id or name. The
// version is a number, $Latest or $Default; "" is $Default.
func (s *Service) LaunchTemplate(id, name, version string) (Template, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.template(optional(id), optional(name))
	if err != nil {
		return Template{}, err
	}
	if version == "" {
		version = defaultAlias
	}
	v, err := t.version(version)
	if err != nil {
		return Template{}, err
	}
	return Template{ID: *t.LaunchTemplateId, Name: *t.LaunchTemplateName, Version: strconv.FormatInt(*v.VersionNumber, 10), Data: *v.LaunchTemplateData}, nil
}

func optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

func (s *Service) template(id, name *string) (*launchTemplate, error) {
	switch {
	case id == nil && name == nil:
		return nil, wire.Errorf("MissingParameter", "Either a launch template ID or a launch template name must be specified in the request.")
	case id != nil && name != nil:
		return nil, wire.Errorf("InvalidParameterCombination", "You may not specify both launch template ID and launch template name in the same request.")
	case id != nil:
		if t := s.templates[*id]; t != nil {
			return t, nil
		}
		return nil, wire.Errorf("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID %s, does not exist.", *id)
	}
	for _, t := range sorted(s.templates) {
		if *t.LaunchTemplateName == *name {
			return t, nil
		}
	}
	return nil, wire.Errorf("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name %s, does not exist.", *name)
}

func (t *launchTemplate) version(want string) (types.LaunchTemplateVersion, error) {
	switch want {
	case latestAlias:
		want = strconv.FormatInt(*t.LatestVersionNumber, 10)
	case defaultAlias:
		want = strconv.FormatInt(*t.DefaultVersionNumber, 10)
	}
	n, err := strconv.ParseInt(want, 10, 64)
	if err != nil {
		return types.LaunchTemplateVersion{}, wire.Errorf("InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s for the launch template with ID %s.", want, *t.LaunchTemplateId)
	}
	for _, v := range t.versions {
		if *v.VersionNumber == n {
			v.DefaultVersion = ptr(n == *t.DefaultVersionNumber)
			return v, nil
		}
	}
	return types.LaunchTemplateVersion{}, wire.Errorf("InvalidLaunchTemplateId.VersionNotFound", "Could not find the specified version %s for the launch template with ID %s.", want, *t.LaunchTemplateId)
}

// response turns a request's template data into what is described. The two SDK
// types have the same members by the same names.
func response(in *types.RequestLaunchTemplateData) (*types.ResponseLaunchTemplateData, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("ec2: SDK values are plain data: %w", err)
	}
	out := &types.ResponseLaunchTemplateData{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("ec2: launch template data: %w", err)
	}
	return out, nil
}

func (s *Service) creator(c *wire.Call) *string {
	if c.Role != "" {
		return ptr(c.Role)
	}
	return ptr("arn:aws:iam::" + s.opts.Account + ":root")
}

// CreateLaunchTemplate creates a launch template with its version 1.
func (s *Service) CreateLaunchTemplate(c *wire.Call, in *sdk.CreateLaunchTemplateInput) (*sdk.CreateLaunchTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.LaunchTemplateName == nil:
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter LaunchTemplateName")
	case in.LaunchTemplateData == nil:
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter LaunchTemplateData")
	case !templateName.MatchString(*in.LaunchTemplateName):
		return nil, wire.Errorf("InvalidLaunchTemplateName.MalformedException", "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.")
	}
	for _, t := range s.templates {
		if *t.LaunchTemplateName == *in.LaunchTemplateName {
			return nil, wire.Errorf("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	var tags []types.Tag
	for _, spec := range in.TagSpecifications {
		if spec.ResourceType != types.ResourceTypeLaunchTemplate {
			return nil, wire.Errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		tags = append(tags, spec.Tags...)
	}
	t := &launchTemplate{LaunchTemplate: types.LaunchTemplate{LaunchTemplateId: ptr(s.newID("lt")), LaunchTemplateName: in.LaunchTemplateName, CreateTime: ptr(c.Time),
		CreatedBy: s.creator(c), DefaultVersionNumber: ptr(int64(1)), LatestVersionNumber: ptr(int64(0)), Tags: tags}}
	if err := s.addVersion(c, t, in.LaunchTemplateData, in.VersionDescription); err != nil {
		return nil, err
	}
	s.templates[*t.LaunchTemplateId] = t
	return &sdk.CreateLaunchTemplateOutput{LaunchTemplate: ptr(t.LaunchTemplate)}, nil
}

func (s *Service) addVersion(c *wire.Call, t *launchTemplate, data *types.RequestLaunchTemplateData, description *string) error {
	d, err := response(data)
	if err != nil {
		return err
	}
	t.LatestVersionNumber = ptr(*t.LatestVersionNumber + 1)
	t.versions = append(t.versions, types.LaunchTemplateVersion{LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, VersionNumber: t.LatestVersionNumber,
		VersionDescription: description, CreateTime: ptr(c.Time), CreatedBy: s.creator(c), LaunchTemplateData: d})
	return nil
}

// CreateLaunchTemplateVersion adds a version. With SourceVersion, what the
// request leaves out comes from that version.
func (s *Service) CreateLaunchTemplateVersion(c *wire.Call, in *sdk.CreateLaunchTemplateVersionInput) (*sdk.CreateLaunchTemplateVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.template(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if in.LaunchTemplateData == nil {
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter LaunchTemplateData")
	}
	if len(t.versions) >= maxTemplateVersions {
		return nil, wire.Errorf("VersionLimitExceeded", "You have reached the maximum number of versions for the launch template.")
	}
	data := in.LaunchTemplateData
	if in.SourceVersion != nil {
		source, err := t.version(*in.SourceVersion)
		if err != nil {
			return nil, err
		}
		if data, err = merged(source.LaunchTemplateData, data); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if err := s.addVersion(c, t, data, in.VersionDescription); err != nil {
		return nil, err
	}
	v, err := t.version(latestAlias)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateLaunchTemplateVersionOutput{LaunchTemplateVersion: &v}, nil
}

// merged lays a request's data over a version's, member by member.
func merged(base *types.ResponseLaunchTemplateData, over *types.RequestLaunchTemplateData) (*types.RequestLaunchTemplateData, error) {
	members := map[string]json.RawMessage{}
	for _, v := range []any{base, over} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("ec2: SDK values are plain data: %w", err)
		}
		layer := map[string]json.RawMessage{}
		if err := json.Unmarshal(b, &layer); err != nil {
			return nil, fmt.Errorf("ec2: launch template data: %w", err)
		}
		for k, raw := range layer {
			if string(raw) != "null" && string(raw) != `""` {
				members[k] = raw
			}
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("ec2: launch template data: %w", err)
	}
	out := &types.RequestLaunchTemplateData{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("ec2: launch template data: %w", err)
	}
	return out, nil
}

// ModifyLaunchTemplate sets the default version.
func (s *Service) ModifyLaunchTemplate(_ *wire.Call, in *sdk.ModifyLaunchTemplateInput) (*sdk.ModifyLaunchTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.template(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if in.DefaultVersion == nil {
		return nil, wire.Errorf("MissingParameter", "The request must contain the parameter SetDefaultVersion")
	}
	v, err := t.version(*in.DefaultVersion)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	t.DefaultVersionNumber = v.VersionNumber
	return &sdk.ModifyLaunchTemplateOutput{LaunchTemplate: ptr(t.LaunchTemplate)}, nil
}

// DeleteLaunchTemplate deletes a launch template with its versions.
func (s *Service) DeleteLaunchTemplate(_ *wire.Call, in *sdk.DeleteLaunchTemplateInput) (*sdk.DeleteLaunchTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.template(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	delete(s.templates, *t.LaunchTemplateId)
	return &sdk.DeleteLaunchTemplateOutput{LaunchTemplate: ptr(t.LaunchTemplate)}, nil
}

// DeleteLaunchTemplateVersions deletes versions, but not the default one.
func (s *Service) DeleteLaunchTemplateVersions(_ *wire.Call, in *sdk.DeleteLaunchTemplateVersionsInput) (*sdk.DeleteLaunchTemplateVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.template(in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &sdk.DeleteLaunchTemplateVersionsOutput{}
	for _, want := range in.Versions {
		n, _ := strconv.ParseInt(want, 10, 64) // 0, which no version has, for what is no number
		refuse := func(code types.LaunchTemplateErrorCode, message string) {
			out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions, types.DeleteLaunchTemplateVersionsResponseErrorItem{
				LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, VersionNumber: ptr(n), ResponseError: &types.ResponseError{Code: code, Message: ptr(message)}})
		}
		i := slices.IndexFunc(t.versions, func(v types.LaunchTemplateVersion) bool { return *v.VersionNumber == n })
		switch {
		case i < 0:
			refuse(types.LaunchTemplateErrorCodeLaunchTemplateVersionDoesNotExist, fmt.Sprintf("The specified launch template version does not exist: %s", want))
		case n == *t.DefaultVersionNumber:
			refuse(types.LaunchTemplateErrorCodeUnexpectedError, "Cannot delete the default version of a launch template")
		default:
			t.versions = slices.Delete(t.versions, i, i+1)
			out.SuccessfullyDeletedLaunchTemplateVersions = append(out.SuccessfullyDeletedLaunchTemplateVersions, types.DeleteLaunchTemplateVersionsResponseSuccessItem{
				LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, VersionNumber: ptr(n)})
		}
	}
	return out, nil
}

// DescribeLaunchTemplates describes launch templates.
func (s *Service) DescribeLaunchTemplates(_ *wire.Call, in *sdk.DescribeLaunchTemplatesInput) (*sdk.DescribeLaunchTemplatesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.LaunchTemplate{}
	for _, t := range sorted(s.templates) {
		all = append(all, t.LaunchTemplate)
	}
	for _, name := range in.LaunchTemplateNames {
		if _, err := s.template(nil, &name); err != nil {
			return nil, err
		}
	}
	for _, id := range in.LaunchTemplateIds {
		if _, err := s.template(&id, nil); err != nil {
			return nil, err
		}
	}
	if len(in.LaunchTemplateNames) > 0 {
		all = slices.DeleteFunc(all, func(t types.LaunchTemplate) bool {
			return !slices.Contains(in.LaunchTemplateNames, *t.LaunchTemplateName)
		})
	}
	q := query{ids: in.LaunchTemplateIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidLaunchTemplateId.NotFound", what: "launch template", least: 1, most: 200}
	found, next, err := find(q, all, func(t types.LaunchTemplate) string { return *t.LaunchTemplateId }, func(t types.LaunchTemplate) []types.Tag { return t.Tags },
		func(t types.LaunchTemplate, name string) ([]string, bool) {
			switch name {
			case "launch-template-name":
				return []string{value(t.LaunchTemplateName)}, true
			case "create-time":
				return []string{value(t.CreateTime).UTC().Format(time.RFC3339)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeLaunchTemplatesOutput{LaunchTemplates: found, NextToken: next}, nil
}

// DescribeLaunchTemplateVersions describes versions, newest first.
func (s *Service) DescribeLaunchTemplateVersions(_ *wire.Call, in *sdk.DescribeLaunchTemplateVersionsInput) (*sdk.DescribeLaunchTemplateVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.LaunchTemplateVersion{}
	if in.LaunchTemplateId == nil && in.LaunchTemplateName == nil {
		if len(in.Versions) == 0 || slices.ContainsFunc(in.Versions, func(v string) bool { return v != latestAlias && v != defaultAlias }) {
			return nil, wire.Errorf("MissingParameter", "Either a launch template ID or a launch template name must be specified in the request.")
		}
		for _, t := range sorted(s.templates) {
			for _, want := range in.Versions {
				v, err := t.version(want)
				if err != nil {
					return nil, err
				}
				all = append(all, v)
			}
		}
	} else {
		t, err := s.template(in.LaunchTemplateId, in.LaunchTemplateName)
		if err != nil {
			return nil, err
		}
		if all, err = t.wanted(in); err != nil {
			return nil, err
		}
	}
	q := query{filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, least: 1, most: 200}
	found, next, err := find(q, all, func(v types.LaunchTemplateVersion) string { return strconv.FormatInt(*v.VersionNumber, 10) }, func(types.LaunchTemplateVersion) []types.Tag { return nil },
		func(v types.LaunchTemplateVersion, name string) ([]string, bool) {
			d := value(v.LaunchTemplateData)
			switch name {
			case "image-id":
				return []string{value(d.ImageId)}, true
			case "instance-type":
				return []string{string(d.InstanceType)}, true
			case "kernel-id":
				return []string{value(d.KernelId)}, true
			case "is-default-version":
				return []string{strconv.FormatBool(value(v.DefaultVersion))}, true
			case "create-time":
				return []string{value(v.CreateTime).UTC().Format(time.RFC3339)}, true
			case "ebs-optimized":
				return []string{strconv.FormatBool(value(d.EbsOptimized))}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: found, NextToken: next}, nil
}

func (t *launchTemplate) wanted(in *sdk.DescribeLaunchTemplateVersionsInput) ([]types.LaunchTemplateVersion, error) {
	out := []types.LaunchTemplateVersion{}
	for _, want := range in.Versions {
		v, err := t.version(want)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if len(in.Versions) > 0 {
		return out, nil
	}
	lo, hi := int64(1), *t.LatestVersionNumber
	for _, bound := range []struct {
		from *string
		to   *int64
	}{{in.MinVersion, &lo}, {in.MaxVersion, &hi}} {
		if bound.from == nil {
			continue
		}
		n, err := strconv.ParseInt(*bound.from, 10, 64)
		if err != nil {
			return nil, wire.Errorf("InvalidParameterValue", "Value (%s) for a version of a launch template is invalid.", *bound.from)
		}
		*bound.to = n
	}
	for _, v := range slices.Backward(t.versions) {
		if *v.VersionNumber >= lo && *v.VersionNumber <= hi {
			v.DefaultVersion = ptr(*v.VersionNumber == *t.DefaultVersionNumber)
			out = append(out, v)
		}
	}
	return out, nil
}
