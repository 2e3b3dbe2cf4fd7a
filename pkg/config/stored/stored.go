// Package stored reads settings from Parameter Store of AWS Systems Manager. It
// makes the one call itself, with the SDK's signer and retries: the SDK's client
// of all 150 operations of Systems Manager puts 0.5 MB and some milliseconds
// into the start of each function (package parameters, which writes, has it).
package stored

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Reader implements config.Parameters.
type Reader struct{ AWS aws.Config }

// Parameters returns the parameters at all levels below a path, decrypted, in
// the order of their names. Throttling is left to the configuration's retryer.
// That a permission is missing names the action.
func (r Reader) Parameters(ctx context.Context, path string) ([]config.Parameter, error) {
	path = strings.TrimSuffix(path, "/") // as IAM policies name it
	in := request{Path: path, Recursive: true, WithDecryption: true}
	var all []config.Parameter
	for {
		page, err := r.call(ctx, in)
		if err != nil {
			return nil, readError("read the settings below "+path, path, err)
		}
		for _, p := range page.Parameters {
			all = append(all, config.Parameter{Name: p.Name, Value: p.Value, Secure: p.Type == "SecureString"})
		}
		if page.NextToken == "" {
			return all, nil
		}
		in.NextToken = page.NextToken
	}
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
