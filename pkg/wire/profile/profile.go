// Package profile makes the AWS configuration of a person or a build: from the
// environment, profiles, single sign-on or roles. Functions use
// awsclient.Environment.
package profile

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
)

// Load returns the configuration as the AWS CLI would find it. Its clients are
// observed, and retry as those of functions do.
func Load(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(awsclient.Retryer))
	if err != nil {
		return cfg, awserr.Wrap("load AWS configuration", err)
	}
	awsclient.Prepare(ctx, &cfg)
	return cfg, nil
}
