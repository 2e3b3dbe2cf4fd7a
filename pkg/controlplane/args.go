package controlplane

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
)

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

// ForAPIServer makes an authority with all that APIServerArgs and a
// controller-manager read: certificates, service account keys, egress.
func ForAPIServer(name, dir string) (*PKI, error) {
	p, err := NewPKI(name, dir)
	if err != nil {
		return nil, err
	}
	serving, err := p.Server()
	if err != nil {
		return nil, err
	}
	signKey, signPub, err := serviceAccountKeys()
	if err != nil {
		return nil, err
	}
	egress := strings.Replace(noEgress, "SOCKET", filepath.Join(dir, "nothing-listens-here"), 1)
	for name, text := range map[string][]byte{
		"server.crt": serving.Certificate, "server.key": serving.Key, "sa.key": signKey, "sa.pub": signPub, "egress.yaml": []byte(egress),
	} {
		if err := p.Write(name, text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func serviceAccountKeys() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("controlplane: cannot make the service account key: %w", err)
	}
	privateDER, err := x509.MarshalECPrivateKey(key)
	publicDER, err2 := x509.MarshalPKIXPublicKey(key.Public())
	if err := errors.Join(err, err2); err != nil {
		return nil, nil, fmt.Errorf("controlplane: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: privateDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}), nil
}

// EtcdArgs are the arguments of an etcd whose data need not survive the machine.
func EtcdArgs(dataDir, clientURL, peerURL string) []string {
	return []string{
		"--name=etcd",
		"--data-dir=" + dataDir,
		"--listen-client-urls=" + clientURL,
		"--advertise-client-urls=" + clientURL,
		"--listen-peer-urls=" + peerURL,
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=etcd=" + peerURL,
		"--unsafe-no-fsync", // halves load times
		"--log-level=warn",
	}
}

// APIServerArgs are what every API server here is given: a minor version such as
// "1.34", loopback only, and settings as EKS has them. Add who may do what.
func APIServerArgs(p *PKI, version, etcdURL string, port int) []string {
	return []string{
		"--emulated-version=" + version,
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + p.Path("server.crt"),
		"--tls-private-key-file=" + p.Path("server.key"),
		"--client-ca-file=" + p.Path("ca.crt"),
		fmt.Sprintf("--service-account-issuer=https://127.0.0.1:%d", port),
		"--service-account-key-file=" + p.Path("sa.pub"),
		"--service-account-signing-key-file=" + p.Path("sa.key"),
		"--service-cluster-ip-range=10.100.0.0/16", // EKS's own default
		"--endpoint-reconciler-type=none",          // loopback is no valid endpoint of default/kubernetes
		"--allow-privileged=true",                  // as on EKS
		"--egress-selector-config-file=" + p.Path("egress.yaml"),
		"--profiling=false",
		// A stop waits for watchers to go, a minute by default.
		"--shutdown-watch-termination-grace-period=2s",
	}
}

// Environment is what components see of this program's: nothing but the path.
// Two collectors' worth of garbage is traded for half the memory.
func Environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "GOGC=60", "GOMAXPROCS=2"}, extra...)
}
