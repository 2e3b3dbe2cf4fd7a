package stepfunctions

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// machine is a state machine. Its fields are guarded by Service.mu.
type machine struct {
	arn, name string
	kind      types.StateMachineType
	created   time.Time
	deleting  bool // DELETING: it waits for its executions
	current   *revision
	revisions int
	versions  []*version // ascending
	published int        // the last version number
	aliases   map[string]*alias
	tags      map[string]string
	// What CreateStateMachine was asked for, for its idempotency.
	publish     bool
	description *string
}

// revision is what an execution runs by. It never changes.
type revision struct {
	id         string // "" for the first one
	definition string
	parsed     *asl.Machine
	role       string
	logging    *types.LoggingConfiguration
	tracing    *types.TracingConfiguration
	encryption *types.EncryptionConfiguration
	updated    time.Time
}

// initialRevision names the first revision in requests.
const initialRevision = "INITIAL"

func (s *Service) machineArn(name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", s.o.Region, s.o.Account, name)
}

func machineMissing(arn string) error {
	return &types.StateMachineDoesNotExist{Message: aws.String(fmt.Sprintf("State Machine Does Not Exist: '%s'", arn))}
}

func notSupportedByType() error {
	return &types.StateMachineTypeNotSupported{Message: aws.String("This operation is not supported by this type of state machine")}
}

// findMachine finds the state machine of an unqualified ARN; s.mu is held.
func (s *Service) findMachine(arn *string) (*machine, error) {
	r, err := parseArn(arn, "stateMachine")
	if err != nil {
		return nil, err
	}
	m, ok := s.machines[r.arn]
	if !ok {
		return nil, machineMissing(r.arn)
	}
	return m, nil
}

// target is what an ARN of a state machine leads to: the machine, or one of
// its versions, perhaps by an alias, or the states inside a Distributed Map.
type target struct {
	machine  *machine
	revision *revision
	version  *version
	alias    *alias
	label    string
}

// resolve follows an ARN with or without a qualifier; s.mu is held. Behind an
// alias, pick chooses among its versions.
func (s *Service) resolve(arn *string, pick func([]route) *version) (target, error) {
	r, err := parseArn(arn, "stateMachine")
	if err != nil {
		return target{}, err
	}
	m, ok := s.machines[s.machineArn(r.name)]
	if !ok || !strings.HasPrefix(r.arn, m.arn) || len(r.rest) > 1 {
		return target{}, machineMissing(r.arn)
	}
	t := target{machine: m, revision: m.current, label: r.label}
	if len(r.rest) == 0 {
		return t, nil
	}
	if t.version = m.version(r.arn); t.version == nil {
		if t.alias = m.aliases[r.rest[0]]; t.alias == nil {
			return target{}, machineMissing(r.arn)
		}
		t.version = pick(t.alias.routes)
	}
	t.revision = t.version.revision
	return t, nil
}

// heaviest is the version that most executions behind an alias get.
func heaviest(routes []route) *version {
	return slices.MaxFunc(routes, func(a, b route) int { return int(a.weight) - int(b.weight) }).version
}

// CreateStateMachine implements the API operation. Repeating it is idempotent
// but for roleArn and tags, which are then ignored.
func (s *Service) CreateStateMachine(_ *wire.Call, in *sfn.CreateStateMachineInput) (*sfn.CreateStateMachineOutput, error) {
	kind := in.Type
	if kind == "" {
		kind = types.StateMachineTypeStandard
	}
	if err := errors.Join(
		length("versionDescription", in.VersionDescription, 0, maxDescription)); err != nil {
		return nil, first(err)
	}
	if err := checkName(*in.Name); err != nil {
		return nil, err
	}
	if err := checkRole(*in.RoleArn); err != nil {
		return nil, err
	}
	if in.VersionDescription != nil && !in.Publish {
		return nil, wire.Errorf("ValidationException", "Version description can only be set when publish is true")
	}
	tags, err := newTags(in.Tags, nil)
	if err != nil {
		return nil, err
	}
	parsed, err := s.parse(in.Definition, kind)
	if err != nil {
		return nil, err
	}
	rev := &revision{definition: *in.Definition, parsed: parsed, role: *in.RoleArn, updated: s.now()}
	if err := s.configure(rev, in.LoggingConfiguration, in.TracingConfiguration, in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.machineArn(*in.Name)
	if old, ok := s.machines[arn]; ok {
		if old.deleting {
			return nil, &types.StateMachineDeleting{Message: aws.String(fmt.Sprintf("State Machine is being deleted: '%s'", arn))}
		}
		same := old.kind == kind && old.current.same(rev, false) && old.publish == in.Publish && reflect.DeepEqual(old.description, in.VersionDescription)
		if !same {
			return nil, &types.StateMachineAlreadyExists{Message: aws.String(fmt.Sprintf("State Machine Already Exists: '%s'", arn))}
		}
		return created(old), nil
	}
	m := &machine{arn: arn, name: *in.Name, kind: kind, created: rev.updated, current: rev, aliases: map[string]*alias{}, tags: tags,
		publish: in.Publish, description: in.VersionDescription}
	s.machines[arn] = m
	if in.Publish {
		if _, err := m.publishCurrent(in.VersionDescription, rev.updated); err != nil {
			return nil, err
		}
	}
	return created(m), nil
}

func created(m *machine) *sfn.CreateStateMachineOutput {
	out := &sfn.CreateStateMachineOutput{StateMachineArn: &m.arn, CreationDate: &m.created}
	if m.publish && len(m.versions) > 0 {
		out.StateMachineVersionArn = &m.versions[0].arn
	}
	return out
}

var roleSyntax = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d+:role/.+$`)

func checkRole(arn string) error {
	if err := length("roleArn", &arn, 1, 256); err != nil {
		return err
	}
	if !roleSyntax.MatchString(arn) {
		return &types.InvalidArn{Message: aws.String(fmt.Sprintf("Invalid Role Arn: '%s'", arn))}
	}
	return nil
}

// same reports whether two revisions do the same.
func (r *revision) same(o *revision, withRole bool) bool {
	return r.definition == o.definition && (!withRole || r.role == o.role) && reflect.DeepEqual(r.logging, o.logging) &&
		reflect.DeepEqual(r.tracing, o.tracing) && reflect.DeepEqual(r.encryption, o.encryption)
}

// configure sets what a request says of logs, traces and encryption; what it
// does not say stays, or is off.
func (s *Service) configure(r *revision, l *types.LoggingConfiguration, t *types.TracingConfiguration, e *types.EncryptionConfiguration) error {
	if l != nil {
		if err := s.checkLogging(l); err != nil {
			return err
		}
		copied := *l
		if copied.Level == "" {
			copied.Level = types.LogLevelOff
		}
		r.logging = &copied
	}
	if r.logging == nil {
		r.logging = &types.LoggingConfiguration{Level: types.LogLevelOff}
	}
	if t != nil {
		r.tracing = &types.TracingConfiguration{Enabled: t.Enabled}
	}
	if r.tracing == nil {
		r.tracing = &types.TracingConfiguration{}
	}
	if e != nil {
		checked, err := checkEncryption(e)
		if err != nil {
			return err
		}
		r.encryption = checked
	}
	return nil
}

func checkEncryption(e *types.EncryptionConfiguration) (*types.EncryptionConfiguration, error) {
	invalid := func(text string) error {
		return &types.InvalidEncryptionConfiguration{Message: aws.String("Invalid Encryption Configuration: " + text)}
	}
	if err := length("encryptionConfiguration.kmsKeyId", e.KmsKeyId, 1, 2048); err != nil {
		return nil, err
	}
	copied := *e
	switch e.Type {
	case types.EncryptionTypeCustomerManagedKmsKey:
		if e.KmsKeyId == nil {
			return nil, invalid("kmsKeyId is required when type is CUSTOMER_MANAGED_KMS_KEY")
		}
		if copied.KmsDataKeyReusePeriodSeconds == nil {
			copied.KmsDataKeyReusePeriodSeconds = aws.Int32(300)
		}
		if n := *copied.KmsDataKeyReusePeriodSeconds; n < 60 || n > 900 {
			return nil, constraint("encryptionConfiguration.kmsDataKeyReusePeriodSeconds", n, "have value between 60 and 900")
		}
	case types.EncryptionTypeAwsOwnedKey:
		if e.KmsKeyId != nil || e.KmsDataKeyReusePeriodSeconds != nil {
			return nil, invalid("kmsKeyId and kmsDataKeyReusePeriodSeconds cannot be set when type is AWS_OWNED_KEY")
		}
	}
	return &copied, nil
}

// UpdateStateMachine implements the API operation. Executions that run keep
// the definition they started with.
func (s *Service) UpdateStateMachine(_ *wire.Call, in *sfn.UpdateStateMachineInput) (*sfn.UpdateStateMachineOutput, error) {
	if err := length("versionDescription", in.VersionDescription, 0, maxDescription); err != nil {
		return nil, err
	}
	changes := in.Definition != nil || in.RoleArn != nil || in.LoggingConfiguration != nil || in.TracingConfiguration != nil || in.EncryptionConfiguration != nil
	if !changes && !in.Publish {
		return nil, &types.MissingRequiredParameter{Message: aws.String("Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")}
	}
	if in.VersionDescription != nil && !in.Publish {
		return nil, wire.Errorf("ValidationException", "Version description can only be set when publish is true")
	}
	if in.RoleArn != nil {
		if err := checkRole(*in.RoleArn); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	m, err := s.findMachine(in.StateMachineArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var parsed *asl.Machine
	if in.Definition != nil {
		if parsed, err = s.parse(in.Definition, m.kind); err != nil {
			return nil, err
		}
	}
	if in.LoggingConfiguration != nil { // it looks for the log group: not under s.mu
		if err := s.checkLogging(in.LoggingConfiguration); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.deleting {
		return nil, &types.StateMachineDeleting{Message: aws.String(fmt.Sprintf("State Machine is being deleted: '%s'", m.arn))}
	}
	next := *m.current
	if parsed != nil {
		next.definition, next.parsed = *in.Definition, parsed
	}
	if in.RoleArn != nil {
		next.role = *in.RoleArn
	}
	if err := s.configure(&next, nil, in.TracingConfiguration, in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if l := in.LoggingConfiguration; l != nil {
		copied := *l
		if copied.Level == "" {
			copied.Level = types.LogLevelOff
		}
		next.logging = &copied
	}
	if !m.current.same(&next, true) {
		m.revisions++
		next.id = fmt.Sprintf("%08x-0000-4000-8000-%012x", m.revisions, m.revisions)
		next.updated = s.now()
		m.current = &next
	}
	out := &sfn.UpdateStateMachineOutput{UpdateDate: aws.Time(s.now())}
	if m.current.id != "" {
		out.RevisionId = aws.String(m.current.id)
	}
	if in.Publish {
		v, err := m.publishCurrent(in.VersionDescription, s.now())
		if err != nil {
			return nil, err
		}
		out.StateMachineVersionArn = &v.arn
	}
	return out, nil
}

// DescribeStateMachine implements the API operation, for a state machine, a
// version, an alias (the version that most of its executions get) and the
// states inside a Distributed Map.
func (s *Service) DescribeStateMachine(_ *wire.Call, in *sfn.DescribeStateMachineInput) (*sfn.DescribeStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(in.StateMachineArn, heaviest)
	if err != nil {
		return nil, err
	}
	m, r := t.machine, t.revision
	out := &sfn.DescribeStateMachineOutput{
		StateMachineArn: in.StateMachineArn, Name: &m.name, RoleArn: aws.String(r.role), Definition: aws.String(r.definition), CreationDate: aws.Time(m.created),
		Type: m.kind, Status: types.StateMachineStatusActive, LoggingConfiguration: r.logging, TracingConfiguration: r.tracing,
		EncryptionConfiguration: r.encryption, VariableReferences: variableReferences(r.definition),
	}
	if in.IncludedData == types.IncludedDataMetadataOnly {
		out.Definition, out.VariableReferences = nil, nil
	}
	if m.deleting {
		out.Status = types.StateMachineStatusDeleting
	}
	if r.id != "" {
		out.RevisionId = aws.String(r.id)
	}
	if t.label != "" {
		out.Label = &t.label
	}
	if v := t.version; v != nil {
		out.StateMachineArn, out.CreationDate, out.Description = &v.arn, aws.Time(v.created), v.description
	}
	return out, nil
}

// DeleteStateMachine implements the API operation. The machine is DELETING
// until its executions have ended, and they end at their next transition;
// deleting what is not there is no error.
func (s *Service) DeleteStateMachine(_ *wire.Call, in *sfn.DeleteStateMachineInput) (*sfn.DeleteStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if _, missing := errors.AsType[*types.StateMachineDoesNotExist](err); missing {
		return &sfn.DeleteStateMachineOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	m.deleting = true
	for _, e := range s.order {
		if e.machineArn == m.arn {
			e.halted.Store(true)
		}
	}
	s.removeIfIdle(m)
	return &sfn.DeleteStateMachineOutput{}, nil
}

// removeIfIdle removes a machine that is being deleted once no execution of it
// runs; s.mu is held.
func (s *Service) removeIfIdle(m *machine) {
	for _, e := range s.order {
		if e.machineArn == m.arn && e.status() == asl.Running {
			return
		}
	}
	delete(s.machines, m.arn)
}

// ListStateMachines implements the API operation: by name.
func (s *Service) ListStateMachines(_ *wire.Call, in *sfn.ListStateMachinesInput) (*sfn.ListStateMachinesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.StateMachineListItem
	for _, m := range s.machines {
		all = append(all, types.StateMachineListItem{StateMachineArn: &m.arn, Name: &m.name, CreationDate: aws.Time(m.created), Type: m.kind})
	}
	sort.Slice(all, func(i, j int) bool { return *all[i].Name < *all[j].Name })
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListStateMachinesOutput{StateMachines: part, NextToken: next}, nil
}
