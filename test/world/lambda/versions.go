package lambda

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// PublishVersion makes a version of $LATEST, unless it is the last version's
// equal: then that one is the answer.
func (s *Service) PublishVersion(_ *wire.Call, in *sdk.PublishVersionInput) (*sdk.PublishVersionOutput, error) {
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
	if have := value(f.latest.config.CodeSha256); in.CodeSha256 != nil && *in.CodeSha256 != have {
		return nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, have)
	}
	return as[sdk.PublishVersionOutput](s.describe(f, s.publish(f, in.Description))), nil
}

func (s *Service) publish(f *function, description *string) *version {
	if n := len(f.versions); n > 0 && *f.versions[n-1].config.RevisionId == *f.latest.config.RevisionId {
		return f.versions[n-1]
	}
	f.last++
	v := &version{config: f.latest.config, code: f.latest.code, handler: f.latest.handler, timeout: f.latest.timeout}
	number := fmt.Sprint(f.last)
	v.config.Version, v.config.FunctionArn = ptr(number), ptr(s.qualifiedARN(f.name, number))
	if description != nil {
		v.config.Description = description
	}
	f.versions = append(f.versions, v)
	return v
}

// orderOf sorts versions by number, after $LATEST.
func orderOf(number string) string {
	if number == latestName {
		return ""
	}
	return strings.Repeat("0", 20-len(number)) + number
}

// ListVersionsByFunction lists $LATEST and the versions in their order.
func (s *Service) ListVersionsByFunction(_ *wire.Call, in *sdk.ListVersionsByFunctionInput) (*sdk.ListVersionsByFunctionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	latest := listed(s.describe(f, f.latest))
	latest.FunctionArn = ptr(s.qualifiedARN(f.name, latestName))
	all := []types.FunctionConfiguration{latest}
	for _, v := range f.versions {
		all = append(all, listed(s.describe(f, v)))
	}
	page, next, err := paged(all, func(c types.FunctionConfiguration) string { return orderOf(*c.Version) }, in.Marker, in.MaxItems, 50)
	return &sdk.ListVersionsByFunctionOutput{Versions: page, NextMarker: next}, err
}

func (s *Service) deleteVersion(f *function, number string) error {
	if number == latestName {
		return invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	if f.aliases[number] != nil {
		return invalid("Deletion of aliases is not supported by DeleteFunction: delete the alias %s itself.", number)
	}
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[name]
		_, weighted := weights(a)[number]
		if *a.FunctionVersion == number || weighted {
			return conflict("Version %s is referenced by alias %s. Please remove the reference first.", number, name)
		}
	}
	if v := f.version(number); v != nil {
		s.retire(v)
		f.versions = slices.DeleteFunc(f.versions, func(other *version) bool { return other == v })
	}
	return nil
}

var (
	aliasNames = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	allDigits  = regexp.MustCompile(`^[0-9]+$`)
)

func weights(a *types.AliasConfiguration) map[string]float64 {
	if a.RoutingConfig == nil {
		return nil
	}
	return a.RoutingConfig.AdditionalVersionWeights
}

// draw chooses one of an alias's versions by their weights.
func (s *Service) draw(a *types.AliasConfiguration) string {
	all := weights(a)
	if len(all) == 0 {
		return *a.FunctionVersion
	}
	x := s.rand.Float64()
	for _, number := range slices.Sorted(maps.Keys(all)) {
		if x < all[number] {
			return number
		}
		x -= all[number]
	}
	return *a.FunctionVersion
}

// checkRouting refuses versions that are not there and weights that are none.
func (f *function) checkRouting(arn func(name, qualifier string) string, number *string, routing *types.AliasRoutingConfiguration) error {
	known := func(n string) error {
		if n != latestName && f.version(n) == nil {
			return notFound("Function not found: " + arn(f.name, n))
		}
		return nil
	}
	if err := known(value(number)); err != nil {
		return err
	}
	if routing == nil || len(routing.AdditionalVersionWeights) == 0 {
		return nil
	}
	if *number == latestName {
		return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
	}
	if len(routing.AdditionalVersionWeights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for n, w := range routing.AdditionalVersionWeights {
		switch {
		case n == latestName:
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case n == *number:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", n, n)
		case w < 0 || w > 1:
			return violation(fmt.Sprint(w), "routingConfig.additionalVersionWeights", "Map values must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0]")
		}
		if err := known(n); err != nil {
			return err
		}
	}
	return nil
}

// CreateAlias names a version.
func (s *Service) CreateAlias(_ *wire.Call, in *sdk.CreateAliasInput) (*sdk.CreateAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	name := value(in.Name)
	if !aliasNames.MatchString(name) || allDigits.MatchString(name) {
		return nil, violation(name, "name", `Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)`)
	}
	if f.aliases[name] != nil {
		return nil, conflict("Alias already exists: %s", s.qualifiedARN(f.name, name))
	}
	if err := f.checkRouting(s.qualifiedARN, in.FunctionVersion, in.RoutingConfig); err != nil {
		return nil, err
	}
	a := &types.AliasConfiguration{AliasArn: ptr(s.qualifiedARN(f.name, name)), Name: in.Name, FunctionVersion: in.FunctionVersion, Description: ptr(value(in.Description)), RevisionId: s.revision(), RoutingConfig: in.RoutingConfig}
	f.aliases[name] = a
	return &sdk.CreateAliasOutput{AliasArn: a.AliasArn, Name: a.Name, FunctionVersion: a.FunctionVersion, Description: a.Description, RevisionId: a.RevisionId, RoutingConfig: a.RoutingConfig}, nil
}

func (s *Service) alias(function, name *string) (*function, *types.AliasConfiguration, error) {
	f, err := s.find(value(function))
	if err != nil {
		return nil, nil, err
	}
	a := f.aliases[value(name)]
	if a == nil {
		return nil, nil, notFound("Cannot find alias arn: " + s.qualifiedARN(f.name, value(name)))
	}
	return f, a, nil
}

// UpdateAlias points an alias to another version or weighs its versions.
func (s *Service) UpdateAlias(_ *wire.Call, in *sdk.UpdateAliasInput) (*sdk.UpdateAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, old, err := s.alias(in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, old.RevisionId); err != nil {
		return nil, err
	}
	a := *old
	if in.FunctionVersion != nil {
		a.FunctionVersion = in.FunctionVersion
	}
	if in.Description != nil {
		a.Description = in.Description
	}
	if in.RoutingConfig != nil {
		if a.RoutingConfig = in.RoutingConfig; len(in.RoutingConfig.AdditionalVersionWeights) == 0 {
			a.RoutingConfig = nil
		}
	}
	if err := f.checkRouting(s.qualifiedARN, a.FunctionVersion, a.RoutingConfig); err != nil {
		return nil, err
	}
	a.RevisionId = s.revision()
	f.aliases[*a.Name] = &a
	return &sdk.UpdateAliasOutput{AliasArn: a.AliasArn, Name: a.Name, FunctionVersion: a.FunctionVersion, Description: a.Description, RevisionId: a.RevisionId, RoutingConfig: a.RoutingConfig}, nil
}

// GetAlias describes an alias.
func (s *Service) GetAlias(_ *wire.Call, in *sdk.GetAliasInput) (*sdk.GetAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a, err := s.alias(in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	return &sdk.GetAliasOutput{AliasArn: a.AliasArn, Name: a.Name, FunctionVersion: a.FunctionVersion, Description: a.Description, RevisionId: a.RevisionId, RoutingConfig: a.RoutingConfig}, nil
}

// ListAliases lists a function's aliases by name.
func (s *Service) ListAliases(_ *wire.Call, in *sdk.ListAliasesInput) (*sdk.ListAliasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	var all []types.AliasConfiguration
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if a := f.aliases[name]; in.FunctionVersion == nil || *in.FunctionVersion == *a.FunctionVersion {
			all = append(all, *a)
		}
	}
	page, next, err := paged(all, func(a types.AliasConfiguration) string { return *a.Name }, in.Marker, in.MaxItems, 50)
	return &sdk.ListAliasesOutput{Aliases: page, NextMarker: next}, err
}

// DeleteAlias deletes an alias; one that is not there is no error.
func (s *Service) DeleteAlias(_ *wire.Call, in *sdk.DeleteAliasInput) (*sdk.DeleteAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	delete(f.aliases, value(in.Name))
	return &sdk.DeleteAliasOutput{}, nil
}
