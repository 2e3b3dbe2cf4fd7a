package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
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
  UPGRADE_ID     id of the upgrade (needed)
  STEP_ID        id of the step
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
// gives.
func provisionInAWS(ctx context.Context, location string, out io.Writer) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return upgrade.Errorf(upgrade.CodePermissionDenied, "provision", "AWS configuration: %w", err).WithRemedy("give region and credentials by the environment")
	}
	// Custom endpoints (AWS_ENDPOINT_URL) seldom have a host name for each bucket.
	pathStyle := func(o *s3.Options) { o.UsePathStyle = settings.BaseEndpoint != nil }
	api, tokens := eks.NewFromConfig(settings), sts.NewFromConfig(settings)
	maker := provision.Maker{EKS: api, STS: tokens, Presigner: sts.NewPresignClient(tokens), Limits: kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute}}
	return provision.Command{EKS: api, Kubernetes: maker, S3: s3.NewFromConfig(settings, pathStyle), Clock: clock.System{}, Getenv: os.Getenv, Out: out}.Run(ctx, location)
}
