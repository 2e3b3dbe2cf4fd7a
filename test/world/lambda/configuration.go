package lambda

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Defaults of CreateFunction.
const (
	defaultMemory  = 128 // MB
	defaultTimeout = 3   // seconds
	defaultStorage = 512 // MB
)

// runtimes are those that the simulated Lambda runs: the zip brings a bootstrap.
var runtimes = []types.Runtime{types.RuntimeProvidedal2023, types.RuntimeProvidedal2}

var (
	roles         = regexp.MustCompile(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	variableNames = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)
)

// reserved are the environment variables that functions cannot set (source:
// "Defined runtime environment variables").
var reservedVariables = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}

// maxVariables is the size of all environment variables together, in bytes.
const maxVariables = 4096

// settings are the members that CreateFunction and UpdateFunctionConfiguration
// share; nil and "" leave what is.
type settings struct {
	role, handler, description, kmsKey *string
	runtime                            types.Runtime
	memory, timeout                    *int32
	environment                        *types.Environment
	storage                            *types.EphemeralStorage
	deadLetter                         *types.DeadLetterConfig
	tracing                            *types.TracingConfig
	logging                            *types.LoggingConfig
	vpc                                *types.VpcConfig
}

// check refuses what AWS refuses in any request.
func (s *Service) check(in settings) error {
	if in.role != nil && !roles.MatchString(*in.role) {
		return violation(*in.role, "role", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`)
	}
	for _, b := range []struct {
		member    string
		value     *int32
		min, most int32
	}{{"memorySize", in.memory, 128, 10240}, {"timeout", in.timeout, 1, 900}, {"ephemeralStorage.size", storageSize(in.storage), 512, 10240}} {
		switch {
		case b.value != nil && *b.value < b.min:
			return violation(fmt.Sprint(*b.value), b.member, fmt.Sprintf("Member must have value greater than or equal to %d", b.min))
		case b.value != nil && *b.value > b.most:
			return violation(fmt.Sprint(*b.value), b.member, fmt.Sprintf("Member must have value less than or equal to %d", b.most))
		}
	}
	if in.description != nil && utf8.RuneCountInString(*in.description) > 256 {
		return violation(*in.description, "description", "Member must have length less than or equal to 256")
	}
	if in.handler != nil && (len(*in.handler) > 128 || strings.ContainsAny(*in.handler, " \t\n")) {
		return violation(*in.handler, "handler", `Member must satisfy regular expression pattern: [^\s]+`)
	}
	if err := checkRuntime(in.runtime); err != nil {
		return err
	}
	if in.deadLetter != nil && value(in.deadLetter.TargetArn) != "" {
		if err := s.checkDestination(*in.deadLetter.TargetArn, "sqs", "sns"); err != nil {
			return err
		}
	}
	return checkEnvironment(in.environment)
}

func checkRuntime(r types.Runtime) error {
	switch {
	case r == "" || slices.Contains(runtimes, r):
		return nil
	case r == types.RuntimeGo1x:
		return invalid("The runtime parameter of go1.x is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.")
	case slices.Contains(r.Values(), r):
		return invalid("the simulated Lambda runs provided.al2023 and provided.al2, which bring their bootstrap; it has no %s", r)
	}
	return invalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: %v or be a valid ARN", r, r.Values())
}

func checkEnvironment(e *types.Environment) error {
	if e == nil {
		return nil
	}
	size := 0
	var taken []string
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		if slices.Contains(reservedVariables, name) {
			taken = append(taken, name)
			continue
		}
		if !variableNames.MatchString(name) {
			return violation(name, "environment.variables", `Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]`)
		}
		if strings.ContainsRune(e.Variables[name], 0) {
			return invalid("Environment variable %s contains a NUL character.", name)
		}
		size += len(name) + len(e.Variables[name])
	}
	if len(taken) > 0 {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	if size > maxVariables {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	return nil
}

func storageSize(e *types.EphemeralStorage) *int32 {
	if e == nil {
		return nil
	}
	return e.Size
}

// notSimulated refuses what would silently not happen.
func notSimulated(parts map[string]bool) error {
	for _, what := range slices.Sorted(maps.Keys(parts)) {
		if parts[what] {
			return invalid("the simulated Lambda has no %s", what)
		}
	}
	return nil
}

// apply writes settings into a configuration.
func (in settings) apply(c *types.FunctionConfiguration) {
	set := func(to **string, from *string) {
		if from != nil {
			*to = from
		}
	}
	set(&c.Role, in.role)
	set(&c.Handler, in.handler)
	set(&c.Description, in.description)
	set(&c.KMSKeyArn, in.kmsKey)
	if in.runtime != "" {
		c.Runtime = in.runtime
	}
	if in.memory != nil {
		c.MemorySize = in.memory
	}
	if in.timeout != nil {
		c.Timeout = in.timeout
	}
	if in.environment != nil {
		c.Environment = nil
		if len(in.environment.Variables) > 0 {
			c.Environment = &types.EnvironmentResponse{Variables: maps.Clone(in.environment.Variables)}
		}
	}
	if in.storage != nil {
		c.EphemeralStorage = in.storage
	}
	if in.deadLetter != nil {
		c.DeadLetterConfig = nil
		if value(in.deadLetter.TargetArn) != "" {
			c.DeadLetterConfig = in.deadLetter
		}
	}
	if in.tracing != nil {
		c.TracingConfig = &types.TracingConfigResponse{Mode: in.tracing.Mode}
	}
	if in.logging != nil {
		l := *c.LoggingConfig
		if in.logging.LogFormat != "" {
			l.LogFormat = in.logging.LogFormat
		}
		if in.logging.LogGroup != nil {
			l.LogGroup = in.logging.LogGroup
		}
		c.LoggingConfig = &l
	}
	if in.vpc != nil {
		c.VpcConfig = &types.VpcConfigResponse{SubnetIds: in.vpc.SubnetIds, SecurityGroupIds: in.vpc.SecurityGroupIds, VpcId: ptr("")}
	}
}

// defaults is the configuration of a new function.
func (s *Service) defaults(name string) types.FunctionConfiguration {
	return types.FunctionConfiguration{
		FunctionName: ptr(name), FunctionArn: ptr(s.ARN(name)), Version: ptr(latestName), Description: ptr(""), PackageType: types.PackageTypeZip,
		MemorySize: ptr(int32(defaultMemory)), Timeout: ptr(int32(defaultTimeout)), Architectures: []types.Architecture{types.ArchitectureX8664},
		EphemeralStorage: &types.EphemeralStorage{Size: ptr(int32(defaultStorage))}, TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough},
		SnapStart:     &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: ptr("/aws/lambda/" + name)},
		RuntimeVersionConfig: &types.RuntimeVersionConfig{
			RuntimeVersionArn: ptr("arn:aws:lambda:" + s.o.Region + "::runtime:" + strings.Repeat("0", 64))},
	}
}

// registeredConfig describes a function that runs in process.
func (s *Service) registeredConfig(name string) types.FunctionConfiguration {
	c := s.defaults(name)
	c.Runtime, c.Handler = types.RuntimeProvidedal2023, ptr("bootstrap")
	c.Role = ptr(fmt.Sprintf("arn:aws:iam::%s:role/%s", s.o.Account, name))
	c.CodeSha256 = ptr("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") // of nothing
	return c
}

// describe is what the API shows of a version: with its state.
func (s *Service) describe(f *function, v *version) types.FunctionConfiguration {
	c := v.config
	c.State, c.LastUpdateStatus = types.StateActive, types.LastUpdateStatusSuccessful
	switch {
	case f.pending:
		c.State, c.StateReasonCode, c.StateReason = types.StatePending, types.StateReasonCodeCreating, ptr("The function is being created.")
		c.LastUpdateStatus = ""
	case v == f.latest && f.running != f.latest:
		c.LastUpdateStatus, c.LastUpdateStatusReasonCode, c.LastUpdateStatusReason = types.LastUpdateStatusInProgress, "Creating", ptr("The function is being created.")
	}
	return c
}

// as copies a configuration into one of the outputs that have its members.
func as[T any](c types.FunctionConfiguration) *T {
	out := new(T)
	to, from := reflect.ValueOf(out).Elem(), reflect.ValueOf(c)
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		if from.Type().Field(i).IsExported() {
			to.FieldByName(name).Set(from.Field(i))
		}
	}
	return out
}

// stamp is the time in the form of LastModified.
func (s *Service) stamp() *string {
	return ptr(s.o.Clock.Now().Format("2006-01-02T15:04:05.000-0700"))
}

func (s *Service) revision() *string {
	s.ids++
	return ptr(fmt.Sprintf("%08x-5e6f-4a7b-9c8d-%012x", s.ids, s.ids))
}

func createSettings(in *sdk.CreateFunctionInput) settings {
	return settings{in.Role, in.Handler, in.Description, in.KMSKeyArn, in.Runtime, in.MemorySize, in.Timeout, in.Environment, in.EphemeralStorage, in.DeadLetterConfig, in.TracingConfig, in.LoggingConfig, in.VpcConfig}
}

func updateSettings(in *sdk.UpdateFunctionConfigurationInput) settings {
	return settings{in.Role, in.Handler, in.Description, in.KMSKeyArn, in.Runtime, in.MemorySize, in.Timeout, in.Environment, in.EphemeralStorage, in.DeadLetterConfig, in.TracingConfig, in.LoggingConfig, in.VpcConfig}
}

func seconds(n *int32) time.Duration { return time.Duration(value(n)) * time.Second }
