package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/doctor"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// exitNotChecked is for a doctor that found nothing missing in what it could see.
const exitNotChecked = 3

type doctorFlags struct {
	settings, stack, request, fix, output string
	clusters                              []string
	all                                   bool
}

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Verify that the deployed agent has all that it needs, and say what is missing",
		Long: `Verify that the deployed agent has all that it needs, and say what is missing:
its stack, functions, state machines, tables, bucket, topic, queue, key, builds,
settings; each permission of each role, by IAM's policy simulator, and what a
role may do beyond that; its access entries in each cluster, and by reviews of
Kubernetes what its groups may do there; quotas; with --request the zone and
record that an upgrade would shift.

Nothing is changed. What may not be seen is "notChecked", with the statement that
lets it be seen; it is never ok.

Exit codes:
  0    all is well; warnings do not count
  1    something is missing: an upgrade would fail
  2    bad input
  3    nothing is missing, but not everything could be checked
  130  interrupted`,
		Example: `  eks-upgrade doctor
  eks-upgrade doctor --cluster shop --request request.yaml
  eks-upgrade doctor --cluster shop --fix-manifest missing.yaml || kubectl apply -f missing.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), f) },
	}
	addSettingsFlag(c, &f.settings)
	c.Flags().StringSliceVar(&f.clusters, "cluster", nil, "EKS clusters to look into (default: all that the settings allow)")
	c.Flags().StringVar(&f.request, "request", "", "file with a request: its zone and record are checked too")
	c.Flags().StringVar(&f.fix, "fix-manifest", "", "write the Kubernetes permissions that a cluster lacks to this file")
	c.Flags().StringVar(&f.stack, "stack", access.Stack, "name of the CloudFormation stack")
	c.Flags().BoolVar(&f.all, "all", false, "show what is well too")
	addOutputFlag(c, &f.output)
	return c
}

func (a *app) doctor(ctx context.Context, f doctorFlags) error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	for _, cluster := range f.clusters {
		if err := upgrade.CheckCluster("--cluster", cluster); err != nil {
			return err
		}
	}
	names, err := namesOf(f.settings)
	if err != nil {
		return err
	}
	o := doctor.Options{Names: names, Stack: f.stack, Clusters: f.clusters}
	if f.request != "" {
		data, err := a.readInput([]string{f.request})
		if err != nil {
			return err
		}
		if o.Request, err = upgrade.DecodeRequest(data); err != nil {
			return err
		}
	}
	a.started = true
	if o.AWS, err = a.aws(ctx); err != nil {
		return err
	}
	o.AWS.Region = names.Region
	tokens, api := sts.NewPresignClient(sts.NewFromConfig(o.AWS)), eks.NewFromConfig(o.AWS)
	o.Connect = func(ctx context.Context, cluster string) (doctor.Cluster, error) {
		return kube.Connect(ctx, api, tokens, cluster, kube.Limits{QPS: 50, Burst: 100, Timeout: 15 * time.Second})
	}
	report, err := doctor.Run(ctx, o)
	if err != nil {
		return err
	}
	if err := a.show(f.output, report, func(w io.Writer) error { return printReport(w, report, f.all) }); err != nil {
		return err
	}
	if err := writeFix(f.fix, report.Manifests); err != nil {
		return err
	}
	switch {
	case report.Count(doctor.Missing) > 0:
		return exitCode(exitFailed)
	case report.Count(doctor.NotChecked) > 0:
		return exitCode(exitNotChecked)
	}
	return nil
}

// printReport prints a line for each finding with its remedy below it, and the
// manifests that would mend the clusters.
func printReport(w io.Writer, r doctor.Report, all bool) error {
	var rows [][]string
	for _, f := range r.Findings {
		if f.Status == doctor.OK && !all {
			continue
		}
		text := f.Detail
		if f.Remedy != "" {
			text += "\n→ " + f.Remedy
		}
		for i, line := range strings.Split(text, "\n") {
			if i == 0 {
				rows = append(rows, []string{string(f.Status), f.Area, f.What, line})
				continue
			}
			rows = append(rows, []string{"", "", "", line})
		}
	}
	if len(rows) > 0 {
		if err := printTable(w, []string{"STATUS", "AREA", "WHAT", "DETAIL"}, rows); err != nil {
			return err
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(r.Manifests)) {
		if _, err := fmt.Fprintf(w, "\n# What cluster %s lacks:\n%s", cluster, r.Manifests[cluster]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d ok, %d missing, %d not checked, %d warnings\n", r.Count(doctor.OK), r.Count(doctor.Missing), r.Count(doctor.NotChecked), r.Count(doctor.Warning))
	return err
}

// writeFix writes the manifest that mends a cluster. Clusters lack different
// things: one file cannot be for two of them.
func writeFix(file string, manifests map[string]string) error {
	switch {
	case file == "" || len(manifests) == 0:
		return nil
	case len(manifests) > 1:
		return usage("--fix-manifest", fmt.Sprintf("%d clusters lack something", len(manifests)), "name one of them by --cluster: "+strings.Join(slices.Sorted(maps.Keys(manifests)), ", "))
	}
	for _, text := range manifests {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return usage("--fix-manifest", err.Error(), "name a file that can be written")
		}
	}
	return nil
}
