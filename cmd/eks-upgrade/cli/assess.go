package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess/render"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	wireassess "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/kubeconfig"
)

// Exit codes of an assessment beside the common ones.
const (
	exitJudgement = 4 // a person has to judge findings
	exitBlocked   = 5 // something blocks the upgrade
)

// Formats beside table and JSON.
const (
	outputSARIF = "sarif"
	outputJUnit = "junit"
	outputHTML  = "html"
)

type assessFlags struct {
	kubeconfig, context      string
	cluster, region, profile string
	manifests                []string
	rules, grant, grantUser  string
	target, strategy, green  string
	offline, prove, all      bool
	output, outputFile       string
	failOn                   string
	checks, skip, namespaces []string
}

func (a *app) assessCommand() *cobra.Command {
	var f assessFlags
	c := &cobra.Command{
		Use:   "assess",
		Short: "Say what an upgrade of a cluster would break; no deployment needed",
		Long: `Say what an upgrade of a cluster would break. Nothing is deployed and nothing is
changed: it reads, checks and reports, with your own permissions.

What is looked at:
  (nothing named)      the cluster of the kubeconfig's current context
  --context NAME       another context; --kubeconfig FILE: another file
  --cluster NAME       an EKS cluster: AWS is asked, too, and its API server is
                       reached through EKS, or by the kubeconfig when you name one
  --manifests DIR      files (repeatable; "-": standard input): alone, or beside a
                       cluster as the place where its objects come from

What may not be seen is "not checked": it is named, and never a pass. All checks:
eks-upgrade checks. Permissions, CI and examples: docs/assess.md.

Exit codes:
  0    go: nothing serious was found
  1    the assessment could not be carried out
  2    bad input: one line on stderr says which, and what to do
  4    findings need a person's judgement, or something could not be checked
  5    something blocks the upgrade
  130  it was interrupted
--fail-on chooses what yields 4 and 5: never; blocks (5 only); serious (the
default); any (4 for every finding).`,
		Example: `  eks-upgrade assess
  eks-upgrade assess --cluster shop --region eu-west-1 --target 1.35
  eks-upgrade assess --manifests deploy/ --target 1.35 -o sarif --output-file assess.sarif
  helm template ./chart | eks-upgrade assess --manifests - --target 1.35
  eks-upgrade assess --cluster shop -o html --output-file report.html`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.assess(c, f) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file (default: KUBECONFIG, or ~/.kube/config)")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig (default: the current one)")
	flags.StringVar(&f.cluster, "cluster", "", "EKS cluster: AWS is looked at, too")
	flags.StringVar(&f.region, "region", "", "region of the EKS cluster (default: as the AWS CLI finds it)")
	flags.StringVar(&f.profile, "profile", "", "profile of the AWS CLI")
	flags.StringArrayVar(&f.manifests, "manifests", nil, `folder or file with manifests, "-" for standard input (repeatable)`)
	flags.StringVar(&f.target, "target", "", "version to assess for (default: the minor after the one that runs)")
	flags.StringVar(&f.strategy, "strategy", string(upgrade.InPlace), "how it would be upgraded: inPlace, blueGreen")
	flags.StringVar(&f.green, "green", "", "name of the second cluster of blueGreen (default: <cluster>-green)")
	flags.BoolVar(&f.prove, "prove", false, "try every manifest on an API server of the target version on this machine")
	flags.BoolVar(&f.offline, "offline", false, "read the release notes that come with this program")
	flags.StringVar(&f.rules, "rules", "", "file with your own APIs and suppressions (docs/rules.example.yaml)")
	flags.StringSliceVar(&f.checks, "check", nil, "make only these checks (repeatable)")
	flags.StringSliceVar(&f.skip, "skip", nil, "leave these checks out (repeatable)")
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "only findings of these namespaces, and of what has none (repeatable)")
	flags.StringVarP(&f.output, "output", "o", outputTable, "table, json, sarif, junit, html")
	flags.StringVar(&f.outputFile, "output-file", "", "write the output to this file")
	flags.StringVar(&f.grant, "grant", "", "write the Kubernetes permissions that were refused to this file, as a manifest")
	flags.StringVar(&f.grantUser, "grant-user", "", "user who gets them (default: the group of the agent's readers)")
	flags.StringVar(&f.failOn, "fail-on", string(assess.FailSerious), "what yields the exit codes 4 and 5: never, blocks, serious, any")
	flags.BoolVar(&f.all, "all", false, "show every finding in the table")
	return c
}

func (a *app) assess(c *cobra.Command, f assessFlags) error {
	in, err := a.assessInput(c, f)
	if err != nil {
		return err
	}
	selection := assess.Selection{Checks: f.checks, Skip: f.skip, Namespaces: f.namespaces}
	if err := selection.Validate(); err != nil {
		return err
	}
	if err := checkOutputFile(f.outputFile); err != nil {
		return err
	}
	a.started = true
	ctx := c.Context()
	closeLog := discardKubernetesLog()
	defer closeLog()
	options, err := wireassess.Prepare(ctx, in)
	if err != nil {
		return err
	}
	options.Select, options.Tool = selection, assess.Tool{Name: "eks-upgrade", Version: buildVersion()}
	view := newLooking(a.stderr, a.terminal(a.stderr), options)
	options.Progress = view.progress
	document, err := assess.Run(ctx, options)
	view.close()
	if err != nil {
		return err
	}
	if err := a.writeAssessment(document, f); err != nil {
		return err
	}
	if err := a.writeGrant(document, f); err != nil {
		return err
	}
	a.hint(in, document)
	return verdict(document, assess.FailOn(f.failOn))
}

// verdict is the exit code of an assessment.
func verdict(d assess.Document, failOn assess.FailOn) error {
	code := exitOK
	for _, finding := range d.Findings {
		switch {
		case !failOn.Fails(finding):
		case finding.Blocks:
			return exitCode(exitBlocked)
		default:
			code = exitJudgement
		}
	}
	if code == exitOK {
		return nil
	}
	return exitCode(code)
}

// assessInput checks the flags.
func (a *app) assessInput(c *cobra.Command, f assessFlags) (wireassess.Input, error) {
	in := wireassess.Input{Kubeconfig: kubeconfig.Selection{File: f.kubeconfig, Context: f.context}, Cluster: f.cluster, Manifests: f.manifests, Stdin: a.stdin,
		Strategy: upgrade.Strategy(f.strategy), Green: f.green, Prove: f.prove, Clock: a.clock}
	in.AWS = func(ctx context.Context) (aws.Config, error) { return a.awsOf(ctx, f.profile, f.region) }
	named := f.kubeconfig != "" || f.context != ""
	in.UseKubeconfig = named || f.cluster == "" && len(f.manifests) == 0
	set := c.Flags().Changed
	switch {
	case !slices.Contains([]string{outputTable, outputJSON, outputSARIF, outputJUnit, outputHTML}, f.output):
		return in, usage("--output", fmt.Sprintf("%q is not known", f.output), "use one of: table, json, sarif, junit, html")
	case !slices.Contains(assess.FailOns(), assess.FailOn(f.failOn)):
		return in, usage("--fail-on", fmt.Sprintf("%q is not known", f.failOn), "use one of: never, blocks, serious, any")
	case in.Strategy != upgrade.InPlace && in.Strategy != upgrade.BlueGreen:
		return in, usage("--strategy", fmt.Sprintf("%q is not known", f.strategy), "use one of: inPlace, blueGreen")
	case f.green != "" && in.Strategy != upgrade.BlueGreen:
		return in, usage("--green", "names a second cluster, and an upgrade in place has none", "add --strategy blueGreen, or leave it out")
	case set("cluster") && f.cluster == "":
		return in, usage("--cluster", "is empty", "give the name of the cluster, or leave the flag out")
	case f.cluster == "" && (f.region != "" || f.profile != ""):
		return in, usage("--region, --profile", "say where AWS is asked, and no EKS cluster is named", "add --cluster, or leave them out")
	case f.grantUser != "" && f.grant == "":
		return in, usage("--grant-user", "says who gets permissions, and no file for them is named", "add --grant FILE, or leave it out")
	case f.all && f.output != outputTable:
		return in, usage("--all", "is for the table; the other formats have every finding", "leave it out")
	}
	for _, m := range f.manifests {
		if m == "" {
			return in, usage("--manifests", "is empty", `name a folder or file, or "-"`)
		}
	}
	if f.cluster != "" {
		if err := upgrade.CheckCluster("--cluster", f.cluster); err != nil {
			return in, err
		}
	}
	if f.green != "" {
		if err := upgrade.CheckCluster("--green", f.green); err != nil {
			return in, err
		}
		if f.green == f.cluster {
			return in, usage("--green", "is the cluster that is assessed", "name the second cluster, or leave it out")
		}
	}
	if f.target != "" {
		var err error
		if in.Target, err = upgrade.ParseVersion(f.target); err != nil {
			return in, usage("--target", fmt.Sprintf("%q is not a Kubernetes version", f.target), `write it as major.minor, for example "1.35"`)
		}
	}
	if in.Strategy == upgrade.BlueGreen && f.green == "" && f.cluster != "" {
		in.Green = f.cluster + "-green"
	}
	if f.rules != "" {
		var err error
		if in.Rules, err = readRules(f.rules); err != nil {
			return in, err
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		in.NotesCache = releasenotes.Folder(filepath.Join(cache, "eks-upgrade-agent", "release-notes"))
	}
	settings, _ := config.Read(c.Context(), config.Sources{Environ: os.Environ(), Partial: true})
	in.Notes = settings.ReleaseNotes
	if f.offline {
		in.Notes.URL = config.Bundled
	}
	return in, nil
}

// readRules reads a rules file; its errors name the place in it.
func readRules(file string) (rules.Set, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rules.Set{}, usage("--rules", fmt.Sprintf("there is no file %s", file), "docs/rules.example.yaml is a commented sample")
	case err == nil && info.Size() > rules.MaxSize:
		return rules.Set{}, usage("--rules", fmt.Sprintf("%s has %d bytes, more than %d", file, info.Size(), rules.MaxSize), "split it, or remove what is not needed")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return rules.Set{}, usage("--rules", err.Error(), "name a file that can be read")
	}
	set, err := rules.Parse(data)
	if err != nil {
		return set, fmt.Errorf("--rules %s: %w", file, err)
	}
	var ids []string
	for _, r := range assess.Catalogue() {
		ids = append(ids, r.ID)
	}
	if err := set.Unknown(ids); err != nil {
		return set, fmt.Errorf("--rules %s: %w", file, err)
	}
	return set, nil
}

// checkOutputFile finds out before the look whether the file can be written.
func checkOutputFile(file string) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return usage("--output-file", file+" is a folder", "name a file, such as "+filepath.Join(file, "assess.html"))
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return usage("--output-file", fmt.Sprintf("there is no folder %s", filepath.Dir(file)), "make it, or name another file")
	}
	return nil
}

// writeAssessment writes to the file, whole or not at all, or to standard
// output.
func (a *app) writeAssessment(d assess.Document, f assessFlags) error {
	var out bytes.Buffer
	var to io.Writer = a.stdout
	if f.outputFile != "" {
		to = nil
	}
	var err error
	switch f.output {
	case outputJSON:
		err = render.JSON(&out, d)
	case outputSARIF:
		err = render.SARIF(&out, d, assess.Catalogue())
	case outputJUnit:
		err = render.JUnit(&out, d, assess.FailOn(f.failOn))
	case outputHTML:
		err = render.HTML(&out, d)
	default:
		style := render.Style{All: f.all}
		if to != nil {
			style = a.style(to, f.all)
		}
		err = render.Table(&out, d, style)
	}
	if err != nil {
		return err
	}
	if to != nil {
		_, err = to.Write(out.Bytes())
		return err
	}
	if err := os.WriteFile(f.outputFile, out.Bytes(), 0o644); err != nil {
		return usage("--output-file", err.Error(), "name a file that can be written")
	}
	fmt.Fprintf(a.stderr, "%s, %d findings: written to %s\n", d.Decision, d.Counts.Findings, f.outputFile)
	return nil
}

// writeGrant writes the manifest that grants what was refused.
func (a *app) writeGrant(d assess.Document, f assessFlags) error {
	if f.grant == "" {
		return nil
	}
	var missing []upgrade.NotChecked
	for _, n := range d.NotChecked {
		missing = append(missing, n.NotChecked)
	}
	role, refused := access.Granting(missing, access.Readers, f.grantUser)
	unread := slices.ContainsFunc(d.Sources, func(s assess.SourceReport) bool {
		return s.Source == upgrade.SourceKubernetes && s.Status == assess.Unread
	})
	if !refused && unread {
		fmt.Fprintf(a.stderr, "nothing was seen of Kubernetes, so that %s was not written; if nothing may be listed, begin with docs/rbac.yaml\n", f.grant)
		return nil
	}
	if !refused {
		fmt.Fprintln(a.stderr, "no Kubernetes permission was refused: there is nothing to grant")
		return nil
	}
	if err := os.WriteFile(f.grant, []byte(access.Render([]access.ClusterRole{role})), 0o600); err != nil {
		return usage("--grant", err.Error(), "name a file that can be written")
	}
	fmt.Fprintf(a.stderr, "what was refused: kubectl apply -f %s\n", f.grant)
	return nil
}

// hint says what else could be looked at.
func (a *app) hint(in wireassess.Input, d assess.Document) {
	if !in.UseKubeconfig || in.Cluster != "" {
		return
	}
	connection, err := kubeconfig.Load(in.Kubeconfig)
	if err != nil || connection.EKS.Name == "" {
		return
	}
	more := "--cluster " + connection.EKS.Name
	if connection.EKS.Region != "" {
		more += " --region " + connection.EKS.Region
	}
	if connection.EKS.Profile != "" {
		more += " --profile " + connection.EKS.Profile
	}
	fmt.Fprintf(a.stderr, "AWS was not looked at; this cluster is in EKS: add %s\n", more)
}

// style is how text for people is set on w.
func (a *app) style(w io.Writer, all bool) render.Style {
	s := render.Style{All: all}
	if file, ok := w.(interface{ Fd() uintptr }); ok && a.terminal(w) {
		s.Colour = true
		if width, _, err := term.GetSize(file.Fd()); err == nil {
			s.Width = width
		}
	}
	return s
}
