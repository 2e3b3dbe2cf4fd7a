// Package parameters keeps settings in Parameter Store of AWS Systems Manager:
// one parameter a setting, secrets as SecureString. Package stored reads them.
package parameters

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Putter writes and deletes parameters; *ssm.Client is one.
type Putter interface {
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

// Writer carries out a plan.
type Writer struct {
	SSM Putter
	Key string // KMS key of SecureStrings: id, ARN or alias
}

// Apply carries out one change. Parameter Store does not change the type of a
// parameter, so that one is deleted and made again; when the second half fails,
// the error says that the setting is gone.
func (w Writer) Apply(ctx context.Context, c Change) error {
	switch c.Action {
	case Delete:
		return w.delete(ctx, c.Name)
	case Retype:
		if err := w.delete(ctx, c.Name); err != nil {
			return err
		}
		// Between the two there is nothing: who interrupts waits for the second.
		if err := w.put(context.WithoutCancel(ctx), c); err != nil {
			return upgrade.KindAWSUnexpected.Errorf("store "+c.Key, "the parameter was deleted to change its type, and could not be made again: %w", err).
				WithRemedy("push again: until then the setting has its default")
		}
		return nil
	}
	return w.put(ctx, c)
}

func (w Writer) put(ctx context.Context, c Change) error {
	in := &ssm.PutParameterInput{Name: &c.Name, Value: &c.value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true), Tier: types.ParameterTierIntelligentTiering}
	if c.Secret {
		in.Type, in.KeyId = types.ParameterTypeSecureString, &w.Key
	}
	if s, ok := config.Find(c.Key); ok {
		in.Description = aws.String(cut(s.About, 1024)) // Systems Manager API reference, PutParameter
	}
	_, err := w.SSM.PutParameter(ctx, in)
	return writeError("store "+c.Key, "ssm:PutParameter", c, err)
}

func (w Writer) delete(ctx context.Context, name string) error {
	_, err := w.SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	if awserr.Is(err, "ParameterNotFound") {
		return nil // somebody else was faster
	}
	return writeError("delete "+name, "ssm:DeleteParameter", Change{Name: name}, err)
}

func writeError(op, action string, c Change, err error) error {
	switch {
	case awserr.Is(err, "AccessDeniedException", "AccessDenied"):
		remedy := "allow " + action + " on arn:aws:ssm:REGION:ACCOUNT:parameter" + c.Name
		if c.Secret {
			remedy += ", and kms:Encrypt and kms:GenerateDataKey on the key"
		}
		return upgrade.KindAWSDenied.Errorf(op, "%w", err).WithRemedy(remedy)
	case awserr.Is(err, "InvalidKeyId"):
		return upgrade.KindAWSInvalid.Errorf(op, "%w", err).WithRemedy("name a KMS key that exists and is enabled: --kms-key alias/eks-upgrade")
	}
	return awserr.Wrap(op, err)
}

func cut(text string, bytes int) string { return text[:min(len(text), bytes)] }
