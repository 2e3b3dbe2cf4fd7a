package assess_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster/eksbackend"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	ekssim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// atOnce is a duration of work that takes no longer than the control plane needs.
const atOnce = time.Duration(-1)

// account is a simulated AWS that enforces IAM, with the cluster shop on a real
// control plane.
type account struct {
	t     *testing.T
	world *world.World
	fleet *cluster.Fleet
}

func newAccount(t *testing.T, version string, manifests ...string) *account {
	t.Helper()
	assets, err := cluster.FindAssets()
	check(t, err)
	w, err := world.New(world.Options{Clock: clock.System{}, IAM: true})
	check(t, err)
	a := &account{t: t, world: w}
	a.fleet, err = cluster.NewFleet(cluster.Options{Assets: assets, Dir: t.TempDir(), TokenWebhook: func(name string) string { return w.URL() + "/_world/token-review/" + name }})
	check(t, err)
	services := full.Add(w, full.Options{Clusters: eksbackend.New(a.fleet), TempDir: t.TempDir(),
		Durations: ekssim.Durations{CreateCluster: atOnce, CreateNodegroup: atOnce, NodegroupSetup: atOnce, LaunchNode: atOnce, Addon: atOnce, InsightsRefresh: atOnce}})
	t.Cleanup(func() {
		services.Close()
		if err := a.fleet.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	check(t, services.EC2.AddVPC("vpc-1", "10.0.0.0/16", nil))
	subnets := []string{"subnet-1", "subnet-2"}
	for i, id := range subnets {
		check(t, services.EC2.AddSubnet(ec2.Subnet{ID: id, VPC: "vpc-1", Zone: "eu-west-1" + string(rune('a'+i)), CIDR: []string{"10.0.0.0/20", "10.0.16.0/20"}[i], FreeIPs: 3000}))
	}
	for role, service := range map[string]string{"shop-cluster": "eks.amazonaws.com", "shop-nodes": "ec2.amazonaws.com"} {
		a.role(role, service)
	}
	api := eks.NewFromConfig(w.AWSConfig())
	_, err = api.CreateCluster(t.Context(), &eks.CreateClusterInput{Name: aws.String("shop"), Version: &version, RoleArn: aws.String(a.arn("shop-cluster")),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: subnets}, AccessConfig: &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}})
	check(t, err)
	check(t, eks.NewClusterActiveWaiter(api, soon).Wait(t.Context(), &eks.DescribeClusterInput{Name: aws.String("shop")}, 3*time.Minute))
	_, err = api.CreateNodegroup(t.Context(), &eks.CreateNodegroupInput{ClusterName: aws.String("shop"), NodegroupName: aws.String("general"), NodeRole: aws.String(a.arn("shop-nodes")), Subnets: subnets,
		InstanceTypes: []string{"m6i.xlarge"}, AmiType: types.AMITypesAl2023X8664Standard, ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(2), DesiredSize: aws.Int32(2), MaxSize: aws.Int32(2)}})
	check(t, err)
	for _, name := range []string{"vpc-cni", "coredns", "kube-proxy"} {
		_, err := api.CreateAddon(t.Context(), &eks.CreateAddonInput{ClusterName: aws.String("shop"), AddonName: &name})
		check(t, err)
	}
	check(t, eks.NewNodegroupActiveWaiter(api, func(o *eks.NodegroupActiveWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second }).
		Wait(t.Context(), &eks.DescribeNodegroupInput{ClusterName: aws.String("shop"), NodegroupName: aws.String("general")}, 3*time.Minute))
	if len(manifests) > 0 {
		_, err = cluster.Load(t.Context(), a.rest(), manifests...)
		check(t, err)
	}
	return a
}

func soon(o *eks.ClusterActiveWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (a *account) arn(role string) string {
	return "arn:aws:iam::" + a.world.Account() + ":role/" + role
}

func (a *account) rest() *rest.Config {
	a.t.Helper()
	config, err := a.fleet.RESTConfig("shop")
	check(a.t, err)
	return config
}

func (a *account) role(name, service string) {
	a.t.Helper()
	_, err := iam.NewFromConfig(a.world.AWSConfig()).CreateRole(a.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(access.Role{Service: service}.Trust())})
	check(a.t, err)
}

// person logs somebody in whose role has a policy and, in Kubernetes, a group;
// the environment of the test is then that of their shell.
func (a *account) person(name, policy, group string) {
	a.t.Helper()
	a.role(name, "ec2.amazonaws.com")
	_, err := iam.NewFromConfig(a.world.AWSConfig()).PutRolePolicy(a.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"), PolicyDocument: &policy})
	check(a.t, err)
	_, err = eks.NewFromConfig(a.world.AWSConfig()).CreateAccessEntry(a.t.Context(), &eks.CreateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: aws.String(a.arn(name)), KubernetesGroups: []string{group}})
	check(a.t, err)
	c := a.world.STS().Issue(a.arn(name), name)
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": a.world.URL(), "AWS_REGION": a.world.Region(), "AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey, "AWS_SESSION_TOKEN": c.SessionToken,
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "KUBECONFIG": "/dev/null"} {
		a.t.Setenv(k, v)
	}
}

// run runs the program and returns what it wrote.
func run(t *testing.T, args ...string) (code int, d assess.Document, progress string) {
	t.Helper()
	var out, stderr bytes.Buffer
	code = cli.Run(t.Context(), append([]string{"assess", "--offline", "-o", "json"}, args...), strings.NewReader(""), &out, &stderr)
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatalf("exit code %d: %v\n%s%s", code, err, out.String(), stderr.String())
	}
	return code, d, stderr.String()
}

// complete says what is wrong with the JSON of an assessment: each finding has
// the same six keys, and an object unless it is about the cluster as a whole.
func complete(t *testing.T, d assess.Document) {
	t.Helper()
	data, err := json.Marshal(d.Findings)
	check(t, err)
	var all []map[string]any
	check(t, json.Unmarshal(data, &all))
	for _, f := range all {
		for _, key := range []string{"check", "severity", "blocks", "object", "evidence", "remedy"} {
			if _, there := f[key]; !there || f[key] == "" {
				t.Errorf("%s: no %s: %v", f["check"], key, f)
			}
		}
		if o, ok := f["object"].(map[string]any); ok && (o["apiVersion"] == "" || o["kind"] == "" || o["name"] == "") {
			t.Errorf("%s: object %v", f["check"], o)
		}
	}
}

func found(d assess.Document, check string, object string) *assess.Finding {
	i := slices.IndexFunc(d.Findings, func(f assess.Finding) bool {
		return f.Check == check && (object == "" || f.Object != nil && f.Object.Kind+" "+strings.TrimPrefix(f.Object.Namespace+"/"+f.Object.Name, "/") == object)
	})
	if i < 0 {
		return nil
	}
	return &d.Findings[i]
}

func TestAssessAClusterOfEKS(t *testing.T) {
	dir := t.TempDir()
	manifest, grant := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "grant.yaml")
	check(t, os.WriteFile(manifest, []byte(bad+"---"+remnants), 0o600))
	a := newAccount(t, "1.35", manifest)
	a.apply(widgets(true, true))
	a.apply(widgets(false, false))
	a.apply(release(t, "old", "---\n# Source: old/templates/pdb.yaml\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  name: old\n"))
	a.apply(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "kube-proxy-config", "namespace": "kube-system"},
		"data": map[string]any{"config": "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n"}})
	waitForBudget(t, a.rest())

	t.Run("what was refused can be granted", func(t *testing.T) {
		a.t = t
		a.person("newcomer", access.AssessingPolicy(), "newcomers")
		a.apply(map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": "newcomers"},
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "newcomers"}}})
		code, d, progress := run(t, "--cluster", "shop", "-n", "elsewhere", "--grant", grant, "--grant-user", a.user("newcomer"))
		// Without the nodes there is no plan: that blocks.
		if code != 5 || found(d, "perception-complete", "") == nil || len(d.NotChecked) < 5 || !strings.Contains(progress, "kubectl apply -f "+grant) {
			t.Fatalf("exit code %d, %s: %s; not checked: %+v\n%s", code, d.Decision, d.Reason, d.NotChecked, progress)
		}
		_, err := cluster.Load(t.Context(), a.rest(), grant)
		check(t, err)
		for _, n := range a.assessed().NotChecked {
			t.Errorf("not seen with what was granted: %+v", n)
		}
	})
	a.t = t
	for _, o := range access.Objects(false) {
		a.apply(o)
	}
	t.Run("with all permissions", func(t *testing.T) {
		a.t = t
		a.person("reader", access.AssessingPolicy(), string(access.Readers))
		d := a.assessed()
		for _, n := range d.NotChecked {
			t.Errorf("not seen with the policy of docs/assess-policy.json: %+v", n)
		}
		complete(t, d)
		for check, object := range want {
			if found(d, check, object) == nil {
				t.Errorf("no finding of %s on %q", check, object)
			}
		}
		if d.Drain == nil || d.Drain.FirstBlock == nil || !slices.ContainsFunc(d.Inside, func(i assess.Inside) bool {
			return i.Object.Name == "db" && slices.Contains(i.DependsOn.Hosts, "orders.abc.eu-west-1.rds.amazonaws.com")
		}) {
			t.Errorf("drain %+v, inside %+v", d.Drain, d.Inside)
		}
	})
	t.Run("with some permissions", func(t *testing.T) {
		a.t = t
		denied := []string{"iam:ListRoles", "servicequotas:GetServiceQuota", "elasticloadbalancing:DescribeLoadBalancers", "rds:DescribeDBInstances"}
		some := access.Assessing(access.AnyCluster())
		for i := range some {
			some[i].Actions = slices.DeleteFunc(slices.Clone(some[i].Actions), func(action string) bool { return slices.Contains(denied, action) })
		}
		some = slices.DeleteFunc(some, func(s access.Statement) bool { return len(s.Actions) == 0 })
		a.person("auditor", access.Document(some), string(access.Readers))
		code, d, progress := run(t, "--cluster", "shop", "-n", "elsewhere")
		if code != 4 || d.Decision != upgrade.GoWithApproval {
			t.Errorf("exit code %d, %s: %s\n%s", code, d.Decision, d.Reason, progress)
		}
		complete(t, d)
		for _, action := range denied {
			if !slices.ContainsFunc(d.NotChecked, func(n assess.Unseen) bool {
				return n.Source == upgrade.SourceAWS && strings.Contains(n.Why+n.Remedy, action)
			}) {
				t.Errorf("nothing says that %s was refused: %+v", action, d.NotChecked)
			}
		}
	})
	t.Run("tried on the target version", func(t *testing.T) {
		a.t = t
		newer := filepath.Join(t.TempDir(), "newer.yaml")
		check(t, os.WriteFile(newer, []byte(onlyAtTarget), 0o600))
		config := filepath.Join(t.TempDir(), "config")
		writeKubeconfig(t, a.rest(), config)
		_, d, progress := run(t, "--kubeconfig", config, "--context", "shop", "--manifests", newer, "--prove")
		if found(d, "lost-on-rollback", "MutatingAdmissionPolicy newer") == nil || found(d, "target-rejects", "") != nil {
			t.Errorf("%+v\n%s", d.Sources, progress)
		}
		if i := slices.IndexFunc(d.Sources, func(s assess.SourceReport) bool { return s.Source == upgrade.SourceScanners }); d.Sources[i].Status == assess.Unread || d.Sources[i].Status == assess.NotAsked {
			t.Errorf("%+v", d.Sources[i])
		}
	})
}

// assessed is the assessment of the cluster by whoever is logged in.
func (a *account) assessed() assess.Document {
	a.t.Helper()
	code, d, progress := run(a.t, "--cluster", "shop")
	if code != 5 || d.Decision != upgrade.NoGo || d.From.String() != "1.35" {
		a.t.Errorf("exit code %d, %s: %s\n%s", code, d.Decision, d.Reason, progress)
	}
	return d
}

// user is the name that the authenticator gives to a session of person.
func (a *account) user(name string) string {
	return "arn:aws:sts::" + a.world.Account() + ":assumed-role/" + name + "/" + name
}

// apply applies an object as the cluster's owner.
func (a *account) apply(object map[string]any) {
	a.t.Helper()
	client, err := kube.New(a.rest(), "shop", kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	check(a.t, err)
	_, err = client.Apply(a.t.Context(), &unstructured.Unstructured{Object: object}, "kubectl", false)
	check(a.t, err)
}
