package assess

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/kubeconfig"
)

// throughEKS reaches API servers as the deployed agent does, with the person's
// own identity.
func throughEKS(cfg aws.Config) func(context.Context, string) (*kube.Client, error) {
	api, presigner := eks.NewFromConfig(cfg), sts.NewPresignClient(sts.NewFromConfig(cfg))
	return func(ctx context.Context, cluster string) (*kube.Client, error) {
		return kube.Connect(ctx, api, presigner, cluster, kubeconfig.Limits())
	}
}

// runningInEKS returns the version of a cluster. Mistakes of a person become
// errors that name the flag.
func runningInEKS(ctx context.Context, cfg aws.Config, cluster string) (upgrade.Version, error) {
	if cfg.Region == "" {
		return upgrade.Version{}, invalid("--region", "is missing, and neither AWS_REGION nor the profile has one", "give the cluster's region, such as eu-west-1")
	}
	api := eks.NewFromConfig(cfg)
	out, err := api.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &cluster})
	switch {
	case awserr.Is(err, "ResourceNotFoundException"):
		return upgrade.Version{}, invalid("--cluster", fmt.Sprintf("EKS has no cluster %q in %s", cluster, cfg.Region), others(ctx, api))
	case err != nil:
		return upgrade.Version{}, awsError(awserr.Wrap("describe cluster "+cluster+" in "+cfg.Region, err))
	case out.Cluster == nil || out.Cluster.Version == nil:
		return upgrade.Version{}, upgrade.KindKubernetesNotReady.Errorf("describe cluster "+cluster, "EKS has no version of it yet")
	}
	return upgrade.ParseVersion(*out.Cluster.Version)
}

// others says which clusters there are instead, if that may be seen.
func others(ctx context.Context, api *eks.Client) string {
	out, err := api.ListClusters(ctx, &eks.ListClustersInput{})
	switch {
	case err != nil || len(out.Clusters) == 0:
		return "correct the name, or choose another --region or --profile"
	case len(out.Clusters) > 8:
		out.Clusters = append(slices.Clone(out.Clusters[:8]), "...")
	}
	return "use one of: " + strings.Join(out.Clusters, ", ") + "; or choose another --region or --profile"
}

// awsError gives errors of logging in to AWS the remedy of a person.
func awsError(err error) error {
	own, ok := errors.AsType[*upgrade.Error](err)
	if !ok {
		return err
	}
	text := strings.ToLower(err.Error())
	switch {
	case awserr.Is(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired") || strings.Contains(text, "token has expired") || strings.Contains(text, "sso"):
		own.WithRemedy("log in again (aws sso login, or new credentials), or name another --profile")
	case strings.Contains(text, "get identity: get credentials") || strings.Contains(text, "failed to refresh cached credentials") || strings.Contains(text, "failed to retrieve credentials"):
		own.WithRemedy("log in to AWS, or name a profile by --profile")
	case strings.Contains(text, "shared config profile"):
		return invalid("--profile", own.Error(), "use one of: aws configure list-profiles")
	case own.Kind == upgrade.KindAWSUnanswered:
		own.WithRemedy("check --region and the network")
	case own.Kind == upgrade.KindAWSDenied:
		own.WithRemedy("allow eks:DescribeCluster, or name another --profile; docs/assess.md has the policy that assess needs")
	}
	return err
}

// serves returns the version of the API server behind a kubeconfig.
func serves(ctx context.Context, c kubeconfig.Connection) (upgrade.Version, error) {
	client, err := c.Connect(ctx, "")
	if err != nil {
		return upgrade.Version{}, err
	}
	_, version, err := client.Version(ctx)
	own, ok := errors.AsType[*upgrade.Error](err)
	if !ok {
		return version, err
	}
	switch own.Kind {
	case upgrade.KindKubernetesUnauthorized:
		own.WithRemedy(fmt.Sprintf("log in again (for EKS: aws sso login), or name another %s; %s must let you in", kubeconfig.ContextFlag, c.Host()))
	case upgrade.KindKubernetesUnavailable, upgrade.KindKubernetesUnexpected:
		own.WithRemedy(fmt.Sprintf("check that %s can be reached from here (VPN, proxy, endpoint access), or name another %s", c.Host(), kubeconfig.ContextFlag))
	}
	return version, err
}

// sameCluster refuses a context that leads to another cluster of EKS than the
// one that was named: findings of two clusters would be mixed.
func sameCluster(c kubeconfig.Connection, cluster string) error {
	if cluster == "" || c.EKS.Name == "" || c.EKS.Name == cluster {
		return nil
	}
	return invalid(kubeconfig.ContextFlag, fmt.Sprintf("context %q leads to cluster %s, and --cluster names %s", c.Context, c.EKS.Name, cluster),
		"name a context of that cluster, or leave "+kubeconfig.ContextFlag+" out: its API server is then reached through EKS")
}
