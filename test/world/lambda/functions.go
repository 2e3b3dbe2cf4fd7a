package lambda

import (
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// API is Lambda's API. It is apart from Service because Service.Invoke is the
// way in for other services.
type API struct{ *Service }

// API returns what serves Lambda's API.
func (s *Service) API() *API { return &API{s} }

// CreateFunction creates a function. It is Pending for some seconds.
func (s *Service) CreateFunction(_ *wire.Call, in *sdk.CreateFunctionInput) (*sdk.CreateFunctionOutput, error) {
	name, qualifier, err := parse(value(in.FunctionName), nil)
	if err != nil {
		return nil, err
	}
	switch {
	case qualifier != "":
		return nil, invalid("The function name cannot contain a version or an alias.")
	case len(name) > 64:
		return nil, violation(name, "functionName", "Member must have length less than or equal to 64")
	case in.PackageType == types.PackageTypeImage:
		return nil, invalid("the simulated Lambda runs no container images: give a zip")
	case in.Runtime == "" || value(in.Handler) == "":
		return nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case in.Role == nil:
		return nil, violation("null", "role", "Member must not be null")
	case len(in.Architectures) > 1:
		return nil, violation("["+join(in.Architectures)+"]", "architectures", "Member must have length less than or equal to 1")
	}
	set := createSettings(in)
	if err := s.check(set); err != nil {
		return nil, err
	}
	if err := notSimulated(map[string]bool{"layers": len(in.Layers) > 0, "file systems": len(in.FileSystemConfigs) > 0, "code signing": in.CodeSigningConfigArn != nil,
		"durable functions": in.DurableConfig != nil, "capacity providers": in.CapacityProviderConfig != nil, "tenant isolation": in.TenancyConfig != nil,
		"SnapStart": in.SnapStart != nil && in.SnapStart.ApplyOn == types.SnapStartApplyOnPublishedVersions}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	exists := s.funcs[name] != nil
	s.mu.Unlock()
	if exists {
		return nil, conflict("Function already exist: %s", name)
	}
	loaded, err := s.load(codeOf(in.Code))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.funcs[name] != nil {
		return nil, conflict("Function already exist: %s", name)
	}
	f := s.newFunction(name)
	maps.Copy(f.tags, in.Tags)
	c := s.defaults(name)
	set.apply(&c)
	if len(in.Architectures) == 1 {
		c.Architectures = in.Architectures
	}
	f.pending = true
	s.update(f, c, s.keep(loaded))
	s.funcs[name] = f
	shown := f.latest
	if in.Publish {
		shown = s.publish(f, nil)
	}
	return as[sdk.CreateFunctionOutput](s.describe(f, shown)), nil
}

func join(all []types.Architecture) string {
	var words []string
	for _, a := range all {
		words = append(words, string(a))
	}
	return strings.Join(words, ", ")
}

// update makes a new $LATEST, which is invoked once the update is done.
func (s *Service) update(f *function, c types.FunctionConfiguration, code *code) {
	v := &version{config: c, code: code}
	if code == nil { // a registered handler keeps its code
		v.handler = f.latest.handler
	} else {
		v.config.CodeSha256, v.config.CodeSize = ptr(code.sha256), int64(len(code.zip))
	}
	v.timeout = seconds(c.Timeout)
	v.config.LastModified, v.config.RevisionId = s.stamp(), s.revision()
	f.latest, f.settles = v, s.o.Clock.Now().Add(settling)
}

// ready refuses changes while another one is under way.
func (s *Service) ready(f *function) error {
	switch {
	case f.pending:
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case f.running != f.latest:
		return conflict("The operation cannot be performed at this time. An update is in progress for resource: %s", s.ARN(f.name))
	}
	return nil
}

// UpdateFunctionCode replaces a function's code.
func (s *Service) UpdateFunctionCode(_ *wire.Call, in *sdk.UpdateFunctionCodeInput) (*sdk.UpdateFunctionCodeOutput, error) {
	check := func() (*function, error) {
		f, err := s.find(value(in.FunctionName))
		if err != nil {
			return nil, err
		}
		if err := s.ready(f); err != nil {
			return nil, err
		}
		return f, checkRevision(in.RevisionId, f.latest.config.RevisionId)
	}
	s.mu.Lock()
	_, err := check()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	loaded, err := s.load(source{in.ZipFile, in.ImageUri, in.S3Bucket, in.S3Key})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := check()
	if err != nil {
		return nil, err
	}
	c := f.latest.config
	if len(in.Architectures) > 0 {
		c.Architectures = in.Architectures
	}
	if in.DryRun {
		c.CodeSha256, c.CodeSize = ptr(loaded.sha256), int64(len(loaded.zip))
		return as[sdk.UpdateFunctionCodeOutput](s.describe(f, &version{config: c})), nil
	}
	s.update(f, c, s.keep(loaded))
	shown := f.latest
	if in.Publish {
		shown = s.publish(f, nil)
	}
	return as[sdk.UpdateFunctionCodeOutput](s.describe(f, shown)), nil
}

// UpdateFunctionConfiguration changes the settings that it names.
func (s *Service) UpdateFunctionConfiguration(_ *wire.Call, in *sdk.UpdateFunctionConfigurationInput) (*sdk.UpdateFunctionConfigurationOutput, error) {
	set := updateSettings(in)
	if err := s.check(set); err != nil {
		return nil, err
	}
	if err := notSimulated(map[string]bool{"layers": len(in.Layers) > 0, "file systems": len(in.FileSystemConfigs) > 0, "durable functions": in.DurableConfig != nil,
		"capacity providers": in.CapacityProviderConfig != nil, "container images": in.ImageConfig != nil,
		"SnapStart": in.SnapStart != nil && in.SnapStart.ApplyOn == types.SnapStartApplyOnPublishedVersions}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	if err := s.ready(f); err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, f.latest.config.RevisionId); err != nil {
		return nil, err
	}
	c := f.latest.config
	set.apply(&c)
	s.update(f, c, f.latest.code)
	return as[sdk.UpdateFunctionConfigurationOutput](s.describe(f, f.latest)), nil
}

// GetFunction describes a function with its code's location.
func (s *Service) GetFunction(_ *wire.Call, in *sdk.GetFunctionInput) (*sdk.GetFunctionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(value(in.FunctionName), in.Qualifier, false)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetFunctionOutput{Configuration: ptr(s.qualified(t)), Code: &types.FunctionCodeLocation{RepositoryType: ptr("S3")}}
	if t.v.code != nil && s.o.Endpoint != nil {
		out.Code.Location = ptr(s.o.Endpoint() + "/_world/lambda/code/" + t.v.code.digest)
	}
	if len(t.f.tags) > 0 {
		out.Tags = maps.Clone(t.f.tags)
	}
	if t.f.reserved != nil {
		out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: t.f.reserved}
	}
	return out, nil
}

// qualified describes a version under the ARN by which it was asked for.
func (s *Service) qualified(t target) types.FunctionConfiguration {
	c := s.describe(t.f, t.v)
	if t.qualifier != "" {
		c.FunctionArn = ptr(s.qualifiedARN(t.f.name, t.qualifier))
	}
	return c
}

// GetFunctionConfiguration describes a function.
func (s *Service) GetFunctionConfiguration(_ *wire.Call, in *sdk.GetFunctionConfigurationInput) (*sdk.GetFunctionConfigurationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(value(in.FunctionName), in.Qualifier, false)
	if err != nil {
		return nil, err
	}
	return as[sdk.GetFunctionConfigurationOutput](s.qualified(t)), nil
}

// ListFunctions lists functions by name; with FunctionVersion ALL, also their
// versions.
func (s *Service) ListFunctions(_ *wire.Call, in *sdk.ListFunctionsInput) (*sdk.ListFunctionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.FunctionVersion != "" && in.FunctionVersion != types.FunctionVersionAll {
		return nil, violation(string(in.FunctionVersion), "functionVersion", "Member must satisfy enum value set: [ALL]")
	}
	type entry struct {
		key    string
		config types.FunctionConfiguration
	}
	var all []entry
	for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
		f := s.funcs[name]
		s.settle(f)
		add := func(v *version) {
			c := listed(s.describe(f, v))
			if in.FunctionVersion == types.FunctionVersionAll {
				c.FunctionArn = ptr(s.qualifiedARN(name, *c.Version))
			}
			all = append(all, entry{name + "!" + orderOf(*c.Version), c})
		}
		add(f.latest)
		if in.FunctionVersion == types.FunctionVersionAll {
			for _, v := range f.versions {
				add(v)
			}
		}
	}
	page, next, err := paged(all, func(e entry) string { return e.key }, in.Marker, in.MaxItems, 50)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListFunctionsOutput{Functions: []types.FunctionConfiguration{}, NextMarker: next}
	for _, e := range page {
		out.Functions = append(out.Functions, e.config)
	}
	return out, nil
}

// listed leaves out what lists do not show: the states.
func listed(c types.FunctionConfiguration) types.FunctionConfiguration {
	c.State, c.StateReason, c.StateReasonCode = "", nil, ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", nil, ""
	c.RuntimeVersionConfig = nil
	return c
}

// DeleteFunction deletes a function, or one of its versions. What runs of it
// runs to its end.
func (s *Service) DeleteFunction(_ *wire.Call, in *sdk.DeleteFunctionInput) (*sdk.DeleteFunctionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, qualifier, err := parse(value(in.FunctionName), in.Qualifier)
	if err != nil {
		return nil, err
	}
	f := s.funcs[name]
	if f == nil {
		return nil, notFound("Function not found: " + s.qualifiedARN(name, qualifier))
	}
	s.settle(f)
	if qualifier != "" {
		return &sdk.DeleteFunctionOutput{StatusCode: 204}, s.deleteVersion(f, qualifier)
	}
	s.retire(f.running)
	s.retire(f.latest)
	for _, v := range f.versions {
		s.retire(v)
	}
	delete(s.funcs, name)
	return &sdk.DeleteFunctionOutput{StatusCode: 204}, nil
}
