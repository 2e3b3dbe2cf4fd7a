// Package assess wires an assessment without a deployment: it finds out which
// cluster is meant and what it runs, and makes the collectors.
package assess

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/kubeconfig"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/perceive"
)

// Input says what is assessed. Neither Cluster nor UseKubeconfig: manifests only.
type Input struct {
	UseKubeconfig bool
	Kubeconfig    kubeconfig.Selection
	Cluster       string                                    // of EKS; empty: AWS is not asked
	AWS           func(context.Context) (aws.Config, error) // with the region and the profile that were chosen
	Manifests     []string                                  // files and folders; "-": Stdin
	Stdin         io.Reader
	Target        upgrade.Version // zero: the minor after the one that runs
	Strategy      upgrade.Strategy
	Green         string
	Notes         config.ReleaseNotes
	NotesCache    releasenotes.Cache
	Rules         rules.Set
	Prove         bool
	Clock         clock.Clock
}

// Prepare reads the manifests, reaches the cluster and returns what Run needs.
// Mistakes in the input are InvalidRequests that name the flag.
func Prepare(ctx context.Context, in Input) (assess.Options, error) {
	o := assess.Options{Clock: in.Clock, Collectors: map[upgrade.Source]perception.Collector{}}
	o.Request = upgrade.Request{Cluster: in.Cluster, Target: in.Target, Strategy: in.Strategy, Green: in.Green}
	table := lifecycle.All().With(in.Rules.APIs)
	o.Rules = in.Rules
	files, err := readManifests(in.Manifests, in.Stdin)
	if err != nil {
		return o, err
	}
	var from upgrade.Version
	var connect func(context.Context, string) (*kube.Client, error)
	if in.Cluster != "" {
		cfg, err := in.AWS(ctx)
		if err != nil {
			return o, awsError(err)
		}
		if from, err = runningInEKS(ctx, cfg, in.Cluster); err != nil {
			return o, err
		}
		o.Collectors[upgrade.SourceAWS] = perceive.AWS(cfg, in.Clock)
		connect = throughEKS(cfg)
	}
	if in.UseKubeconfig {
		connection, err := kubeconfig.Load(in.Kubeconfig)
		if err != nil {
			return o, err
		}
		if err := sameCluster(connection, in.Cluster); err != nil {
			return o, err
		}
		if o.Request.Cluster == "" {
			o.Request.Cluster = connection.Cluster
			if from, err = serves(ctx, connection); err != nil {
				return o, err
			}
		}
		connect = connection.Connect
	}
	if o.Request.Target, err = target(in.Target, from); err != nil {
		return o, err
	}
	if connect != nil {
		o.Collectors[upgrade.SourceKubernetes] = &kubestate.Collector{Connect: connect, Table: table, Newest: lifecycle.Newest()}
	}
	notes := &releasenotes.Collector{Client: releasenotes.NewClient(in.Notes.Timeout.D()), URL: in.Notes.URL, EKSURL: in.Notes.EKSURL, Token: in.Notes.Token.Reveal(),
		Offline: in.Notes.URL == config.Bundled, Cache: in.NotesCache, Clock: in.Clock}
	if none := (upgrade.Version{}); from != none {
		notes.Version = func(context.Context, string) (upgrade.Version, error) { return from, nil }
	}
	o.Collectors[upgrade.SourceReleaseNotes] = notes
	if in.Prove {
		o.Collectors[upgrade.SourceScanners] = &prover{connect: connect, manifests: files.manifests, from: from}
	}
	files.into(&o, in.Manifests, table)
	return o, nil
}

// target is the version to assess for: the next minor, unless one is named.
func target(named, from upgrade.Version) (upgrade.Version, error) {
	switch none := (upgrade.Version{}); {
	case named == none && from == none:
		return named, invalid("--target", "is needed with manifests only", `give the version to assess for, such as "1.35"`)
	case named == none:
		return from.Next(), nil
	case from != none && named.Compare(from) <= 0:
		return named, invalid("--target", fmt.Sprintf("%s is not newer than the cluster's version %s", named, from), fmt.Sprintf("give %s, or leave it out", from.Next()))
	}
	return named, nil
}

func invalid(flag, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("", flag, message, remedy)
}
