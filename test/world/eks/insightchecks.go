package eks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// The checks behind the insights that EKS has for every cluster. Names,
// descriptions and reasons are those that the EKS User Guide shows in "View
// cluster insights"; of rollback readiness it shows three, the names of the
// others are made in their likeness.

// insightCheck is one check.
type insightCheck struct {
	category                          types.Category
	name, description, recommendation string
	info                              map[string]string
	// applies says whether a cluster has the insight about the version; nil: always.
	applies func(c *cluster, version string) bool
	compute func(c *cluster, version string, now time.Time) verdict
}

// verdict is what a check finds.
type verdict struct {
	status    types.InsightStatusValue
	reason    string
	resources []types.InsightResourceDetail
	summary   types.InsightCategorySpecificSummary
}

var updateDocs = map[string]string{"EKS update cluster documentation": "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html"}
var rollbackDocs = map[string]string{"EKS rollback cluster documentation": "https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html"}

// deprecatedAPIs has a version in its name and description.
var deprecatedAPIs = insightCheck{category: types.CategoryUpgradeReadiness, name: "Deprecated APIs removed in Kubernetes v%[1]s",
	description:    "Checks for usage of deprecated APIs that are scheduled for removal in Kubernetes v%[1]s. Upgrading your cluster before migrating to the updated APIs supported by v%[1]s could cause application impact.",
	recommendation: "Update manifests and API clients to use newer Kubernetes APIs if applicable before upgrading to Kubernetes v%[1]s.",
	info:           updateDocs, compute: apiUsage}

var upgradeChecks = []insightCheck{
	{category: types.CategoryUpgradeReadiness, name: "Kubelet version skew",
		description:    "Checks for kubelet versions of worker nodes in the cluster to see if upgrade would cause non compliance with supported Kubernetes kubelet version skew policy.",
		recommendation: "Upgrade your worker nodes to match the Kubernetes version of your cluster control plane.",
		info: map[string]string{"Kubelet version skew policy": "https://kubernetes.io/releases/version-skew-policy/#kubelet",
			"Updating a managed node group": "https://docs.aws.amazon.com/eks/latest/userguide/update-managed-node-group.html"},
		compute: kubeletSkew},
	{category: types.CategoryUpgradeReadiness, name: "kube-proxy version skew",
		description:    "Checks version of kube-proxy in cluster to see if upgrade would cause non compliance with supported Kubernetes kube-proxy version skew policy.",
		recommendation: "Upgrade kube-proxy to match the Kubernetes version of your cluster control plane.",
		info:           map[string]string{"kube-proxy version skew policy": "https://kubernetes.io/releases/version-skew-policy/#kube-proxy"}, compute: proxySkew},
	{category: types.CategoryUpgradeReadiness, name: "EKS add-on version compatibility",
		description:    "Checks version of installed EKS add-ons to ensure they are compatible with the next version of Kubernetes.",
		recommendation: "Upgrade add-on version to ensure compatibility with next version of Kubernetes.", info: updateDocs,
		compute: func(c *cluster, version string, _ time.Time) verdict { return addonCompatibility(c, version, "next") }},
	{category: types.CategoryUpgradeReadiness, name: "Cluster health issues",
		description:    "Checks for any cluster health issues that prevent successful upgrade to the next Kubernetes version on EKS.",
		recommendation: "Fix health issues detected on the cluster to ensure successful upgrade.", info: updateDocs, compute: clusterHealth},
	{category: types.CategoryUpgradeReadiness, name: "Amazon Linux 2 compatibility",
		description:    "Checks for worker nodes that run Amazon Linux 2, for which EKS has no AMIs of the next Kubernetes version.",
		recommendation: "Migrate your node groups to Amazon Linux 2023 or Bottlerocket.",
		info:           map[string]string{"Upgrade to Amazon Linux 2023": "https://docs.aws.amazon.com/eks/latest/userguide/al2023.html"},
		applies:        func(_ *cluster, version string) bool { return minor(version) > lastAL2 }, compute: linux2},
}

var rollbackChecks = []insightCheck{
	{category: types.CategoryRollbackReadiness, name: "Incompatible API usage",
		description:    "Checks for usage of APIs that are not compatible with the previous Kubernetes version. Rolling back your cluster before removing incompatible API usage could cause data loss or application impact.",
		recommendation: "Remove usage of the incompatible API from the resources where the usage is detected.", info: rollbackDocs, compute: incompatibleAPIs},
	{category: types.CategoryRollbackReadiness, name: "Kubelet version rollback compatibility",
		description:    "Checks for kubelet versions of worker nodes in the cluster to see if rollback would cause non compliance with supported Kubernetes kubelet version skew policy.",
		recommendation: "Roll back your worker nodes to the previous Kubernetes version before you roll back the control plane.", info: rollbackDocs, compute: kubeletBack},
	{category: types.CategoryRollbackReadiness, name: "kube-proxy version rollback compatibility",
		description:    "Checks version of kube-proxy in cluster to see if rollback would cause non compliance with supported Kubernetes kube-proxy version skew policy.",
		recommendation: "Downgrade kube-proxy to a version that is not newer than the previous Kubernetes version.", info: rollbackDocs, compute: proxyBack},
	{category: types.CategoryRollbackReadiness, name: "EKS add-on version rollback compatibility",
		description:    "Checks version of installed EKS add-ons to ensure they are compatible with the previous version of Kubernetes.",
		recommendation: "Downgrade add-on version to ensure compatibility with previous version of Kubernetes.", info: rollbackDocs,
		compute: func(c *cluster, version string, _ time.Time) verdict {
			return addonCompatibility(c, version, "previous")
		}},
	{category: types.CategoryRollbackReadiness, name: "Cluster health rollback compatibility",
		description:    "Checks for any cluster health issues that prevent successful rollback to the previous Kubernetes version on EKS.",
		recommendation: "Fix health issues detected on the cluster to ensure successful rollback.", info: rollbackDocs, compute: clusterHealth},
	{category: types.CategoryRollbackReadiness, name: "EKS Auto Mode node disruption controls",
		description:    "Checks NodePool disruption budgets, do-not-disrupt annotations and PodDisruptionBudgets that keep EKS Auto Mode nodes from being rolled back.",
		recommendation: "Allow at least one node to be disrupted for drift and remove karpenter.sh/do-not-disrupt from nodes.", info: rollbackDocs,
		applies: func(c *cluster, _ string) bool { return c.autoOn() }, compute: disruption},
}

// configurationChecks are about clusters with hybrid nodes only.
var configurationChecks = []insightCheck{
	{category: types.CategoryMisconfiguration, name: "EKS Hybrid Nodes remote network configuration",
		description:    "Checks that the networks of hybrid nodes and of the pods on them are known to the cluster.",
		recommendation: "Add the networks of pods to remoteNetworkConfig when webhooks run on hybrid nodes.",
		info:           map[string]string{"Prepare networking for hybrid nodes": "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html"},
		applies:        func(c *cluster, _ string) bool { return c.RemoteNetworkConfig != nil },
		compute: func(c *cluster, _ string, _ time.Time) verdict {
			if len(c.RemoteNetworkConfig.RemotePodNetworks) == 0 {
				return verdict{status: types.InsightStatusValueWarning, reason: "Remote pod networks are not configured."}
			}
			return passing("Remote networks are configured.")
		}},
}

func passing(reason string) verdict {
	return verdict{status: types.InsightStatusValuePassing, reason: reason}
}

func unknown(reason string) verdict {
	return verdict{status: types.InsightStatusValueUnknown, reason: reason}
}

func apiUsage(c *cluster, version string, now time.Time) verdict {
	uses := c.apisRemovedIn(version, now)
	switch {
	case len(uses) > 0:
		v := verdict{status: types.InsightStatusValueWarning, reason: fmt.Sprintf("Deprecated API usage detected within the last 30 days and your cluster is on Kubernetes v%s.", *c.Version)}
		if minor(version) == minor(*c.Version)+1 {
			v.status = types.InsightStatusValueError
		}
		v.summary.DeprecationDetails = deprecationDetails(uses)
		return v
	case c.blind || c.unreachable():
		return unknown("Unable to determine usage of deprecated APIs.")
	}
	return passing("No deprecated API usage detected within the last 30 days.")
}

func kubeletSkew(c *cluster, _ string, _ time.Time) verdict {
	if c.unreachable() {
		return unknown("Unable to determine status of node kubelet versions.")
	}
	v, worst := passing("Node kubelet versions match the cluster control plane version."), 0
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		n := c.nodegroups[name]
		skew := minor(*c.Version) - minor(*n.Version)
		if skew <= 0 {
			continue
		}
		status := types.InsightStatusValueWarning
		if skew >= maxSkew {
			status = types.InsightStatusValueError
		}
		worst = max(worst, skew)
		v.resources = append(v.resources, types.InsightResourceDetail{Arn: n.NodegroupArn, InsightStatus: &types.InsightStatus{Status: status,
			Reason: ptr(fmt.Sprintf("Nodes run Kubernetes %s.", *n.Version))}})
	}
	switch {
	case worst >= maxSkew:
		v.status, v.reason = types.InsightStatusValueError, "Node kubelet versions are too old for the next Kubernetes version."
	case worst > 0:
		v.status, v.reason = types.InsightStatusValueWarning, "Node kubelet versions are older than the control plane."
	}
	return v
}

func proxySkew(c *cluster, _ string, _ time.Time) verdict {
	a := c.addons["kube-proxy"]
	switch {
	case a == nil:
		return passing("kube-proxy is not installed as an EKS add-on.")
	case minor(*c.Version)-minorOf(*a.AddonVersion) >= maxSkew:
		return verdict{status: types.InsightStatusValueError, reason: "kube-proxy version is too old for the next Kubernetes version."}
	case minor(*c.Version) == minorOf(*a.AddonVersion):
		return passing("kube-proxy versions match the cluster control plane version.")
	}
	return passing("kube-proxy versions match the supported version skew.")
}

// addonCompatibility checks the add-ons against the "next" or "previous" version.
func addonCompatibility(c *cluster, version, which string) verdict {
	v := passing(fmt.Sprintf("All installed EKS add-on versions are compatible with %s Kubernetes version.", which))
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(c.addons)) {
		a := c.addons[name]
		if known, ok := addonCatalog[name].find(*a.AddonVersion); ok && known.runsOn(minor(version)) {
			continue
		}
		bad = append(bad, name)
		d := types.AddonCompatibilityDetail{Name: ptr(name)}
		for _, other := range addonCatalog[name].versions {
			if other.runsOn(minor(version)) {
				d.CompatibleVersions = append(d.CompatibleVersions, other.version)
			}
		}
		v.summary.AddonCompatibilityDetails = append(v.summary.AddonCompatibilityDetails, d)
		v.resources = append(v.resources, types.InsightResourceDetail{Arn: a.AddonArn, InsightStatus: &types.InsightStatus{
			Status: types.InsightStatusValueError, Reason: ptr(fmt.Sprintf("%s does not run on Kubernetes %s.", *a.AddonVersion, version))}})
	}
	if len(bad) > 0 {
		v.status, v.reason = types.InsightStatusValueError, fmt.Sprintf("Installed EKS add-on versions are incompatible with %s Kubernetes version: %v.", which, bad)
	}
	return v
}

func clusterHealth(c *cluster, _ string, _ time.Time) verdict {
	if n := len(c.Health.Issues); n > 0 {
		return verdict{status: types.InsightStatusValueError, reason: fmt.Sprintf("%d cluster health issues detected.", n)}
	}
	return passing("No cluster health issues detected.")
}

func linux2(c *cluster, _ string, _ time.Time) verdict {
	v := passing("No Amazon Linux 2 nodes detected.")
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		if n := c.nodegroups[name]; strings.HasPrefix(string(n.AmiType), "AL2_") {
			v.status, v.reason = types.InsightStatusValueWarning, "Amazon Linux 2 nodes detected."
			v.resources = append(v.resources, types.InsightResourceDetail{Arn: n.NodegroupArn, InsightStatus: &types.InsightStatus{
				Status: types.InsightStatusValueWarning, Reason: ptr(fmt.Sprintf("Nodes run AMIs of type %s.", n.AmiType))}})
		}
	}
	return v
}

func incompatibleAPIs(c *cluster, _ string, _ time.Time) verdict {
	if c.unreachable() {
		return unknown("Unable to determine usage of incompatible APIs.")
	}
	return passing("No incompatible API usage detected.")
}

func kubeletBack(c *cluster, version string, _ time.Time) verdict {
	if c.unreachable() {
		return unknown("Unable to determine status of node kubelet versions.")
	}
	v := passing("Node kubelet versions are compatible with the previous Kubernetes version.")
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		if n := c.nodegroups[name]; minor(*n.Version) > minor(version) {
			v.status, v.reason = types.InsightStatusValueError, "At least one node kubelet version matches the cluster control plane version."
			v.resources = append(v.resources, types.InsightResourceDetail{Arn: n.NodegroupArn, InsightStatus: &types.InsightStatus{
				Status: types.InsightStatusValueError, Reason: ptr(fmt.Sprintf("Nodes run Kubernetes %s.", *n.Version))}})
		}
	}
	return v
}

func proxyBack(c *cluster, version string, _ time.Time) verdict {
	if a := c.addons["kube-proxy"]; a != nil && minorOf(*a.AddonVersion) > minor(version) {
		return verdict{status: types.InsightStatusValueError, reason: "kube-proxy version is newer than the previous Kubernetes version."}
	}
	return passing("kube-proxy versions are compatible with the previous Kubernetes version.")
}

func disruption(c *cluster, _ string, _ time.Time) verdict {
	if c.auto.blocked != "" {
		return verdict{status: types.InsightStatusValueError, reason: fmt.Sprintf("EKS Auto Mode nodes cannot be disrupted: %s.", c.auto.blocked)}
	}
	return passing("EKS Auto Mode nodes can be disrupted.")
}
