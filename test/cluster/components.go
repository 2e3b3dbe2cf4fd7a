package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// instance is one cluster: its state folder, its certificates, its ports, and
// the processes that run now. The fleet's per-cluster lock guards it.
type instance struct {
	name    string
	version string // "1.34"
	dir     string
	etcdURL string
	apiPort int
	pki     *pki
	admin   pair
	settler *settler
	ingress *Ingress

	etcd, apiServer, controllerManager, scheduler, kwok *process

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
	if i.pki, err = newPKI(i.name, filepath.Join(i.dir, "pki")); err != nil {
		return err
	}
	serving, err := i.pki.server()
	if err != nil {
		return err
	}
	if i.admin, err = i.pki.client("kubernetes-admin", "system:masters"); err != nil {
		return err
	}
	signKey, signPub, err := serviceAccountKeys()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"server.crt": serving.cert, "server.key": serving.key, "sa.key": signKey, "sa.pub": signPub,
	} {
		if err := i.pki.write(name, text); err != nil {
			return err
		}
	}
	for name, identity := range map[string]struct {
		user   string
		groups []string
	}{
		"kube-controller-manager": {"system:kube-controller-manager", nil},
		"kube-scheduler":          {"system:kube-scheduler", nil},
		"kwok":                    {"kwok", []string{"system:masters"}},
	} {
		signed, err := i.pki.client(identity.user, identity.groups...)
		if err != nil {
			return err
		}
		if err := i.writeKubeconfig(name, i.url(), &clientcmdapi.AuthInfo{
			ClientCertificateData: signed.cert, ClientKeyData: signed.key,
		}, i.pki.caPEM); err != nil {
			return err
		}
	}
	egress := strings.Replace(noEgress, "SOCKET", filepath.Join(i.dir, "nothing-listens-here"), 1)
	if err := os.WriteFile(filepath.Join(i.dir, "egress.yaml"), []byte(egress), 0o600); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if tokenWebhook == "" {
		return nil
	}
	return i.writeKubeconfig("token-webhook", tokenWebhook, &clientcmdapi.AuthInfo{}, nil)
}

// noEgress keeps the API server from dialling pods, services and nodes (for
// webhooks, API services, logs): their addresses are made up, and somebody else
// on the network of this machine may have them.
const noEgress = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: SOCKET
`

func (i *instance) kubeconfig(name string) string { return i.pki.path(name + ".conf") }

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
	return i.pki.write(name+".conf", text)
}

func serviceAccountKeys() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster: cannot make the service account key: %w", err)
	}
	privateDER, err := x509.MarshalECPrivateKey(key)
	publicDER, err2 := x509.MarshalPKIXPublicKey(key.Public())
	if err := errors.Join(err, err2); err != nil {
		return nil, nil, fmt.Errorf("cluster: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: privateDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}), nil
}

func (i *instance) etcdArgs(peerPort int) []string {
	peer := fmt.Sprintf("http://127.0.0.1:%d", peerPort)
	return []string{
		"--name=etcd",
		"--data-dir=" + filepath.Join(i.dir, "etcd"),
		"--listen-client-urls=" + i.etcdURL,
		"--advertise-client-urls=" + i.etcdURL,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=etcd=" + peer,
		"--unsafe-no-fsync", // a rehearsal's data need not survive the machine; halves load times
		"--log-level=warn",
	}
}

func (i *instance) apiServerArgs(tokenWebhook bool) []string {
	args := []string{
		"--emulated-version=" + i.version,
		"--etcd-servers=" + i.etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", i.apiPort),
		"--tls-cert-file=" + i.pki.path("server.crt"),
		"--tls-private-key-file=" + i.pki.path("server.key"),
		"--client-ca-file=" + i.pki.path("ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--service-account-issuer=" + i.url(),
		"--service-account-key-file=" + i.pki.path("sa.pub"),
		"--service-account-signing-key-file=" + i.pki.path("sa.key"),
		"--service-cluster-ip-range=10.100.0.0/16", // EKS's own default
		"--endpoint-reconciler-type=none",          // loopback is no valid endpoint of default/kubernetes
		"--allow-privileged=true",                  // as on EKS
		"--egress-selector-config-file=" + filepath.Join(i.dir, "egress.yaml"),
		"--profiling=false",
		"--event-ttl=10m",
		// A stop waits for watchers to go, a minute by default.
		"--shutdown-watch-termination-grace-period=2s",
		"--max-requests-inflight=200",
		"--max-mutating-requests-inflight=100",
	}
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
		"--service-account-private-key-file=" + i.pki.path("sa.key"),
		"--root-ca-file=" + i.pki.path("ca.crt"),
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

// environment is what components see of this program's: nothing but the path.
// Two collectors' worth of garbage is traded for half the memory.
func environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "GOGC=60", "GOMAXPROCS=2"}, extra...)
}
