package eks

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// addonInfo is what EKS offers of one add-on.
type addonInfo struct {
	kind, namespace string
	needsIAM        bool
	versions        []addonVersion // newest first

	owner, publisher string // "" are "aws" and "eks"
	schema           string // of the configuration values
	accounts         []podAccount
}

// podAccount is a service account of an add-on that Pod Identity can give a role.
type podAccount struct{ name, policy string }

// addonVersion is one build and the minors that it runs on.
type addonVersion struct {
	version    string
	from, to   int   // compatible with 1.from to 1.to
	defaultFor []int // minors that get it when no version is named
}

const (
	ownerCommunity   = "community"
	ownerMarketplace = "aws-marketplace"
	managedPolicy    = "arn:aws:iam::aws:policy/"
)

// addonCatalog lists published builds of add-ons. It is a selection: AWS lists
// many more add-ons and builds. The names of builds are real up to 1.36; those
// for 1.37 continue the naming.
var addonCatalog = map[string]addonInfo{
	"vpc-cni": {kind: "networking", namespace: "kube-system", needsIAM: true, schema: vpcCNISchema, accounts: []podAccount{{"aws-node", managedPolicy + "AmazonEKS_CNI_Policy"}}, versions: []addonVersion{
		{"v1.22.4-eksbuild.3", 33, 37, []int{37}},
		{"v1.21.2-eksbuild.2", 32, 36, []int{36}},
		{"v1.21.1-eksbuild.3", 32, 36, []int{35}},
		{"v1.20.4-eksbuild.2", 31, 35, []int{34}},
		{"v1.20.1-eksbuild.3", 31, 34, []int{33}},
		{"v1.19.6-eksbuild.7", 31, 33, []int{31, 32}},
	}},
	"coredns": {kind: "networking", namespace: "kube-system", schema: corednsSchema, versions: []addonVersion{
		{"v1.14.3-eksbuild.14", 35, 37, []int{37}},
		{"v1.14.2-eksbuild.4", 34, 36, []int{36}},
		{"v1.13.2-eksbuild.1", 33, 36, []int{35}},
		{"v1.12.3-eksbuild.1", 32, 35, []int{34}},
		{"v1.12.1-eksbuild.2", 31, 34, []int{33}},
		{"v1.11.4-eksbuild.2", 31, 33, []int{31, 32}},
	}},
	"kube-proxy": {kind: "networking", namespace: "kube-system", schema: kubeProxySchema, versions: []addonVersion{
		{"v1.37.0-eksbuild.2", 37, 40, []int{37}},
		{"v1.36.0-eksbuild.7", 36, 39, []int{36}},
		{"v1.35.3-eksbuild.2", 35, 38, nil},
		{"v1.35.0-eksbuild.2", 35, 38, []int{35}},
		{"v1.34.1-eksbuild.2", 34, 37, nil},
		{"v1.34.0-eksbuild.2", 34, 37, []int{34}},
		{"v1.33.3-eksbuild.4", 33, 36, []int{33}},
		{"v1.32.6-eksbuild.12", 32, 35, []int{32}},
		{"v1.31.10-eksbuild.12", 31, 34, []int{31}},
	}},
	"aws-ebs-csi-driver": {kind: "storage", namespace: "kube-system", needsIAM: true, schema: csiSchema, accounts: []podAccount{{"ebs-csi-controller-sa", managedPolicy + "service-role/AmazonEBSCSIDriverPolicy"}}, versions: []addonVersion{
		{"v1.66.0-eksbuild.1", 33, 37, []int{37}},
		{"v1.62.0-eksbuild.1", 32, 36, []int{36}},
		{"v1.58.0-eksbuild.1", 31, 35, []int{35}},
		{"v1.53.0-eksbuild.1", 31, 35, []int{34}},
		{"v1.48.0-eksbuild.2", 31, 34, []int{33}},
		{"v1.44.0-eksbuild.1", 31, 33, []int{31, 32}},
	}},
	"aws-efs-csi-driver": {kind: "storage", namespace: "kube-system", needsIAM: true, schema: csiSchema, accounts: []podAccount{{"efs-csi-controller-sa", managedPolicy + "service-role/AmazonEFSCSIDriverPolicy"}}, versions: []addonVersion{
		{"v2.1.13-eksbuild.1", 32, 37, []int{35, 36, 37}},
		{"v2.1.9-eksbuild.1", 31, 35, []int{31, 32, 33, 34}},
	}},
	"aws-mountpoint-s3-csi-driver": {kind: "storage", namespace: "kube-system", needsIAM: true, schema: csiSchema, accounts: []podAccount{{"s3-csi-driver-sa", managedPolicy + "AmazonS3ReadOnlyAccess"}}, versions: []addonVersion{
		{"v2.0.0-eksbuild.1", 31, 37, []int{34, 35, 36, 37}},
		{"v1.14.1-eksbuild.1", 31, 34, []int{31, 32, 33}},
	}},
	"snapshot-controller": {kind: "storage", namespace: "kube-system", schema: deploymentSchema, versions: []addonVersion{
		{"v8.3.0-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
		{"v8.2.0-eksbuild.1", 31, 34, nil},
	}},
	"eks-pod-identity-agent": {kind: "security", namespace: "kube-system", needsIAM: true, schema: agentSchema, versions: []addonVersion{
		{"v1.3.10-eksbuild.2", 31, 37, []int{34, 35, 36, 37}},
		{"v1.3.8-eksbuild.2", 31, 35, []int{31, 32, 33}},
	}},
	"eks-node-monitoring-agent": {kind: "observability", namespace: "kube-system", schema: agentSchema, versions: []addonVersion{
		{"v1.4.1-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"amazon-cloudwatch-observability": {kind: "observability", namespace: "amazon-cloudwatch", needsIAM: true, schema: openSchema, accounts: []podAccount{{"cloudwatch-agent", managedPolicy + "CloudWatchAgentServerPolicy"}}, versions: []addonVersion{
		{"v4.5.0-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"adot": {kind: "observability", namespace: "opentelemetry-operator-system", needsIAM: true, schema: openSchema, versions: []addonVersion{
		{"v0.131.0-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"aws-guardduty-agent": {kind: "security", namespace: "amazon-guardduty", schema: agentSchema, versions: []addonVersion{
		{"v1.11.0-eksbuild.4", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"metrics-server": {kind: "observability", namespace: "kube-system", owner: ownerCommunity, schema: deploymentSchema, versions: []addonVersion{
		{"v0.8.0-eksbuild.2", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
		{"v0.7.2-eksbuild.4", 31, 34, nil},
	}},
	"kube-state-metrics": {kind: "observability", namespace: "kube-state-metrics", owner: ownerCommunity, schema: deploymentSchema, versions: []addonVersion{
		{"v2.17.0-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"cert-manager": {kind: "security", namespace: "cert-manager", owner: ownerCommunity, schema: deploymentSchema, versions: []addonVersion{
		{"v1.19.1-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"external-dns": {kind: "networking", namespace: "external-dns", needsIAM: true, owner: ownerCommunity, schema: deploymentSchema, accounts: []podAccount{{"external-dns", managedPolicy + "AmazonRoute53FullAccess"}}, versions: []addonVersion{
		{"v0.19.0-eksbuild.2", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
	"kubecost_kubecost": {kind: "cost-management", namespace: "kubecost", owner: ownerMarketplace, publisher: "kubecost", schema: openSchema, versions: []addonVersion{
		{"v2.8.2-eksbuild.1", 31, 37, []int{31, 32, 33, 34, 35, 36, 37}},
	}},
}

// oldestMinor and newestMinor bound what DescribeAddonVersions lists.
var oldestMinor, newestMinor = minor(clusterVersions[len(clusterVersions)-1].version), minor(clusterVersions[0].version)

func (a addonInfo) find(version string) (addonVersion, bool) {
	i := slices.IndexFunc(a.versions, func(v addonVersion) bool { return v.version == version })
	if i < 0 {
		return addonVersion{}, false
	}
	return a.versions[i], true
}

func (a addonInfo) defaultFor(clusterMinor int) (addonVersion, bool) {
	i := slices.IndexFunc(a.versions, func(v addonVersion) bool { return slices.Contains(v.defaultFor, clusterMinor) })
	if i < 0 {
		return addonVersion{}, false
	}
	return a.versions[i], true
}

func (v addonVersion) runsOn(clusterMinor int) bool {
	return v.from <= clusterMinor && clusterMinor <= v.to
}

// minorOf returns the NN of an add-on version "v1.NN.P-eksbuild.B", or -1.
func minorOf(addonVersion string) int {
	parts := strings.SplitN(addonVersion, ".", 3)
	if len(parts) < 3 || parts[0] != "v1" {
		return -1
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return -1
	}
	return n
}

// DescribeAddonVersions lists add-on versions and the cluster versions that
// each one is compatible with.
func (s *Service) DescribeAddonVersions(_ *wire.Call, in *sdk.DescribeAddonVersionsInput) (*sdk.DescribeAddonVersionsOutput, error) {
	if in.KubernetesVersion != nil && minor(*in.KubernetesVersion) < 0 {
		return nil, invalidParameter(nil, "The provided Kubernetes version %s is not supported", *in.KubernetesVersion)
	}
	names := slices.Sorted(maps.Keys(addonCatalog))
	if in.AddonName != nil {
		if _, ok := addonCatalog[*in.AddonName]; !ok {
			return nil, &types.ResourceNotFoundException{AddonName: in.AddonName, Message: ptr(fmt.Sprintf("Addon %s not found", *in.AddonName))}
		}
		names = []string{*in.AddonName}
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		a := addonCatalog[n]
		return excluded(in.Types, a.kind) || excluded(in.Owners, a.ownedBy()) || excluded(in.Publishers, a.publishedBy()) ||
			len(versionInfos(addonCatalog[n], in.KubernetesVersion)) == 0
	})
	names, next, err := page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeAddonVersionsOutput{Addons: []types.AddonInfo{}, NextToken: next}
	for _, n := range names {
		a := addonCatalog[n]
		info := types.AddonInfo{
			AddonName: ptr(n), Type: ptr(a.kind), Owner: ptr(a.ownedBy()), Publisher: ptr(a.publishedBy()), DefaultNamespace: ptr(a.namespace),
			AddonVersions: versionInfos(a, in.KubernetesVersion),
		}
		if a.owner == ownerMarketplace {
			info.MarketplaceInformation = marketplace(n)
		}
		out.Addons = append(out.Addons, info)
	}
	return out, nil
}

func (a addonInfo) ownedBy() string { return cmp.Or(a.owner, "aws") }

func (a addonInfo) publishedBy() string { return cmp.Or(a.publisher, "eks") }

// marketplace describes the product of an add-on of AWS Marketplace.
func marketplace(addon string) *types.MarketplaceInformation {
	id := fmt.Sprintf("%x", sha256.Sum256([]byte("marketplace/"+addon)))[:32]
	return &types.MarketplaceInformation{ProductId: ptr(id), ProductUrl: ptr("https://aws.amazon.com/marketplace/pp?sku=" + id)}
}

func excluded(wanted []string, have string) bool {
	return len(wanted) > 0 && !slices.Contains(wanted, have)
}

func versionInfos(a addonInfo, only *string) []types.AddonVersionInfo {
	var infos []types.AddonVersionInfo
	for _, v := range a.versions {
		info := types.AddonVersionInfo{
			AddonVersion: ptr(v.version), Architecture: []string{"amd64", "arm64"}, ComputeTypes: []string{"ec2", "auto"}, RequiresIamPermissions: a.needsIAM,
		}
		for m := min(v.to, newestMinor); m >= max(v.from, oldestMinor); m-- {
			if only == nil || minor(*only) == m {
				info.Compatibilities = append(info.Compatibilities, types.Compatibility{
					ClusterVersion: ptr(fmt.Sprintf("1.%d", m)), PlatformVersions: []string{"*"}, DefaultVersion: slices.Contains(v.defaultFor, m)})
			}
		}
		if len(info.Compatibilities) > 0 {
			infos = append(infos, info)
		}
	}
	return infos
}
