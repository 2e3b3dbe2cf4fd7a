// Package start runs a phase as a Lambda function.
package start

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/stored"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
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
		report(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// report says why a function cannot start, in a line like those of its calls.
func report(to io.Writer, err error) {
	log, broken := logging.New(to, logging.Options{Level: "error", Format: logging.JSON, Clock: clock.System{}})
	if broken != nil { // level and format are good: it is a bug, and the line must not be lost
		fmt.Fprintln(to, logging.Redact(err.Error()))
		return
	}
	fields := logging.Fields{Phase: upgrade.Phase(strings.TrimPrefix(lambdacontext.FunctionName, "eks-upgrade-")),
		Lambda: &logging.Lambda{Version: lambdacontext.FunctionVersion, ColdStart: true}}
	logging.Failed(logging.With(context.Background(), log, fields), err)
}

func build[O any](ctx context.Context, phase New[O], environ []string) (boundary.Function[O], error) {
	c, err := configured(ctx, environ)
	if err != nil {
		return nil, err
	}
	if err := logging.Hide(c.Security.Redact); err != nil {
		return nil, err
	}
	log, err := logging.New(os.Stdout, logging.Options{Level: c.Logging.Level, Format: c.Logging.Format, Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	ctx = metrics.WithSink(log.WithContext(ctx), metrics.NewSink(os.Stdout, clock.System{}))
	cfg, err := awsclient.Environment(ctx)
	if err != nil {
		return nil, err
	}
	return phase(ctx, cfg, c, clock.System{})
}

// settingsTimeout is less than the ten seconds that Lambda gives a function to
// start: what cannot be reached is then reported by its name.
const settingsTimeout = 8 * time.Second

// configured reads the configuration, with the parameters of Systems Manager
// when the environment names their path.
func configured(ctx context.Context, environ []string) (config.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, settingsTimeout)
	defer cancel()
	return config.LoadWith(ctx, environ, remote{})
}

// remote reads parameters with the function's own credentials.
type remote struct{}

// Parameters implements config.Parameters.
func (remote) Parameters(ctx context.Context, path string) ([]config.Parameter, error) {
	cfg, err := awsclient.Environment(ctx)
	if err != nil {
		return nil, err
	}
	return stored.Reader{AWS: cfg}.Parameters(ctx, path)
}
