package cluster

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// stages are KWOK's own, see stages/README.md.
//
//go:embed stages/*.yaml
var stages embed.FS

func (f *Fleet) startKWOK(i *instance) error {
	config, err := stageConfig(i.unready)
	if err != nil {
		return err
	}
	file := filepath.Join(i.dir, "kwok.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	i.kwok, err = f.start("kwok of "+i.name, f.options.Assets.KWOK, i.kwokArgs(file),
		controlplane.Environment(), i.logFile("kwok"))
	return err
}

// SetPodsUnready makes pods that are created from now on in the namespaces stay
// Pending with an image that cannot be pulled, until it is called with none. "*"
// stands for all namespaces. Pods that run already go on.
func (f *Fleet) SetPodsUnready(ctx context.Context, name string, namespaces ...string) error {
	c, err := f.existing(name)
	if err != nil {
		return err
	}
	defer c.Unlock()
	i := c.instance
	client, _, disconnect, err := connect(i.adminConfig())
	if err != nil {
		return err
	}
	defer disconnect()
	if err := f.stopProcess(&i.kwok); err != nil {
		return err
	}
	// The next KWOK would wait until the leases of this one have run out.
	err = controlplane.Retry(ctx, "deleting node leases", func(ctx context.Context) error {
		return client.Resource(leases).Namespace(corev1.NamespaceNodeLease).
			DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	})
	if err == nil {
		i.unready = namespaces
	}
	return errors.Join(err, f.startKWOK(i))
}

// stageConfig returns KWOK's configuration: the embedded stages, with pod-ready
// and pod-unready each bound to its namespaces.
func stageConfig(unready []string) (string, error) {
	files, err := fs.Glob(stages, "stages/*.yaml")
	if err != nil {
		return "", err
	}
	all := slices.Contains(unready, "*")
	var documents []string
	for _, file := range files {
		text, err := stages.ReadFile(file)
		if err != nil {
			return "", err
		}
		stage := string(text)
		switch filepath.Base(file) {
		case "pod-ready.yaml":
			if all {
				continue
			}
			stage = boundTo(stage, "NotIn", unready)
		case "pod-unready.yaml":
			if len(unready) == 0 {
				continue
			}
			if !all {
				stage = boundTo(stage, "In", unready)
			}
		}
		documents = append(documents, stage)
	}
	return strings.Join(documents, "---\n"), nil
}

func boundTo(stage, operator string, namespaces []string) string {
	if len(namespaces) == 0 {
		return stage
	}
	const before = "    matchExpressions:\n"
	return strings.Replace(stage, before, before+"    - key: '.metadata.namespace'\n      operator: '"+operator+
		"'\n      values: ['"+strings.Join(namespaces, "', '")+"']\n", 1)
}
