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
func Load(ctx context.Context) (aws.Config, error) { return LoadAs(ctx, "", "") }

// LoadAs is Load with a profile and a region in place of those of the
// environment; empty ones are found as always.
func LoadAs(ctx context.Context, profile, region string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRetryer(awsclient.Retryer)}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, awserr.Wrap("load AWS configuration", err)
	}
	awsclient.Prepare(ctx, &cfg)
	return cfg, nil
}
