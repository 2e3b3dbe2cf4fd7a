// Package parameters keeps settings in Parameter Store of AWS Systems Manager:
// one parameter a setting, secrets as SecureString.
package parameters

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Getter reads parameters; *ssm.Client is one.
type Getter interface {
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
}

// Reader implements config.Parameters.
type Reader struct{ SSM Getter }

// Parameters returns the parameters at all levels below a path, decrypted, in
// the order of their names. Throttling is left to the retries of the SDK. That
// a permission is missing names the action.
func (r Reader) Parameters(ctx context.Context, path string) ([]config.Parameter, error) {
	path = strings.TrimSuffix(path, "/") // as IAM policies name it
	pages := ssm.NewGetParametersByPathPaginator(r.SSM, &ssm.GetParametersByPathInput{Path: &path, Recursive: aws.Bool(true), WithDecryption: aws.Bool(true)})
	var all []config.Parameter
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, readError("read the settings below "+path, path, err)
		}
		for _, p := range page.Parameters {
			all = append(all, config.Parameter{Name: aws.ToString(p.Name), Value: aws.ToString(p.Value), Secure: p.Type == types.ParameterTypeSecureString})
		}
	}
	return all, nil
}

// readError says which permission is missing. Systems Manager decrypts with the
// caller's own permissions, and reports a key that refuses in several ways:
// https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
func readError(op, path string, err error) error {
	denied := awserr.Is(err, "AccessDeniedException", "AccessDenied")
	text := strings.ToLower(err.Error())
	switch {
	case awserr.Is(err, "InvalidKeyId", "KMSAccessDeniedException"), denied && (strings.Contains(text, "kms:") || strings.Contains(text, "ciphertext")):
		return upgrade.KindAWSDenied.Errorf(op, "a SecureString cannot be decrypted: %w", err).
			WithRemedy("allow kms:Decrypt on the key of the parameters, in the role's policy and in the key's; the key must be enabled")
	case denied:
		return upgrade.KindAWSDenied.Errorf(op, "%w", err).
			WithRemedy("allow ssm:GetParametersByPath on arn:aws:ssm:REGION:ACCOUNT:parameter" + path + " to the identity that runs this")
	}
	return awserr.Wrap(op, err)
}
