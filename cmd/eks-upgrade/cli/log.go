package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/profile"
)

// levelVariable makes a command write its log to standard error: "debug" has a
// line for each call of AWS. Without it a command says what it has to say by
// its output.
const levelVariable = config.Prefix + "LOGGING_LEVEL"

// newRunID names one call of the program, in its log and in CloudTrail.
func newRunID() string {
	var id [6]byte
	rand.Read(id[:]) // never fails: the program ends instead
	return hex.EncodeToString(id[:])
}

// traced returns a context whose logger writes the run's id on each line.
func traced(ctx context.Context, run, level string, to io.Writer) (context.Context, error) {
	fields := logging.Fields{Run: run}
	if level == "" {
		return logging.With(ctx, *logging.From(ctx), fields), nil
	}
	log, err := logging.New(to, logging.Options{Level: level, Format: logging.JSON, Clock: clock.System{}})
	return logging.With(ctx, log, fields), err
}

// loadAWS is the AWS configuration of a command.
func (a *app) loadAWS(ctx context.Context) (aws.Config, error) {
	a.calledAWS = true
	return profile.Load(ctx)
}

// loadAWSOf is the AWS configuration of a command that lets people choose the
// profile and the region; empty ones are found as always.
func (a *app) loadAWSOf(ctx context.Context, name, region string) (aws.Config, error) {
	a.calledAWS = true
	return profile.LoadAs(ctx, name, region)
}

// showRun says which run failed, when it called AWS: the id leads to its calls.
func (a *app) showRun() {
	if a.calledAWS {
		fmt.Fprintf(a.stderr, "run: %s (the user agent of its calls in CloudTrail has %s)\n", a.runID, awsclient.AppID(a.runID))
	}
}
