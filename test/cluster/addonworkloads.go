package cluster

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
)

// Workload is what an EKS add-on runs in a cluster.
type Workload struct {
	Addon, Version, Namespace string
	Values                    string // the configuration values, JSON; may be ""
	RoleARN                   string // of the service account; may be ""
}

// component is one Deployment or DaemonSet of an add-on.
type component struct {
	name, account string
	app           string // the label k8s-app; "" is the name
	replicas      int    // 0: a DaemonSet
	budget        bool
	containers    []container
}

type container struct{ name, image string } // VERSION stands for the add-on's

// registry is where EKS keeps the images of its add-ons.
const registry = "602401143452.dkr.ecr.eu-west-1.amazonaws.com/"

// addonComponents are the workloads of add-ons as EKS installs them, without the
// side-cars. An add-on that is not here runs a Deployment under its own name.
var addonComponents = map[string][]component{
	"vpc-cni": {{name: "aws-node", account: "aws-node", containers: []container{
		{"aws-node", "amazon-k8s-cni:VERSION"}, {"aws-eks-nodeagent", "amazon/aws-network-policy-agent:v1.2.7-eksbuild.1"}}}},
	"kube-proxy":             {{name: "kube-proxy", account: "kube-proxy", containers: []container{{"kube-proxy", "eks/kube-proxy:MINIMAL"}}}},
	"coredns":                {{name: "coredns", account: "coredns", app: "kube-dns", replicas: 2, budget: true, containers: []container{{"coredns", "eks/coredns:VERSION"}}}},
	"eks-pod-identity-agent": {{name: "eks-pod-identity-agent", account: "eks-pod-identity-agent-sa", containers: []container{{"eks-pod-identity-agent", "eks/eks-pod-identity-agent:VERSION"}}}},
	"aws-ebs-csi-driver": {
		{name: "ebs-csi-controller", account: "ebs-csi-controller-sa", replicas: 2, budget: true, containers: []container{{"ebs-plugin", "eks/aws-ebs-csi-driver:VERSION"}}},
		{name: "ebs-csi-node", account: "ebs-csi-node-sa", containers: []container{{"ebs-plugin", "eks/aws-ebs-csi-driver:VERSION"}}}},
	"aws-efs-csi-driver": {
		{name: "efs-csi-controller", account: "efs-csi-controller-sa", replicas: 2, containers: []container{{"efs-plugin", "eks/aws-efs-csi-driver:VERSION"}}},
		{name: "efs-csi-node", account: "efs-csi-node-sa", containers: []container{{"efs-plugin", "eks/aws-efs-csi-driver:VERSION"}}}},
	"metrics-server":      {{name: "metrics-server", account: "metrics-server", replicas: 2, budget: true, containers: []container{{"metrics-server", "eks/metrics-server:VERSION"}}}},
	"snapshot-controller": {{name: "snapshot-controller", account: "snapshot-controller", replicas: 2, budget: true, containers: []container{{"snapshot-controller", "eks/snapshot-controller:VERSION"}}}},
}

const corefile = `.:53 {
    errors
    health {
        lameduck 5s
      }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
`

// values are the configuration values that workloads follow.
type values struct {
	ReplicaCount *int              `json:"replicaCount"`
	Env          map[string]string `json:"env"`
	NodeSelector map[string]string `json:"nodeSelector"`
	Tolerations  []any             `json:"tolerations"`
	Resources    map[string]any    `json:"resources"`
}

type object = map[string]any

// manifests returns what an add-on consists of.
func (w Workload) manifests() ([]manifests.Manifest, error) {
	var v values
	if w.Values != "" {
		// Values that workloads do not follow may have any shape.
		if err := json.Unmarshal([]byte(w.Values), &v); err != nil && !json.Valid([]byte(w.Values)) {
			return nil, fmt.Errorf("cluster: configuration values of %s: %w", w.Addon, err)
		}
	}
	parts, ok := addonComponents[w.Addon]
	if !ok {
		parts = []component{{name: w.Addon, account: w.Addon, replicas: 1, containers: []container{{w.Addon, "eks/" + w.Addon + ":VERSION"}}}}
	}
	var out []manifests.Manifest
	add := func(o object) {
		out = append(out, manifests.Manifest{File: "add-on " + w.Addon, Document: len(out) + 1, Object: &unstructured.Unstructured{Object: o}})
	}
	for _, p := range parts {
		for _, o := range w.component(p, v) {
			add(o)
		}
	}
	if w.Addon == "coredns" {
		labels := object{"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns"}
		add(object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "coredns", "namespace": w.Namespace, "labels": labels}, "data": object{"Corefile": corefile}})
		add(object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "kube-dns", "namespace": w.Namespace, "labels": labels},
			"spec": object{"clusterIP": "10.100.0.10", "selector": object{"k8s-app": "kube-dns"}, "ports": []any{
				object{"name": "dns", "port": int64(53), "protocol": "UDP", "targetPort": int64(53)}, object{"name": "dns-tcp", "port": int64(53), "protocol": "TCP", "targetPort": int64(53)}}}})
	}
	return out, nil
}

func (w Workload) component(p component, v values) []object {
	if p.app == "" {
		p.app = p.name
	}
	meta := func(name string) object {
		return object{"name": name, "namespace": w.Namespace, "labels": object{
			"eks.amazonaws.com/component": p.name, "app.kubernetes.io/name": w.Addon, "app.kubernetes.io/version": w.Version, "app.kubernetes.io/managed-by": "EKS", "k8s-app": p.app}}
	}
	account := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(p.account)}
	if w.RoleARN != "" {
		account["metadata"].(object)["annotations"] = object{"eks.amazonaws.com/role-arn": w.RoleARN}
	}
	selector := object{"matchLabels": object{"k8s-app": p.app}}
	pod := object{"serviceAccountName": p.account, "priorityClassName": "system-node-critical", "containers": w.containers(p, v)}
	if p.replicas > 0 {
		pod["priorityClassName"] = "system-cluster-critical"
		pod["tolerations"] = []any{object{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}, object{"key": "CriticalAddonsOnly", "operator": "Exists"}}
	} else {
		pod["tolerations"] = []any{object{"operator": "Exists"}}
	}
	if len(v.Tolerations) > 0 {
		pod["tolerations"] = v.Tolerations
	}
	if len(v.NodeSelector) > 0 {
		pod["nodeSelector"] = anyMap(v.NodeSelector)
	}
	spec := object{"selector": selector, "template": object{"metadata": object{"labels": object{"k8s-app": p.app, "eks.amazonaws.com/component": p.name}}, "spec": pod}}
	workload := object{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta(p.name), "spec": spec}
	if p.replicas > 0 {
		workload["kind"] = "Deployment"
		spec["replicas"] = int64(p.replicas)
		if v.ReplicaCount != nil {
			spec["replicas"] = int64(*v.ReplicaCount)
		}
	}
	out := []object{account, workload}
	if p.budget {
		out = append(out, object{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(p.name), "spec": object{"maxUnavailable": int64(1), "selector": selector}})
	}
	return out
}

func (w Workload) containers(p component, v values) []any {
	var out []any
	for i, c := range p.containers {
		minimal := strings.Replace(w.Version, "-eksbuild", "-minimal-eksbuild", 1)
		o := object{"name": c.name, "image": registry + strings.NewReplacer("VERSION", w.Version, "MINIMAL", minimal).Replace(c.image)}
		if i == 0 && len(v.Env) > 0 {
			var env []any
			for _, k := range sortedKeys(v.Env) {
				env = append(env, object{"name": k, "value": v.Env[k]})
			}
			o["env"] = env
		}
		if i == 0 && len(v.Resources) > 0 {
			o["resources"] = v.Resources
		}
		out = append(out, o)
	}
	return out
}

func anyMap(m map[string]string) object {
	out := object{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
