package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	yamlfiles "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/proof"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/kubeconfig"
)

// exitRejected is for a proof that found something that is not taken as it is.
const exitRejected = 4

type proveFlags struct {
	cluster, target, against, programs, output string
	kubeconfig                                 kubeconfig.Selection
	manifests                                  []string
	rollback, helm                             bool
}

func (a *app) proveCommand() *cobra.Command {
	var f proveFlags
	c := &cobra.Command{
		Use:   "prove",
		Short: "Try every manifest on a real API server of the target version",
		Long: `Try every manifest on a real API server of the target version: the objects of a
cluster, and with --manifests those of files. The API server runs on this machine,
with the definitions and namespaces of the cluster, as long as the proof does;
manifests are dry runs, and the cluster is only read.

What the target rejects, prunes or warns about, and the version that runs does
not, is told in the server's own words. Secrets and ConfigMaps are never read, but
for releases of Helm with --helm.

Without --cluster, --kubeconfig, --context and --manifests it is the cluster of the
current context. With only --manifests no cluster is read.

Exit codes:
  0    the target takes all as it is; warnings do not count
  1    the proof could not be carried out
  2    bad input
  3    nothing is rejected or pruned, but not everything could be tried
  4    something is rejected or pruned
  130  interrupted`,
		Example: `  eks-upgrade prove --target 1.36
  eks-upgrade prove --cluster shop --target 1.36 --output json
  eks-upgrade prove --manifests ./deploy --target 1.36 --against 1.35
  eks-upgrade prove --rollback        # what the version before would lose`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.prove(c.Context(), f) },
	}
	c.Flags().StringVar(&f.cluster, "cluster", "", "EKS cluster whose objects are tried")
	c.Flags().StringVar(&f.kubeconfig.File, "kubeconfig", "", "kubeconfig of the cluster (default: KUBECONFIG, ~/.kube/config)")
	c.Flags().StringVar(&f.kubeconfig.Context, "context", "", "context of the kubeconfig (default: the current one)")
	c.Flags().StringSliceVar(&f.manifests, "manifests", nil, "files or folders with manifests to try, too")
	c.Flags().StringVar(&f.target, "target", "", "version to try them on, such as 1.36 (with --rollback: default the one before the cluster's)")
	c.Flags().StringVar(&f.against, "against", "", "version to compare with (default: the cluster's; without a cluster none)")
	c.Flags().BoolVar(&f.helm, "helm", false, "try the manifests of deployed Helm releases, too: reads Secrets of type helm.sh/release.v1, of which values are not decoded")
	c.Flags().BoolVar(&f.rollback, "rollback", false, "try what a return to the version before would lose")
	c.Flags().StringVar(&f.programs, "control-plane", "", "program of make control-plane, or folder with kube-apiserver and etcd (default: "+controlplane.PathVariable+", KUBEBUILDER_ASSETS, or where it was built)")
	addOutputFlag(c, &f.output)
	return c
}

func (a *app) prove(ctx context.Context, f proveFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	a.started = true
	client, err := a.connectForProof(ctx, f)
	if err != nil {
		return err
	}
	var p upgrade.Proof
	began := a.clock.Now()
	switch {
	case client == nil:
		p, err = proof.Run(ctx, o)
	case f.rollback && f.target == "":
		_, version, versionErr := client.Version(ctx)
		if versionErr != nil {
			return versionErr
		}
		o.Version = upgrade.Version{Major: version.Major, Minor: version.Minor - 1}
		p, err = proof.OfCluster(ctx, client, o)
	default:
		p, err = proof.OfCluster(ctx, client, o)
	}
	if err != nil {
		return err
	}
	took := a.clock.Now().Sub(began)
	if err := a.show(f.output, p, func(w io.Writer) error { return printProof(w, p, took) }); err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(p.Results, func(r upgrade.ProofResult) bool { return r.Verdict != upgrade.ProofWarned }):
		return exitCode(exitRejected)
	case len(p.NotTried) > 0:
		return exitCode(exitNotChecked)
	}
	return nil
}

// options reads the flags; nothing is started.
func (f proveFlags) options() (proof.Options, error) {
	o := proof.Options{Helm: f.helm}
	if err := checkOutput(f.output); err != nil {
		return o, err
	}
	for flag, version := range map[string]struct {
		text string
		into *upgrade.Version
	}{"--target": {f.target, &o.Version}, "--against": {f.against, &o.Against}} {
		if version.text == "" {
			continue
		}
		v, err := upgrade.ParseVersion(version.text)
		if err != nil {
			return o, usage(flag, fmt.Sprintf("%q is no version", version.text), "give a minor version such as 1.36")
		}
		*version.into = v
	}
	switch {
	case f.target == "" && (!f.rollback || !f.reads()):
		return o, usage("--target", "is missing", "give the version to try the manifests on, such as 1.36")
	case f.cluster != "" && f.kubeconfig != (kubeconfig.Selection{}):
		return o, usage("--cluster", "is given with --kubeconfig or --context", "name the cluster in one way: by its name in EKS, or by a kubeconfig")
	case f.cluster != "":
		if err := upgrade.CheckCluster("--cluster", f.cluster); err != nil {
			return o, err
		}
	}
	var err error
	if o.Programs, err = controlplane.Find(f.programs); err != nil {
		return o, usage("--control-plane", strings.TrimPrefix(err.Error(), "controlplane: "), "see docs/proof.md")
	}
	if len(f.manifests) > 0 {
		for _, path := range f.manifests {
			if _, err := os.Stat(path); err != nil {
				return o, usage("--manifests", err.Error(), "name files or folders with Kubernetes manifests")
			}
		}
		all, err := yamlfiles.Read(f.manifests...)
		if err != nil {
			return o, usage("--manifests", strings.TrimPrefix(err.Error(), "manifests: "), "correct the file or take it out of the folder")
		}
		o.Manifests = ofFiles(all)
	}
	return o, nil
}

// reads reports whether a cluster is read.
func (f proveFlags) reads() bool {
	return f.cluster != "" || f.kubeconfig != (kubeconfig.Selection{}) || len(f.manifests) == 0
}

// ofFiles are the manifests of files.
func ofFiles(all []yamlfiles.Manifest) iter.Seq2[proof.Manifest, error] {
	return func(yield func(proof.Manifest, error) bool) {
		for _, m := range all {
			if !yield(proof.Manifest{Object: m.Object, Source: upgrade.ManifestSource{From: upgrade.FromFile, Name: fmt.Sprintf("%s, document %d", m.File, m.Document)}}, nil) {
				return
			}
		}
	}
}

// connectForProof connects to the cluster whose objects are tried; nil: none is.
func (a *app) connectForProof(ctx context.Context, f proveFlags) (*kube.Client, error) {
	switch {
	case f.cluster != "":
		settings, err := a.aws(ctx)
		if err != nil {
			return nil, err
		}
		return kube.Connect(ctx, eks.NewFromConfig(settings), sts.NewPresignClient(sts.NewFromConfig(settings)), f.cluster, kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	case !f.reads():
		return nil, nil
	}
	connection, err := kubeconfig.Load(f.kubeconfig)
	if err != nil {
		return nil, err
	}
	return kube.New(connection.Config, connection.Cluster, kubeconfig.Limits())
}

// printProof prints a line for each result; those that warn in the same words
// share one.
func printProof(w io.Writer, p upgrade.Proof, took time.Duration) error {
	var rows [][]string
	warned := map[string]int{} // row by words
	also := map[int]int{}
	for _, r := range p.Results {
		words := strings.Join(r.Words, "; ")
		if r.Verdict == upgrade.ProofPruned {
			words = "not kept: " + strings.Join(r.Fields, ", ")
		}
		if row, same := warned[words]; same && r.Verdict == upgrade.ProofWarned {
			also[row]++
			continue
		}
		if r.Verdict == upgrade.ProofWarned {
			warned[words] = len(rows)
		}
		rows = append(rows, []string{string(r.Verdict), r.Object.String(), r.Source.String(), words})
	}
	for row, n := range also {
		rows[row][1] += fmt.Sprintf(" and %d more", n)
	}
	for _, n := range p.NotTried {
		rows = append(rows, []string{"not tried", n.What, "", n.Why + " → " + n.Remedy})
	}
	if len(rows) > 0 {
		if err := printTable(w, []string{"VERDICT", "OBJECT", "SOURCE", "WHAT THE API SERVER SAYS"}, rows); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%d manifests tried on %s in %s", p.Tried, p.Version, took.Round(100*time.Millisecond))
	if p.Against != (upgrade.Version{}) {
		text += fmt.Sprintf(": %d results that %s does not give, %d alike", len(p.Results), p.Against, p.Unchanged)
	} else {
		text += fmt.Sprintf(": %d results", len(p.Results))
	}
	if p.LeftOut > 0 {
		text += fmt.Sprintf("; %d Secrets, ConfigMaps and the like left out", p.LeftOut)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
