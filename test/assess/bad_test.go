package assess_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// bad are objects that an upgrade would trip over.
const bad = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      volumes:
      - {name: docker, hostPath: {path: /var/run/docker.sock}}
      containers:
      - {name: db, image: "example.com/db:1", env: [{name: HOST, value: "orders.abc.eu-west-1.rds.amazonaws.com"}], volumeMounts: [{name: docker, mountPath: /docker.sock}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db, namespace: default}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: db}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: twice, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: twice}}
  template:
    metadata: {labels: {app: twice}}
    spec: {containers: [{name: twice, image: "example.com/twice:1"}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: one, namespace: default}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: twice}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: other, namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: twice}}}
---
apiVersion: v1
kind: Pod
metadata: {name: debug, namespace: default}
spec: {containers: [{name: debug, image: "example.com/debug:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: policy, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: policy}}
  template:
    metadata: {labels: {app: policy}}
    spec: {containers: [{name: policy, image: "example.com/policy:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: policy, namespace: default}
spec: {selector: {app: policy}, ports: [{port: 443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: policy}
webhooks:
- name: policy.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  clientConfig: {service: {name: policy, namespace: default}}
  rules: [{apiGroups: ["batch"], apiVersions: ["v1"], resources: ["jobs"], operations: ["CREATE"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress-nginx-controller, namespace: default, labels: {app.kubernetes.io/name: ingress-nginx}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ingress-nginx}}
  template:
    metadata: {labels: {app: ingress-nginx}}
    spec: {containers: [{name: controller, image: "registry.k8s.io/ingress-nginx/controller:v1.12.0"}]}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: lonely}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: gp3
  claimRef: {namespace: default, name: data}
  csi: {driver: ebs.csi.aws.com, volumeHandle: vol-0123456789abcdef0}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1f]}]}]}}
`

// remnants are what versions of long ago left behind.
const remnants = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: stale
  namespace: default
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"apiVersion":"autoscaling/v2beta2","kind":"HorizontalPodAutoscaler","metadata":{"name":"stale","namespace":"default"}}'
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: twice}, maxReplicas: 4}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: everything}
webhooks:
- name: everything.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  clientConfig: {service: {name: policy, namespace: default}}
  matchConditions: [{name: never, expression: "false"}]
  rules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["UPDATE"]}]
`

// widgets is a CustomResourceDefinition; old says which of its two versions are
// stored and served.
func widgets(oldStored, oldServed bool) map[string]any {
	version := func(name string, served, storage bool) map[string]any {
		return map[string]any{"name": name, "served": served, "storage": storage, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}
	}
	return map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "widgets.example.com"},
		"spec": map[string]any{"group": "example.com", "scope": "Namespaced", "names": map[string]any{"plural": "widgets", "kind": "Widget"},
			"versions": []any{version("v1alpha1", oldServed, oldStored), version("v1", true, !oldStored)}}}
}

// release is a Secret of Helm with the deployed revision of a chart, as Helm 3
// writes it: base64 of base64 of gzip of JSON.
func release(t *testing.T, name, manifest string) map[string]any {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	check(t, json.NewEncoder(w).Encode(map[string]any{"name": name, "namespace": "default", "version": 1, "manifest": manifest,
		"info": map[string]any{"status": "deployed"}, "chart": map[string]any{"metadata": map[string]any{"name": name, "version": "1.0.0"}}}))
	check(t, w.Close())
	text := base64.StdEncoding.EncodeToString(zipped.Bytes())
	return map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{"name": "sh.helm.release.v1." + name + ".v1", "namespace": "default",
			"labels": map[string]any{"owner": "helm", "name": name, "status": "deployed", "version": "1"}},
		"data": map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(text))}}
}

// onlyAtTarget is of a kind that 1.36 knows and 1.35 does not.
const onlyAtTarget = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: newer}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[JSONPatch{op: "add", path: "/metadata/labels/a", value: "b"}]'}}]
`

// want are checks that find something in them, and on which object.
var want = map[string]string{
	"pdb-blocks-drain":       "PodDisruptionBudget default/db",
	"pdb-overlap":            "Deployment default/twice",
	"drain-blocked":          "",
	"unowned-pods":           "Pod default/debug",
	"termination-grace-zero": "Deployment default/db",
	"docker-socket":          "Deployment default/db",
	"webhook-single-replica": "ValidatingWebhookConfiguration policy",
	"ingress-nginx":          "Deployment default/ingress-nginx-controller",
	"volume-zones":           "PersistentVolumeClaim default/data",
	"addon-default-newer":    "Addon vpc-cni",
	"deprecated-apis":        "HorizontalPodAutoscaler default/stale",
	"webhook-deadlock":       "MutatingWebhookConfiguration everything",
	"helm-release-stuck":     "Release default/old",
	"crd-stored-versions":    "CustomResourceDefinition widgets.example.com",
	"kube-proxy-ipvs":        "DaemonSet kube-system/kube-proxy",
}
