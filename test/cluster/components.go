package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// instance is one cluster: its state folder, its certificates, its ports, and
// the processes that run now. The fleet's per-cluster lock guards it.
type instance struct {
	name    string
	version string // "1.34"
	dir     string
	etcdURL string
	apiPort int
	pki     *controlplane.PKI
	admin   controlplane.Pair
	settler *settler
	ingress *Ingress

	etcd, apiServer, controllerManager, scheduler, kwok *controlplane.Process

	unready []string // namespaces whose new pods never become ready; "*" is all
}

func (i *instance) url() string { return fmt.Sprintf("https://127.0.0.1:%d", i.apiPort) }

func (i *instance) logFile(component string) string {
	return filepath.Join(i.dir, "logs", component+".log")
}

// prepare writes everything that the components read.
func (i *instance) prepare(tokenWebhook string) error {
	if err := os.MkdirAll(filepath.Join(i.dir, "logs"), 0o700); err != nil {
		return fmt.Errorf("cluster: cannot keep the state of %s: %w", i.name, err)
	}
	var err error
	if i.pki, err = controlplane.ForAPIServer(i.name, filepath.Join(i.dir, "pki")); err != nil {
		return err
	}
	if i.admin, err = i.pki.Client("kubernetes-admin", "system:masters"); err != nil {
		return err
	}
	for name, identity := range map[string]struct {
		user   string
		groups []string
	}{
		"kube-controller-manager": {"system:kube-controller-manager", nil},
		"kube-scheduler":          {"system:kube-scheduler", nil},
		"kwok":                    {"kwok", []string{"system:masters"}},
	} {
		signed, err := i.pki.Client(identity.user, identity.groups...)
		if err != nil {
			return err
		}
		if err := i.writeKubeconfig(name, i.url(), &clientcmdapi.AuthInfo{
			ClientCertificateData: signed.Certificate, ClientKeyData: signed.Key,
		}, i.pki.CA); err != nil {
			return err
		}
	}
	if tokenWebhook == "" {
		return nil
	}
	return i.writeKubeconfig("token-webhook", tokenWebhook, &clientcmdapi.AuthInfo{}, nil)
}

func (i *instance) kubeconfig(name string) string { return i.pki.Path(name + ".conf") }

func (i *instance) writeKubeconfig(name, url string, auth *clientcmdapi.AuthInfo, ca []byte) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: ca}
	config.AuthInfos["me"] = auth
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "me"}
	config.CurrentContext = "here"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return i.pki.Write(name+".conf", text)
}

func (i *instance) apiServerArgs(tokenWebhook bool) []string {
	args := append(controlplane.APIServerArgs(i.pki, i.version, i.etcdURL, i.apiPort),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--event-ttl=10m",
		"--max-requests-inflight=200",
		"--max-mutating-requests-inflight=100")
	if tokenWebhook {
		args = append(args,
			"--authentication-token-webhook-config-file="+i.kubeconfig("token-webhook"),
			"--authentication-token-webhook-version=v1",
			"--authentication-token-webhook-cache-ttl=10s")
	}
	return args
}

// idleControllers have nothing to do here: no cloud, no metrics, no kubelet's
// certificates, no volumes to attach. Other versions know them by other names, so
// that only the bundled programs are told.
var idleControllers = []string{
	"certificatesigningrequest-approving-controller", "certificatesigningrequest-cleaner-controller",
	"certificatesigningrequest-signing-controller", "podcertificaterequest-cleaner-controller",
	"kube-apiserver-serving-clustertrustbundle-publisher-controller",
	"device-taint-eviction-controller", "resourceclaim-controller", "resourcepoolstatusrequest-controller",
	"horizontal-pod-autoscaler-controller", "node-ipam-controller",
	"persistentvolume-attach-detach-controller", "persistentvolume-expander-controller",
	"legacy-serviceaccount-token-cleaner-controller", "storage-version-migrator-controller",
	"storageversion-garbage-collector-controller", "ttl-controller", "service-cidr-controller",
}

func (i *instance) controllerManagerArgs(bundled bool) []string {
	controllers := "*"
	if bundled {
		controllers += ",-" + strings.Join(idleControllers, ",-")
	}
	return []string{
		"--emulated-version=" + i.version,
		"--kubeconfig=" + i.kubeconfig("kube-controller-manager"),
		"--service-account-private-key-file=" + i.pki.Path("sa.key"),
		"--root-ca-file=" + i.pki.Path("ca.crt"),
		"--use-service-account-credentials", // each controller has a role of its own
		"--controllers=" + controllers,
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=300",
		"--kube-api-burst=600",
	}
}

func (i *instance) schedulerArgs() []string {
	return []string{
		"--emulated-version=" + i.version,
		"--kubeconfig=" + i.kubeconfig("kube-scheduler"),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=300",
		"--kube-api-burst=600",
	}
}

func (i *instance) kwokArgs(config string) []string {
	return []string{
		"--kubeconfig=" + i.kubeconfig("kwok"),
		"--config=" + config,
		"--manage-all-nodes",
		"--v=WARN",
		"--node-lease-duration-seconds=40",
		"--cidr=10.0.128.0/17", // pods of EKS have addresses of the VPC
	}
}
