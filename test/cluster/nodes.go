package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

const nodegroupLabel = "eks.amazonaws.com/nodegroup"

// Nodes is what a managed node group should consist of.
type Nodes struct {
	Count          int
	KubeletVersion string   // such as v1.34.1-eks-3025e55, see GitVersion
	InstanceType   string   // such as m5.large; capacity follows from it
	Zones          []string // such as eu-west-1a; nodes are spread evenly
	Labels         map[string]string
}

// ScaleNodegroup makes the node group what n says and returns when its nodes are
// Ready. Nodes with another kubelet version or instance type are replaced: new
// ones come first, then the old ones are cordoned, drained through the eviction
// API (disruption budgets hold) and deleted. With Count 0 nodes go without a
// drain. A drain that makes no progress ends in an *EvictionError.
func (f *Fleet) ScaleNodegroup(ctx context.Context, cluster, nodegroup string, n Nodes) error {
	shape, err := n.validate()
	if err != nil {
		return err
	}
	config, err := f.RESTConfig(cluster) // not locked further: a drain may take long
	if err != nil {
		return err
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		return err
	}
	defer disconnect()
	defer f.options.Hold()()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("10m have passed"))
		defer cancel()
	}

	all, err := listNodes(ctx, client)
	if err != nil {
		return err
	}
	var keep, remove []corev1.Node
	for _, node := range all {
		switch {
		case node.Labels[nodegroupLabel] != nodegroup:
		case len(keep) < n.Count && node.Status.NodeInfo.KubeletVersion == n.KubeletVersion &&
			node.Labels[corev1.LabelInstanceTypeStable] == n.InstanceType && !node.Spec.Unschedulable:
			keep = append(keep, node)
		default:
			remove = append(remove, node)
		}
	}
	taken := append([]corev1.Node{}, all...)
	for len(keep) < n.Count {
		node := n.node(nodegroup, shape, keep, taken)
		taken = append(taken, *node)
		switch err := createNode(ctx, client, node); {
		case apierrors.IsAlreadyExists(err): // another node group of the cluster took the address meanwhile
			continue
		case err != nil:
			return err
		}
		keep = append(keep, *node)
	}
	if err := waitReady(ctx, client, nodegroup, keep); err != nil {
		return err
	}
	for _, node := range remove {
		if n.Count > 0 {
			if err := drain(ctx, client, node.Name, f.drainStall); err != nil {
				return err
			}
		}
		err := controlplane.Retry(ctx, "deleting node "+node.Name, func(ctx context.Context) error {
			return ignoreNotFound(client.Resource(nodes).Delete(ctx, node.Name, metav1.DeleteOptions{}))
		})
		if err != nil {
			return err
		}
	}
	f.logf("cluster %s: node group %s has %d nodes at %s", cluster, nodegroup, n.Count, n.KubeletVersion)
	return nil
}

type shape struct {
	cpu, memoryGiB, pods int
}

func (n Nodes) validate() (shape, error) {
	if n.Count < 0 || n.Count > 450 { // 450: what EKS allows per managed node group
		return shape{}, fmt.Errorf("cluster: Nodes.Count %d is not between 0 and 450", n.Count)
	}
	if n.Count == 0 {
		return shape{}, nil
	}
	if !strings.HasPrefix(n.KubeletVersion, "v1.") {
		return shape{}, fmt.Errorf("cluster: Nodes.KubeletVersion %q is not a version such as %s", n.KubeletVersion, GitVersion("1.34"))
	}
	if len(n.Zones) == 0 || slices.ContainsFunc(n.Zones, func(zone string) bool { return len(zone) < 2 }) {
		return shape{}, fmt.Errorf("cluster: Nodes.Zones %q must name at least one zone such as eu-west-1a", n.Zones)
	}
	return instanceShape(n.InstanceType)
}

// instanceShape follows EC2's naming: a family's letter tells memory per CPU, the
// size tells CPUs. Pods per node are those of the VPC CNI (eni-max-pods.txt).
func instanceShape(instanceType string) (shape, error) {
	wrong := fmt.Errorf("cluster: Nodes.InstanceType %q is not an EC2 type of the families c, m, r or t such as m5.large", instanceType)
	family, size, ok := strings.Cut(instanceType, ".")
	if !ok || len(family) < 2 || family[1] < '1' || family[1] > '9' {
		return shape{}, wrong
	}
	perCPU, ok := map[byte]int{'c': 2, 'm': 4, 'r': 8, 't': 4}[family[0]]
	if !ok {
		return shape{}, wrong
	}
	switch size {
	case "medium":
		return shape{cpu: 2, memoryGiB: 4, pods: 17}, nil
	case "large":
		return shape{cpu: 2, memoryGiB: 2 * perCPU, pods: 29}, nil
	case "xlarge":
		return shape{cpu: 4, memoryGiB: 4 * perCPU, pods: 58}, nil
	}
	times, isMultiple := strings.CutSuffix(size, "xlarge")
	factor, err := strconv.Atoi(times)
	if !isMultiple || err != nil || factor < 2 || factor > 48 {
		return shape{}, wrong
	}
	pods := 234
	if factor == 2 {
		pods = 58
	}
	return shape{cpu: 4 * factor, memoryGiB: 4 * factor * perCPU, pods: pods}, nil
}

// node makes the next node: in the zone with the fewest of the group, at the
// first free address behind those that EC2 gives out.
func (n Nodes) node(nodegroup string, shape shape, group, taken []corev1.Node) *corev1.Node {
	inZone, names := map[string]int{}, map[string]bool{}
	for _, node := range group {
		inZone[node.Labels[corev1.LabelTopologyZone]]++
	}
	for _, node := range taken {
		names[node.Name] = true
	}
	zone := slices.MinFunc(n.Zones, func(a, b string) int { return inZone[a] - inZone[b] })
	region := zone[:len(zone)-1]
	var ip, name string
	for host := 3000; name == "" || names[name]; host++ {
		subnet := slices.Index(n.Zones, zone)*16 + host/250
		ip = fmt.Sprintf("10.0.%d.%d", subnet, host%250+4) // a subnet's first four addresses are AWS's
		name = "ip-" + strings.ReplaceAll(ip, ".", "-") + "." + region + ".compute.internal"
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(shape.cpu), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(int64(shape.memoryGiB)<<30, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(int64(shape.pods), resource.DecimalSI),
		corev1.ResourceEphemeralStorage: resource.MustParse("80Gi"),
	}
	labels := map[string]string{
		nodegroupLabel:                   nodegroup,
		"eks.amazonaws.com/capacityType": "ON_DEMAND",
		corev1.LabelTopologyZone:         zone,
		corev1.LabelTopologyRegion:       region,
		corev1.LabelInstanceTypeStable:   n.InstanceType,
		corev1.LabelHostname:             name,
		corev1.LabelOSStable:             "linux",
		corev1.LabelArchStable:           "amd64",
	}
	maps.Copy(labels, n.Labels)
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: "aws:///" + zone + "/" + instanceID()},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: ip}, {Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: n.KubeletVersion, OSImage: "Amazon Linux 2023", OperatingSystem: "linux",
				Architecture: "amd64", ContainerRuntimeVersion: "containerd://2.1.4", KernelVersion: "6.12.40-64.114.amzn2023.x86_64",
			},
		},
	}
}

// instanceID returns an EC2 instance id: i- and 17 hexadecimal digits.
func instanceID() string {
	var id [9]byte
	rand.Read(id[:]) // never fails, see its documentation
	return "i-0" + hex.EncodeToString(id[:])[:16]
}

func listNodes(ctx context.Context, client dynamic.Interface) ([]corev1.Node, error) {
	var found []corev1.Node
	err := controlplane.Retry(ctx, "listing nodes", func(ctx context.Context) error {
		list, err := client.Resource(nodes).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		found = found[:0]
		for i := range list.Items {
			node, err := typed[corev1.Node](&list.Items[i])
			if err != nil {
				return err
			}
			found = append(found, *node)
		}
		return nil
	})
	return found, err
}

func createNode(ctx context.Context, client dynamic.Interface, node *corev1.Node) error {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(node)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return controlplane.Retry(ctx, "creating node "+node.Name, func(ctx context.Context) error {
		_, err := client.Resource(nodes).Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		return err
	})
}

func waitReady(ctx context.Context, client dynamic.Interface, nodegroup string, wanted []corev1.Node) error {
	if len(wanted) == 0 {
		return nil
	}
	return controlplane.Poll(ctx, "the nodes of "+nodegroup, func(ctx context.Context) (bool, error, error) {
		found, err := listNodes(ctx, client)
		if err != nil {
			return false, err, nil
		}
		ready := map[string]bool{}
		for _, node := range found {
			ready[node.Name] = slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			})
		}
		for _, node := range wanted {
			if !ready[node.Name] {
				return false, fmt.Errorf("node %s is not Ready", node.Name), nil
			}
		}
		return true, nil, nil
	})
}
