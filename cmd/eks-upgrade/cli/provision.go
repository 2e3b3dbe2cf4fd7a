package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/profile"
)

func (a *app) provisionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "provision [FILE | s3://BUCKET/KEY]",
		Short: "Make an EKS cluster like another one (what the agent's CodeBuild project runs)",
		Long: `Make an EKS cluster like another one, at another version.

The specification is the input of a provision step, as JSON: a file, or an
object in S3. Without an argument it is s3://$SPEC_BUCKET/$SPEC_KEY.
What is there already is left as it is, so the command can be run again.

Environment:
  EXECUTION      id of the upgrade (needed)
  STEP_ID        id of the step
  CLUSTER, STEP  cluster that is upgraded and place of the step, for the log
  SPEC_SHA256    hash that the specification must have
  POLL_INTERVAL  time between two looks at what is being made (default 15s)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			location := "s3://" + os.Getenv("SPEC_BUCKET") + "/" + os.Getenv("SPEC_KEY")
			switch {
			case len(args) == 1:
				location = args[0]
			case os.Getenv("SPEC_BUCKET") == "" || os.Getenv("SPEC_KEY") == "":
				return usage("specification", "is missing", "name a file or s3://bucket/key, or set SPEC_BUCKET and SPEC_KEY")
			}
			a.started = true
			return a.provision(c.Context(), location, a.stdout)
		},
	}
}

// provisionInAWS runs with the account, region and role that the environment
// gives. In CodeBuild its lines are JSON, with the fields of the functions'
// logs.
func provisionInAWS(ctx context.Context, location string, out io.Writer) error {
	fields := logging.Fields{Execution: os.Getenv("EXECUTION"), Cluster: os.Getenv("CLUSTER"), Phase: upgrade.PhaseExecute, Step: os.Getenv("STEP"), Build: os.Getenv("CODEBUILD_BUILD_ID"),
		Run: logging.FieldsOf(ctx).Run}
	format := logging.Console
	if fields.Build != "" {
		format = logging.JSON
	}
	log, err := logging.New(out, logging.Options{Level: "info", Format: format, Clock: clock.System{}})
	if err != nil {
		return err
	}
	ctx = logging.With(ctx, log, fields)
	settings, err := profile.Load(ctx)
	if err != nil {
		return err
	}
	api, tokens := eks.NewFromConfig(settings), sts.NewFromConfig(settings)
	maker := provision.Maker{EKS: api, STS: tokens, Presigner: sts.NewPresignClient(tokens), Limits: kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute}}
	err = provision.Command{EKS: api, Kubernetes: maker, S3: awsclient.S3(settings), Clock: clock.System{}, Getenv: os.Getenv}.Run(ctx, location)
	if err != nil && fields.Build != "" {
		logging.Failed(ctx, err)
	}
	return err
}
