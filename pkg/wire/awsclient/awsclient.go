// Package awsclient makes the AWS configuration and the clients that need more
// than their constructor.
package awsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
)

// Attempts is how often a call is tried before its error goes to the state
// machine, which waits longer between its own retries.
const Attempts = 5

// Load returns the configuration of the environment: region and credentials of
// the Lambda, or of a person's profile. Its clients are observed (see Observe).
// Calls of a run of the command line carry its id to CloudTrail.
func Load(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRetryer(Retryer)}
	if run := logging.FieldsOf(ctx).Run; run != "" {
		options = append(options, config.WithAppID(AppID(run)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, awserr.Wrap("load AWS configuration", err)
	}
	Observe(ctx, &cfg)
	return cfg, nil
}

// AppID is the part of the user agent, after "app/", that names a run of the
// command line.
func AppID(run string) string { return "eks-upgrade-" + run }

// Retryer retries in the SDK's standard mode: exponential back-off with jitter
// and a budget of retries, so that a service in trouble is not called harder.
func Retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = Attempts })
}

// S3 returns a client of S3. An endpoint that was set by hand has no DNS names
// for buckets, so they stand in the path there.
func S3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
}
