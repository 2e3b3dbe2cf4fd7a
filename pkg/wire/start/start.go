// Package start runs a phase as a Lambda function.
package start

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
)

// New makes the handler of a phase. Its logger and its metrics are the
// context's.
type New[O any] func(context.Context, aws.Config, config.Config, clock.Clock) (boundary.Function[O], error)

// Lambda serves the handler and never returns. When it cannot be made, the
// process says why and exits with status 1: Lambda reports Runtime.ExitError.
func Lambda[O any](phase New[O]) {
	handler, err := build(context.Background(), phase, os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, logging.Redact(err.Error()))
		os.Exit(1)
	}
	lambda.Start(handler)
}

func build[O any](ctx context.Context, phase New[O], environ []string) (boundary.Function[O], error) {
	c, err := config.Load(environ)
	if err != nil {
		return nil, err
	}
	log, err := logging.New(os.Stdout, logging.Options{Level: c.Logging.Level, Format: c.Logging.Format, Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	ctx = metrics.WithSink(log.WithContext(ctx), metrics.NewSink(os.Stdout, clock.System{}))
	cfg, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	return phase(ctx, cfg, c, clock.System{})
}
