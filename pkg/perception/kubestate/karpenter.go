package kubestate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/nodeconfig"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// nodePool is of karpenter.sh. Source: https://karpenter.sh/docs/concepts/nodepools/
type nodePool struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		Template struct {
			Spec struct {
				NodeClassRef struct {
					Name string `json:"name"`
				} `json:"nodeClassRef"`
				ExpireAfter string `json:"expireAfter"`
			} `json:"spec"`
		} `json:"template"`
		Disruption struct {
			ExpireAfter string `json:"expireAfter"` // v1beta1
			Budgets     []struct {
				Nodes    string   `json:"nodes"`
				Reasons  []string `json:"reasons"`
				Schedule string   `json:"schedule"`
				Duration string   `json:"duration"`
			} `json:"budgets"`
		} `json:"disruption"`
	} `json:"spec"`
}

func nodePoolIn(apiVersion string) func(*nodePool) (upgrade.KarpenterPool, bool) {
	return func(p *nodePool) (upgrade.KarpenterPool, bool) {
		out := upgrade.KarpenterPool{Object: ref(apiVersion, "NodePool", &p.ObjectMeta), NodeClass: p.Spec.Template.Spec.NodeClassRef.Name,
			ExpireAfter: or(&p.Spec.Template.Spec.ExpireAfter, p.Spec.Disruption.ExpireAfter)}
		for _, b := range p.Spec.Disruption.Budgets {
			parts := []string{b.Nodes}
			if len(b.Reasons) > 0 {
				parts = append(parts, "("+strings.Join(b.Reasons, ", ")+")")
			}
			for _, part := range []string{b.Schedule, b.Duration} {
				if part != "" {
					parts = append(parts, part)
				}
			}
			out.Budgets = append(out.Budgets, strings.Join(parts, " "))
		}
		return out, true
	}
}

// nodeClass is an EC2NodeClass of karpenter.k8s.aws, or a NodeClass of EKS Auto
// Mode. Sources: https://karpenter.sh/docs/concepts/nodeclasses/,
// https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html
type nodeClass struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		AMIFamily        string                     `json:"amiFamily"`
		AMISelectorTerms []map[string]any           `json:"amiSelectorTerms"`
		Role             string                     `json:"role"`
		InstanceProfile  string                     `json:"instanceProfile"`
		UserData         string                     `json:"userData"`
		Kubelet          map[string]json.RawMessage `json:"kubelet"`
	} `json:"spec"`
}

func nodeClassIn(apiVersion, kind string) func(*nodeClass) (upgrade.KarpenterNodeClass, bool) {
	return func(c *nodeClass) (upgrade.KarpenterNodeClass, bool) {
		out := upgrade.KarpenterNodeClass{Object: ref(apiVersion, kind, &c.ObjectMeta), AMIFamily: c.Spec.AMIFamily, Role: or(&c.Spec.Role, c.Spec.InstanceProfile)}
		for _, term := range c.Spec.AMISelectorTerms {
			var parts []string
			for _, key := range keys(term) {
				switch value := term[key].(type) {
				case string:
					parts = append(parts, key+" "+value)
				case map[string]any: // tags
					for _, tag := range keys(value) {
						if text, ok := value[tag].(string); ok {
							parts = append(parts, "tag "+tag+"="+text)
						}
					}
				}
			}
			out.AMIs = append(out.AMIs, strings.Join(parts, ", "))
		}
		if c.Spec.UserData != "" {
			out.Node = nodeconfig.Read([]byte(c.Spec.UserData))
		}
		for key := range c.Spec.Kubelet {
			if !slices.Contains(out.Node.KubeletKeys, key) {
				out.Node.KubeletKeys = append(out.Node.KubeletKeys, key)
			}
		}
		slices.Sort(out.Node.KubeletKeys)
		return out, true
	}
}

// karpenterVersion returns the version of the controller that runs, "" when
// there is none. Source of the image's name:
// https://karpenter.sh/docs/getting-started/getting-started-with-karpenter/
func karpenterVersion(workloads []upgrade.Workload) string {
	for _, w := range workloads {
		for _, c := range w.Template.Containers {
			image, _, _ := strings.Cut(c.Image, "@")
			repository, tag, _ := cutLast(image, ":")
			if strings.HasSuffix(repository, "karpenter/controller") || strings.HasSuffix(repository, "karpenter/karpenter") {
				return strings.TrimPrefix(tag, "v")
			}
		}
	}
	return ""
}
