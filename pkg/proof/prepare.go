package proof

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// neverTried are kinds that say nothing about an upgrade when they are tried, or
// that nobody should read: their content is data.
var neverTried = []string{"/Secret", "/ConfigMap", "/Event", "events.k8s.io/Event", "/Node", "/ComponentStatus", "coordination.k8s.io/Lease"}

func never(o *unstructured.Unstructured) bool {
	return o == nil || slices.Contains(neverTried, o.GroupVersionKind().Group+"/"+o.GetKind())
}

func isCRD(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().Group == "apiextensions.k8s.io" && o.GetKind() == "CustomResourceDefinition"
}

// prepare returns a copy of an object as somebody would write it who creates it
// anew: without what the server set, allocated or copied.
func prepare(from *unstructured.Unstructured) *unstructured.Unstructured {
	o := from.DeepCopy()
	metadata, _ := o.Object["metadata"].(map[string]any)
	for key := range metadata {
		if !slices.Contains([]string{"name", "generateName", "namespace", "labels", "annotations", "finalizers"}, key) {
			delete(metadata, key)
		}
	}
	if name, _ := metadata["name"].(string); name != "" {
		delete(metadata, "generateName")
	}
	drop(o.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	switch o.GroupVersionKind().Group + "/" + o.GetKind() {
	case "/Service":
		service(o.Object)
	case "/Pod":
		drop(o.Object, "spec", "ephemeralContainers") // only ever added to pods that run
		drop(o.Object, "spec", "nodeName")
		drop(o.Object, "spec", "priority")
		drop(o.Object, "metadata", "annotations", "kubernetes.io/config.mirror")
	case "/PersistentVolumeClaim":
		drop(o.Object, "metadata", "annotations", "pv.kubernetes.io/bind-completed")
	case "batch/Job":
		job(o.Object)
	case "/ServiceAccount":
		drop(o.Object, "secrets")
	case "apiextensions.k8s.io/CustomResourceDefinition":
		definition(o.Object)
	}
	return o
}

func drop(o map[string]any, path ...string) {
	unstructured.RemoveNestedField(o, path...)
}

// service leaves out what is allocated: addresses and ports of another cluster's
// ranges, and its families.
func service(o map[string]any) {
	spec, _ := o["spec"].(map[string]any)
	if spec["clusterIP"] != "None" {
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
	}
	for _, field := range []string{"healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"} {
		delete(spec, field)
	}
	if spec["clusterIP"] == "None" {
		delete(spec, "clusterIPs")
	}
	ports, _ := spec["ports"].([]any)
	for _, p := range ports {
		if port, ok := p.(map[string]any); ok {
			delete(port, "nodePort")
		}
	}
}

// job leaves out the selector and labels that the server made, unless somebody
// chose them.
func job(o map[string]any) {
	if manual, _, _ := unstructured.NestedBool(o, "spec", "manualSelector"); manual {
		return
	}
	drop(o, "spec", "selector")
	for _, label := range []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"} {
		drop(o, "spec", "template", "metadata", "labels", label)
		drop(o, "metadata", "labels", label)
	}
}

// definition makes a definition loadable: conversion webhooks are not here, and
// rules that came after old definitions were made hold for new ones only.
func definition(o map[string]any) {
	drop(o, "status")
	if strategy, _, _ := unstructured.NestedString(o, "spec", "conversion", "strategy"); strategy == "Webhook" {
		_ = unstructured.SetNestedMap(o, map[string]any{"strategy": "None"}, "spec", "conversion")
	}
	if preserve, _, _ := unstructured.NestedBool(o, "spec", "preserveUnknownFields"); preserve {
		drop(o, "spec", "preserveUnknownFields")
		versions, _, _ := unstructured.NestedFieldNoCopy(o, "spec", "versions")
		list, _ := versions.([]any)
		for _, v := range list {
			if version, ok := v.(map[string]any); ok {
				_ = unstructured.SetNestedField(version, true, "schema", "openAPIV3Schema", "x-kubernetes-preserve-unknown-fields")
			}
		}
	}
	group, _, _ := unstructured.NestedString(o, "spec", "group")
	if protected(group) {
		if approved, _, _ := unstructured.NestedString(o, "metadata", "annotations", approval); approved == "" {
			_ = unstructured.SetNestedField(o, "unapproved, made before approvals were asked for", "metadata", "annotations", approval)
		}
	}
}

// approval is asked of definitions in Kubernetes's own groups. Source:
// https://github.com/kubernetes/enhancements/pull/1111
const approval = "api-approved.kubernetes.io"

func protected(group string) bool {
	return group == "k8s.io" || group == "kubernetes.io" || strings.HasSuffix(group, ".k8s.io") || strings.HasSuffix(group, ".kubernetes.io")
}
