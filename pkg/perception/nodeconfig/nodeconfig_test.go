package nodeconfig_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/nodeconfig"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	al2 = `#!/bin/bash
set -ex
# /etc/eks/bootstrap.sh shop --kubelet-extra-args '--not-this=1'
/etc/eks/bootstrap.sh shop --use-max-pods false \
  --kubelet-extra-args '--max-pods=110 --node-labels=team=shop,password=hunter2 --register-with-taints "a=b:NoSchedule" --feature-gates=RotateKubeletServerCertificate=true,Old=false' \
  --b64-cluster-ca "$B64" --apiserver-endpoint https://x
`
	nodeadm = `---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: shop
    certificateAuthority: c2VjcmV0
  kubelet:
    config:
      maxPods: 20
      featureGates:
        KubeletTracing: true
        Old: false
    flags:
      - --node-labels=a=b
      - "--container-runtime=remote --pod-infra-container-image pause:3"
`
	bottlerocket = `[settings.kubernetes]
cluster-name = "shop"
cpu-manager-policy = "static"
bootstrap-token = "hunter2"
[settings.kubernetes.node-labels]
a = "b"
`
)

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

func archive(parts ...string) string {
	s := "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n\n"
	for _, p := range parts {
		s += "--//\n" + p + "\n"
	}
	return s + "--//--\n"
}

func TestUserDataOfEveryImage(t *testing.T) {
	flags := []string{"--feature-gates=RotateKubeletServerCertificate=true,Old=false", "--max-pods=110", "--node-labels", "--register-with-taints=a=b:NoSchedule"}
	gates := map[string]bool{"RotateKubeletServerCertificate": true, "Old": false}
	ofAL2 := upgrade.NodeConfig{KubeletFlags: flags, FeatureGates: gates}
	ofNodeadm := upgrade.NodeConfig{KubeletFlags: []string{"--container-runtime=remote", "--node-labels", "--pod-infra-container-image=pause:3"},
		KubeletKeys: []string{"featureGates", "maxPods"}, FeatureGates: map[string]bool{"KubeletTracing": true, "Old": false}}
	tests := []struct {
		name string
		data []byte
		want upgrade.NodeConfig
	}{
		{"nothing", nil, upgrade.NodeConfig{}},
		{"Amazon Linux 2", []byte(al2), ofAL2},
		{"with Windows' line ends", []byte(strings.ReplaceAll(al2, "\n", "\r\n")), ofAL2},
		{"gzip", zipped(al2), ofAL2},
		{"Amazon Linux 2023", []byte(nodeadm), ofNodeadm},
		{"Amazon Linux 2023 in an archive", []byte(archive("Content-Type: application/node.eks.aws\n\n" + nodeadm)), ofNodeadm},
		{"a part in base64", []byte(archive("Content-Type: application/node.eks.aws\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(nodeadm)))), ofNodeadm},
		{"an archive in an archive", []byte(archive("Content-Type: multipart/mixed; boundary=\"in\"\n\n--in\nContent-Type: application/node.eks.aws\n\n" + nodeadm + "\n--in--\n")), ofNodeadm},
		{"a script that has nothing to do with the kubelet beside it", []byte(archive("Content-Type: text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/bash\nyum install -y x\n", "Content-Type: application/node.eks.aws\n\n"+nodeadm)), ofNodeadm},
		{"one part with a header", []byte("Content-Type: application/node.eks.aws\n\n" + nodeadm), ofNodeadm},
		{"Bottlerocket", []byte(bottlerocket), upgrade.NodeConfig{KubeletKeys: []string{"bootstrapToken", "clusterName", "cpuManagerPolicy", "nodeLabels"}}},
		{"Windows", []byte("<powershell>\n& $EKSBootstrapScriptFile -EKSClusterName shop -KubeletExtraArgs '--max-pods=5' 3>&1\n</powershell>"), upgrade.NodeConfig{KubeletFlags: []string{"--max-pods=5"}}},
		{"arguments from a variable", []byte("#!/bin/sh\nKUBELET_EXTRA_ARGS=\"--v=2 $MORE\"\n/etc/eks/bootstrap.sh x"), upgrade.NodeConfig{KubeletFlags: []string{"--v=2"}, Unread: "its script computes arguments of the kubelet"}},
		{"a script that edits the kubelet's file", []byte("#!/bin/sh\njq . /etc/kubernetes/kubelet/kubelet-config.json"), upgrade.NodeConfig{Unread: "its script changes the kubelet's files, which is not followed"}},
		{"cloud-config", []byte("#cloud-config\nruncmd:\n - /etc/eks/bootstrap.sh x --kubelet-extra-args '--v=3'\n"), upgrade.NodeConfig{KubeletFlags: []string{"--v=3"}, Unread: "its cloud-config speaks of the kubelet, and is not followed"}},
		{"cloud-config of packages only", []byte("#cloud-config\npackages: [x]\n"), upgrade.NodeConfig{}},
		{"a secret where flags are", []byte("#!/bin/sh\nbootstrap.sh --kubelet-extra-args '--token=abc --x=$(cat /secret) --Y hunter2'"), upgrade.NodeConfig{KubeletFlags: []string{"--token", "--x"}, Unread: "its script computes arguments of the kubelet"}},
		{"another format", []byte("hunter2"), upgrade.NodeConfig{Unread: "it is in no format that is known"}},
		{"TOML of something else", []byte("[other]\na = 1"), upgrade.NodeConfig{Unread: "it is in no format that is known"}},
		{"broken gzip", zipped(al2)[:30], upgrade.NodeConfig{Unread: "its gzip ends early or is damaged"}},
		{"an archive that ends early", []byte("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n\n--//\nContent-Type: text/plain\n\nx"), upgrade.NodeConfig{Unread: "its MIME archive cannot be read"}},
		{"zeros that grow", zipped(strings.Repeat("\x00", 4<<20)), upgrade.NodeConfig{Unread: "it is too large"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := nodeconfig.Read(tt.data)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if text := fmt.Sprint(got); strings.Contains(text, "hunter2") || strings.Contains(text, "c2VjcmV0") {
				t.Errorf("a secret is kept: %s", text)
			}
			if diff := cmp.Diff(got, nodeconfig.ReadBase64(base64.StdEncoding.EncodeToString(tt.data))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := nodeconfig.ReadBase64("not base64!"); got.Unread == "" {
		t.Error("no base64 is read")
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{al2, nodeadm, bottlerocket, archive("Content-Type: application/node.eks.aws\n\n" + nodeadm), string(zipped(al2)), "#cloud-config\n", "<powershell>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := nodeconfig.Read(data)
		text, err := json.Marshal(got)
		if err != nil || len(text) > 100_000 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		if diff := cmp.Diff(got, nodeconfig.Read(data)); diff != "" {
			t.Fatal(diff)
		}
	})
}
