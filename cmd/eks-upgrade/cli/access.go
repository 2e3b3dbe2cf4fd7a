package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const settingsFile = "deploy.yaml"

// addSettingsFlag adds --settings to a command that needs to know where the
// agent is deployed.
func addSettingsFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "settings", settingsFile, "settings of the deployment")
}

// namesOf reads where the agent is deployed and what it may touch.
func namesOf(file string) (access.Names, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return access.Names{}, usage("--settings", fmt.Sprintf("there is no file %s", file), "name the settings that the agent was deployed with; docs/deploy.example.yaml is a commented sample")
	}
	settings, err := deploy.Load(file, nil)
	if err != nil {
		return access.Names{}, err
	}
	n := settings.Names(partitionOf(settings.Region))
	n.VPC = settings.VPC.Inside()
	return n, nil
}

// partitionOf returns the partition of a region. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

const (
	outputCommands = "commands"
	outputManifest = "manifest"
)

func (a *app) accessCommand() *cobra.Command {
	var settings, cluster, output string
	var green bool
	c := &cobra.Command{
		Use:   "access",
		Short: "Print what lets the agent into a cluster",
		Long: `Print what lets the agent into a cluster: the commands that make its access
entries, the manifest of its Kubernetes permissions, or both as JSON. Nothing is
changed, and AWS is not asked.

  eks-upgrade access --cluster shop                                  # commands of the AWS CLI
  eks-upgrade access --output manifest | kubectl apply -f -          # the RBAC; it is the same for all clusters

Green clusters need neither: the build that makes one lets the agent in. With
--green the manifest is for a green cluster that you made yourself.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if output == outputManifest {
				a.started = true
				_, err := io.WriteString(a.stdout, access.Manifest(green))
				return err
			}
			if output != outputCommands && output != outputJSON {
				return usage("--output", fmt.Sprintf("%q is not known", output), "use one of: commands, manifest, json")
			}
			names, err := namesOf(settings)
			if err != nil {
				return err
			}
			clusters, err := clustersOf(cluster, names)
			if err != nil {
				return err
			}
			a.started = true
			return a.printAccess(names, clusters, output, green)
		},
	}
	addSettingsFlag(c, &settings)
	c.Flags().StringVar(&cluster, "cluster", "", "name of the EKS cluster (default: those of the settings that have no *)")
	c.Flags().StringVarP(&output, "output", "o", outputCommands, "commands; manifest; json: for machines")
	c.Flags().BoolVar(&green, "green", false, "the manifest is for a green cluster that is to be filled")
	return c
}

// clustersOf returns the cluster that was named, or all that the settings name.
func clustersOf(cluster string, names access.Names) ([]string, error) {
	if cluster != "" {
		return []string{cluster}, upgrade.CheckCluster("--cluster", cluster) // it becomes part of commands for a shell
	}
	all := slices.DeleteFunc(slices.Clone(names.Clusters), func(c string) bool { return strings.Contains(c, "*") })
	if len(all) == 0 {
		return nil, usage("--cluster", "is missing, and the settings name patterns only", "name the cluster")
	}
	return all, nil
}

// accessJSON is what lets the agent into a cluster.
type accessJSON struct {
	Cluster string           `json:"cluster"`
	Entries []entryJSON      `json:"accessEntries"`
	Objects []map[string]any `json:"objects"` // of Kubernetes
}

type entryJSON struct {
	PrincipalARN string       `json:"principalArn"`
	Type         string       `json:"type"`
	Group        access.Group `json:"kubernetesGroup"`
}

func (a *app) printAccess(names access.Names, clusters []string, output string, green bool) error {
	all := []accessJSON{}
	for _, cluster := range clusters {
		one := accessJSON{Cluster: cluster, Objects: access.Objects(green)}
		for _, e := range access.Entries() {
			one.Entries = append(one.Entries, entryJSON{names.Role(e.Role), "STANDARD", e.Group})
		}
		all = append(all, one)
	}
	return a.show(output, all, func(w io.Writer) error {
		for _, cluster := range clusters {
			if _, err := fmt.Fprintf(w, "# cluster %s\n%s\n", cluster, strings.Join(access.Commands(names, cluster), "\n")); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "# and in each cluster, once:\n#   eks-upgrade access --output manifest | kubectl apply -f -\n")
		return err
	})
}
