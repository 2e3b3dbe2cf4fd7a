package route53

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of health checks (source: "Quotas", Route 53 Developer Guide, and the
// API reference of HealthCheckConfig).
const (
	maxHealthChecks     = 200
	maxHealthCheckPage  = 100
	maxChildren         = 256
	maxSearchString     = 255
	defaultThreshold    = 3
	defaultInterval     = 30 // seconds
	firstHealthVersion  = 1
	maxFailureThreshold = 10
)

// CreateHealthCheck starts to check an endpoint, other health checks, or an
// alarm.
func (s *Service) CreateHealthCheck(_ *wire.Call, in *sdk.CreateHealthCheckInput) (*sdk.CreateHealthCheckOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	if in.HealthCheckConfig == nil {
		return nil, invalidInput("1 validation error detected: Value null at 'healthCheckConfig' failed to satisfy constraint: Member must not be null")
	}
	if n := len(value(in.CallerReference)); n < 1 || n > 64 {
		return nil, invalidInput("1 validation error detected: Value at 'callerReference' failed to satisfy constraint: Member must have length between 1 and 64")
	}
	config := withHealthDefaults(*in.HealthCheckConfig)
	if err := s.validateHealthCheck(config); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(s.checks)) {
		h := s.checks[id]
		switch {
		case h.callerReference != *in.CallerReference:
		case sameHealthCheck(h.config, config): // the same request again creates nothing
			return &sdk.CreateHealthCheckOutput{HealthCheck: h.describe(), Location: ptr(h.location())}, nil
		default:
			return nil, &types.HealthCheckAlreadyExists{Message: ptr("A health check with the same caller reference and different settings exists: " + h.id)}
		}
	}
	if len(s.checks) >= maxHealthChecks {
		return nil, &types.TooManyHealthChecks{Message: ptr(fmt.Sprintf("Limits Exceeded: MAX_HEALTH_CHECKS_BY_OWNER - Cannot create more than %d health checks", maxHealthChecks))}
	}
	h := &healthCheck{id: s.nextUUID(), callerReference: *in.CallerReference, config: config, version: firstHealthVersion, tags: map[string]string{}, healthy: true}
	s.checks[h.id] = h
	s.schedule(h, 0)
	return &sdk.CreateHealthCheckOutput{HealthCheck: h.describe(), Location: ptr(h.location())}, nil
}

// UpdateHealthCheck changes the settings that are given.
func (s *Service) UpdateHealthCheck(_ *wire.Call, in *sdk.UpdateHealthCheckInput) (*sdk.UpdateHealthCheckOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	h, err := s.healthCheck(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	if in.HealthCheckVersion != nil && *in.HealthCheckVersion != h.version {
		return nil, &types.HealthCheckVersionMismatch{Message: ptr(fmt.Sprintf("The value of HealthCheckVersion in the request (%d) does not match the value in the health check (%d).", *in.HealthCheckVersion, h.version))}
	}
	next := merged(h.config, in)
	if err := s.validateHealthCheck(next); err != nil {
		return nil, err
	}
	if slices.Contains(s.descendants(next.ChildHealthChecks), h.id) {
		return nil, invalidInput("The health check %s cannot be a child of itself", h.id)
	}
	h.config = next
	h.version++
	h.streak = 0
	s.schedule(h, 0)
	return &sdk.UpdateHealthCheckOutput{HealthCheck: h.describe()}, nil
}

func merged(c types.HealthCheckConfig, in *sdk.UpdateHealthCheckInput) types.HealthCheckConfig {
	for _, name := range in.ResetElements {
		switch name {
		case types.ResettableElementNameChildHealthChecks:
			c.ChildHealthChecks = nil
		case types.ResettableElementNameFullyQualifiedDomainName:
			c.FullyQualifiedDomainName = nil
		case types.ResettableElementNameRegions:
			c.Regions = nil
		case types.ResettableElementNameResourcePath:
			c.ResourcePath = nil
		}
	}
	set(&c.AlarmIdentifier, in.AlarmIdentifier)
	set(&c.Disabled, in.Disabled)
	set(&c.EnableSNI, in.EnableSNI)
	set(&c.FailureThreshold, in.FailureThreshold)
	set(&c.FullyQualifiedDomainName, in.FullyQualifiedDomainName)
	set(&c.HealthThreshold, in.HealthThreshold)
	set(&c.IPAddress, in.IPAddress)
	set(&c.Inverted, in.Inverted)
	set(&c.Port, in.Port)
	set(&c.ResourcePath, in.ResourcePath)
	set(&c.SearchString, in.SearchString)
	if in.ChildHealthChecks != nil {
		c.ChildHealthChecks = in.ChildHealthChecks
	}
	if in.Regions != nil {
		c.Regions = in.Regions
	}
	if in.InsufficientDataHealthStatus != "" {
		c.InsufficientDataHealthStatus = in.InsufficientDataHealthStatus
	}
	return c
}

func set[T any](dst **T, v *T) {
	if v != nil {
		*dst = v
	}
}

// GetHealthCheck describes a health check.
func (s *Service) GetHealthCheck(_ *wire.Call, in *sdk.GetHealthCheckInput) (*sdk.GetHealthCheckOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	h, err := s.healthCheck(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	return &sdk.GetHealthCheckOutput{HealthCheck: h.describe()}, nil
}

// DeleteHealthCheck deletes a health check that no calculated one needs. Record
// sets that refer to it keep their reference, as on AWS; see Service.healthOf.
func (s *Service) DeleteHealthCheck(_ *wire.Call, in *sdk.DeleteHealthCheckInput) (*sdk.DeleteHealthCheckOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	h, err := s.healthCheck(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(s.checks)) {
		if slices.Contains(s.checks[id].config.ChildHealthChecks, h.id) {
			return nil, &types.HealthCheckInUse{Message: ptr(fmt.Sprintf("The health check %s is a child of the calculated health check %s", h.id, id))}
		}
	}
	h.halt()
	delete(s.checks, h.id)
	return &sdk.DeleteHealthCheckOutput{}, nil
}

// ListHealthChecks lists the health checks in the order of their ids.
func (s *Service) ListHealthChecks(_ *wire.Call, in *sdk.ListHealthChecksInput) (*sdk.ListHealthChecksOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxItems, maxHealthCheckPage)
	if err != nil {
		return nil, err
	}
	marker := value(in.Marker)
	out := &sdk.ListHealthChecksOutput{HealthChecks: []types.HealthCheck{}, Marker: ptr(marker), MaxItems: ptr(int32(limit))}
	for _, id := range slices.Sorted(maps.Keys(s.checks)) {
		if id < marker {
			continue
		}
		if len(out.HealthChecks) == limit {
			out.IsTruncated, out.NextMarker = true, ptr(id)
			break
		}
		out.HealthChecks = append(out.HealthChecks, *s.checks[id].describe())
	}
	return out, nil
}

// GetHealthCheckCount counts the health checks.
func (s *Service) GetHealthCheckCount(_ *wire.Call, _ *sdk.GetHealthCheckCountInput) (*sdk.GetHealthCheckCountOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	return &sdk.GetHealthCheckCountOutput{HealthCheckCount: ptr(int64(len(s.checks)))}, nil
}

// GetHealthCheckStatus tells what the checkers saw last.
func (s *Service) GetHealthCheckStatus(_ *wire.Call, in *sdk.GetHealthCheckStatusInput) (*sdk.GetHealthCheckStatusOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	h, err := s.observed(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	return &sdk.GetHealthCheckStatusOutput{HealthCheckObservations: h.observations(h.last)}, nil
}

// GetHealthCheckLastFailureReason tells why the endpoint failed the last time.
func (s *Service) GetHealthCheckLastFailureReason(_ *wire.Call, in *sdk.GetHealthCheckLastFailureReasonInput) (*sdk.GetHealthCheckLastFailureReasonOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	h, err := s.observed(in.HealthCheckId)
	if err != nil {
		return nil, err
	}
	return &sdk.GetHealthCheckLastFailureReasonOutput{HealthCheckObservations: h.observations(h.lastFailure)}, nil
}

// observed finds a health check that has observations: of an endpoint.
func (s *Service) observed(id *string) (*healthCheck, error) {
	h, err := s.healthCheck(id)
	if err != nil {
		return nil, err
	}
	if !probes(h.config.Type) {
		return nil, invalidInput("The health check %s is of type %s, which has no observations", h.id, h.config.Type)
	}
	return h, nil
}

func (s *Service) healthCheck(id *string) (*healthCheck, error) {
	if h := s.checks[bareID(id)]; h != nil {
		return h, nil
	}
	return nil, &types.NoSuchHealthCheck{Message: ptr("No health check exists with the specified ID: " + bareID(id))}
}

func withHealthDefaults(c types.HealthCheckConfig) types.HealthCheckConfig {
	c.Inverted, c.Disabled = orValue(c.Inverted, false), orValue(c.Disabled, false)
	if !probes(c.Type) {
		return c
	}
	c.RequestInterval = orValue(c.RequestInterval, defaultInterval)
	c.FailureThreshold = orValue(c.FailureThreshold, defaultThreshold)
	c.MeasureLatency = orValue(c.MeasureLatency, false)
	secure := strings.HasPrefix(string(c.Type), "HTTPS")
	c.EnableSNI = orValue(c.EnableSNI, secure)
	if c.Type != types.HealthCheckTypeTcp {
		port := int32(80)
		if secure {
			port = 443
		}
		c.Port = orValue(c.Port, port)
	}
	return c
}

func orValue[T any](p *T, def T) *T {
	if p == nil {
		return &def
	}
	return p
}

// probes reports whether a type of health check sends requests to an endpoint.
func probes(t types.HealthCheckType) bool {
	switch t {
	case types.HealthCheckTypeHttp, types.HealthCheckTypeHttps, types.HealthCheckTypeHttpStrMatch, types.HealthCheckTypeHttpsStrMatch, types.HealthCheckTypeTcp:
		return true
	}
	return false
}

func (s *Service) validateHealthCheck(c types.HealthCheckConfig) error {
	switch {
	case !slices.Contains(c.Type.Values(), c.Type):
		return invalidInput("Invalid value '%s' at 'healthCheckConfig.type': Member must satisfy enum value set", c.Type)
	case c.Type == types.HealthCheckTypeRecoveryControl:
		return &wire.Error{Code: "NotImplementedException", Status: 501, Message: "the simulated Route 53 has no routing controls"}
	case c.Type == types.HealthCheckTypeCalculated:
		return s.validateCalculated(c)
	case c.Type == types.HealthCheckTypeCloudwatchMetric:
		if c.AlarmIdentifier == nil || value(c.AlarmIdentifier.Name) == "" || c.AlarmIdentifier.Region == "" {
			return invalidInput("Invalid request: AlarmIdentifier with Name and Region is required for health checks of type CLOUDWATCH_METRIC")
		}
		if c.IPAddress != nil || c.Port != nil || c.FullyQualifiedDomainName != nil {
			return invalidInput("Invalid request: IPAddress, Port and FullyQualifiedDomainName are not valid for health checks of type CLOUDWATCH_METRIC")
		}
		return nil
	}
	return validateEndpoint(c)
}

func (s *Service) validateCalculated(c types.HealthCheckConfig) error {
	if c.IPAddress != nil || c.Port != nil || c.FullyQualifiedDomainName != nil {
		return invalidInput("Invalid request: IPAddress, Port and FullyQualifiedDomainName are not valid for health checks of type CALCULATED")
	}
	if len(c.ChildHealthChecks) > maxChildren {
		return invalidInput("Invalid request: a calculated health check has at most %d children", maxChildren)
	}
	if t := value(c.HealthThreshold); t < 0 || t > maxChildren {
		return invalidInput("Value '%d' at 'healthThreshold' failed to satisfy constraint: Member must have value between 0 and %d", t, maxChildren)
	}
	for _, id := range c.ChildHealthChecks {
		if s.checks[id] == nil {
			return invalidInput("Invalid parameter: the child health check %s does not exist", id)
		}
	}
	return nil
}

func validateEndpoint(c types.HealthCheckConfig) error {
	match := strings.HasSuffix(string(c.Type), "_STR_MATCH")
	switch {
	case c.IPAddress == nil && c.FullyQualifiedDomainName == nil:
		return invalidInput("Invalid parameter : Either IPAddress or FullyQualifiedDomainName must be specified.")
	case c.Type == types.HealthCheckTypeTcp && c.Port == nil:
		return invalidInput("Invalid parameter : Port must be specified for TCP health checks.")
	case value(c.Port) < 1 || value(c.Port) > 65535:
		return invalidInput("Value '%d' at 'port' failed to satisfy constraint: Member must have value between 1 and 65535", value(c.Port))
	case match && (value(c.SearchString) == "" || len(*c.SearchString) > maxSearchString):
		return invalidInput("Invalid parameter : SearchString must have between 1 and %d characters for health checks of type %s.", maxSearchString, c.Type)
	case !match && c.SearchString != nil:
		return invalidInput("Invalid parameter : SearchString is not valid for health checks of type %s.", c.Type)
	case c.Type == types.HealthCheckTypeTcp && c.ResourcePath != nil:
		return invalidInput("Invalid parameter : ResourcePath is not valid for TCP health checks.")
	case value(c.FailureThreshold) < 1 || value(c.FailureThreshold) > maxFailureThreshold:
		return invalidInput("Value '%d' at 'failureThreshold' failed to satisfy constraint: Member must have value between 1 and %d", value(c.FailureThreshold), maxFailureThreshold)
	case value(c.RequestInterval) != 10 && value(c.RequestInterval) != 30:
		return invalidInput("Invalid parameter : RequestInterval must be 10 or 30 seconds.")
	case c.Regions != nil && len(c.Regions) < 3:
		return invalidInput("Invalid parameter : A minimum of 3 Regions must be specified.")
	}
	if c.IPAddress != nil {
		if _, err := netip.ParseAddr(*c.IPAddress); err != nil {
			return invalidInput("Invalid parameter : Invalid IPv4 or IPv6 address: %s", *c.IPAddress)
		}
	}
	if name := c.FullyQualifiedDomainName; name != nil && !validDomain(canonicalName(*name)) {
		return invalidInput("Invalid parameter : Invalid fully qualified domain name: %s", *name)
	}
	return nil
}

// descendants lists health checks and their children's children.
func (s *Service) descendants(ids []string) []string {
	var all []string
	for _, id := range ids {
		all = append(all, id)
		if h := s.checks[id]; h != nil {
			all = append(all, s.descendants(h.config.ChildHealthChecks)...)
		}
	}
	return all
}
