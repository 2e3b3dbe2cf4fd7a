package resource

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

type function struct {
	Architectures                []types.Architecture
	Code                         code `cfn:"required"`
	DeadLetterConfig             *types.DeadLetterConfig
	Description                  *string
	Environment                  *types.Environment
	EphemeralStorage             *types.EphemeralStorage
	FunctionName                 *string
	Handler                      *string
	KmsKeyArn                    *string
	Layers                       []string
	LoggingConfig                *types.LoggingConfig
	MemorySize                   *int32
	PackageType                  types.PackageType
	ReservedConcurrentExecutions *int32
	Role                         string `cfn:"required"`
	Runtime                      types.Runtime
	Tags                         []Tag
	Timeout                      *int32
	TracingConfig                *types.TracingConfig
	VpcConfig                    *struct {
		Ipv6AllowedForDualStack *bool
		SecurityGroupIds        []string
		SubnetIds               []string
	}
}

type code struct {
	ImageUri, S3Bucket, S3Key, S3ObjectVersion, ZipFile *string
}

func (p *function) vpc() *types.VpcConfig {
	if p.VpcConfig == nil {
		return nil
	}
	return &types.VpcConfig{Ipv6AllowedForDualStack: p.VpcConfig.Ipv6AllowedForDualStack, SecurityGroupIds: p.VpcConfig.SecurityGroupIds, SubnetIds: p.VpcConfig.SubnetIds}
}

func init() {
	register(definition[function]{
		name: "AWS::Lambda::Function", nameProperty: "FunctionName", replace: []string{"FunctionName", "PackageType"}, attributes: []string{"Arn", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"}, takes: 6 * time.Second,
		create: createFunction, read: readFunction, update: updateFunction,
		remove: func(x *Context, id string, _ *function) error {
			return do(x, &lambda.DeleteFunctionInput{FunctionName: &id})
		},
	})
}

func createFunction(x *Context, p *function) (string, error) {
	if p.Code.ZipFile != nil {
		return "", refuse("Code/ZipFile")
	}
	name := x.Or(p.FunctionName, 64)
	err := do(x, &lambda.CreateFunctionInput{FunctionName: name, Role: &p.Role, Architectures: p.Architectures,
		Code:             &types.FunctionCode{S3Bucket: p.Code.S3Bucket, S3Key: p.Code.S3Key, S3ObjectVersion: p.Code.S3ObjectVersion, ImageUri: p.Code.ImageUri},
		DeadLetterConfig: p.DeadLetterConfig, Description: p.Description, Environment: p.Environment, EphemeralStorage: p.EphemeralStorage, Handler: p.Handler,
		KMSKeyArn: p.KmsKeyArn, Layers: p.Layers, LoggingConfig: p.LoggingConfig, MemorySize: p.MemorySize, PackageType: p.PackageType, Runtime: p.Runtime,
		Tags: x.tags(p.Tags), Timeout: p.Timeout, TracingConfig: p.TracingConfig, VpcConfig: p.vpc()})
	if err != nil {
		return "", err
	}
	return *name, p.reserve(x, *name, &function{})
}

// reserve sets the concurrency that only this function has.
func (p *function) reserve(x *Context, name string, old *function) error {
	switch {
	case p.ReservedConcurrentExecutions != nil:
		return do(x, &lambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: p.ReservedConcurrentExecutions})
	case old.ReservedConcurrentExecutions != nil:
		return do(x, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &name})
	}
	return nil
}

func readFunction(x *Context, id string, _ *function) (State, error) {
	out, err := invoke[lambda.GetFunctionConfigurationOutput](x, &lambda.GetFunctionConfigurationInput{FunctionName: &id})
	if err != nil {
		return State{}, err
	}
	return State{Busy: out.State == types.StatePending || out.LastUpdateStatus == types.LastUpdateStatusInProgress,
		Attributes: map[string]any{"Arn": *out.FunctionArn, "SnapStartResponse.ApplyOn": "None", "SnapStartResponse.OptimizationStatus": "Off"}}, nil
}

func updateFunction(x *Context, id string, old, p *function) error {
	if p.Code.ZipFile != nil {
		return refuse("Code/ZipFile")
	}
	// Lambda takes the code only when the configuration is in place.
	if x.Part == 0 {
		if err := updateConfiguration(x, id, old, p); err != nil {
			return err
		}
		return ErrMore
	}
	if !sameCode(old, p) {
		if err := do(x, &lambda.UpdateFunctionCodeInput{FunctionName: &id, Architectures: p.Architectures, S3Bucket: p.Code.S3Bucket, S3Key: p.Code.S3Key,
			S3ObjectVersion: p.Code.S3ObjectVersion, ImageUri: p.Code.ImageUri}); err != nil {
			return err
		}
	}
	if err := p.reserve(x, id, old); err != nil {
		return err
	}
	arn := x.ARN("lambda", "function:"+id)
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error { return do(x, &lambda.TagResourceInput{Resource: &arn, Tags: tags}) },
		func(keys []string) error { return do(x, &lambda.UntagResourceInput{Resource: &arn, TagKeys: keys}) })
}

func sameCode(old, p *function) bool {
	a, b := old.Code, p.Code
	return aws.ToString(a.S3Bucket) == aws.ToString(b.S3Bucket) && aws.ToString(a.S3Key) == aws.ToString(b.S3Key) &&
		aws.ToString(a.S3ObjectVersion) == aws.ToString(b.S3ObjectVersion) && aws.ToString(a.ImageUri) == aws.ToString(b.ImageUri) && slices.Equal(old.Architectures, p.Architectures)
}

func updateConfiguration(x *Context, id string, old, p *function) error {
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &id, Role: &p.Role, DeadLetterConfig: p.DeadLetterConfig, Description: aws.String(aws.ToString(p.Description)),
		Environment: p.Environment, EphemeralStorage: p.EphemeralStorage, Handler: p.Handler, KMSKeyArn: p.KmsKeyArn, Layers: p.Layers, LoggingConfig: p.LoggingConfig,
		MemorySize: p.MemorySize, Runtime: p.Runtime, Timeout: p.Timeout, TracingConfig: p.TracingConfig, VpcConfig: p.vpc()}
	if in.Environment == nil && old.Environment != nil { // what the template has no longer goes
		in.Environment = &types.Environment{Variables: map[string]string{}}
	}
	if in.DeadLetterConfig == nil && old.DeadLetterConfig != nil {
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("")}
	}
	if in.TracingConfig == nil && old.TracingConfig != nil {
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingModePassThrough}
	}
	return do(x, in)
}
