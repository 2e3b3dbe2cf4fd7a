package kubestate

import (
	"context"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// proxyConfigs are where the configuration of kube-proxy stands: of the EKS
// add-on, and of kubeadm and kops. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/managing-kube-proxy.html
var proxyConfigs = []struct{ name, key string }{{"kube-proxy-config", "config"}, {"kube-proxy", "config.conf"}}

// kubeProxy reads the configuration of kube-proxy. A cluster of Auto Mode nodes
// only has none.
func kubeProxy(ctx context.Context, client *kube.Client) (*upgrade.KubeProxy, error) {
	for _, at := range proxyConfigs {
		data, err := client.ConfigMap(ctx, upgrade.ObjectName{Namespace: "kube-system", Name: at.name})
		switch {
		case upgrade.CodeOf(err) == upgrade.CodeNotFound:
			continue
		case err != nil:
			return nil, err
		case data[at.key] != "":
			return readProxy(data[at.key]), nil
		}
	}
	return &upgrade.KubeProxy{}, nil
}

// readProxy reads a KubeProxyConfiguration. Source:
// https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/
func readProxy(text string) *upgrade.KubeProxy {
	var config map[string]any
	if len(text) > maxObjects || yaml.Unmarshal([]byte(text), &config) != nil {
		return &upgrade.KubeProxy{Config: upgrade.NodeConfig{Unread: "the configuration of kube-proxy is no YAML"}}
	}
	out := &upgrade.KubeProxy{}
	out.Mode, _ = config["mode"].(string)
	gates, _ := config["featureGates"].(map[string]any)
	for gate, value := range gates {
		if on, ok := value.(bool); ok {
			if out.Config.FeatureGates == nil {
				out.Config.FeatureGates = map[string]bool{}
			}
			out.Config.FeatureGates[gate] = on
		}
	}
	delete(config, "apiVersion")
	delete(config, "kind")
	out.Config.KubeletKeys = slices.Sorted(maps.Keys(config))
	return out
}

// addProxyFlags adds the flags of the DaemonSet; they count more than the file.
func addProxyFlags(p *upgrade.KubeProxy, workloads []upgrade.Workload) {
	if p == nil {
		return
	}
	for _, w := range workloads {
		if w.Object.Kind != "DaemonSet" || w.Object.Namespace != "kube-system" || w.Object.Name != "kube-proxy" {
			continue
		}
		for _, c := range w.Template.Containers {
			for _, flag := range c.Flags {
				p.Config.KubeletFlags = append(p.Config.KubeletFlags, flag)
				if mode, ok := strings.CutPrefix(flag, "--proxy-mode="); ok {
					p.Mode = mode
				}
			}
		}
	}
}
