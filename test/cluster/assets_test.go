package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

func program(t *testing.T, file string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func environ(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestAssetsOutsideASourceTreeAreTheNewestBuild(t *testing.T) {
	cache, elsewhere := t.TempDir(), t.TempDir()
	env := environ(map[string]string{"EKS_UPGRADE_AGENT_CACHE": cache})
	old := filepath.Join(cache, "controlplane", controlplane.KubernetesVersion+"-000000000000")
	_, err := findAssets(env, elsewhere)
	if err == nil || !strings.Contains(err.Error(), BuildCommand) {
		t.Fatalf("nothing built: err = %v", err)
	}
	program(t, filepath.Join(old, "controlplane"))
	program(t, filepath.Join(old, "kwok-"+controlplane.KWOKVersion))
	newer := program(t, filepath.Join(cache, "controlplane", controlplane.KubernetesVersion+"-111111111111", "controlplane"))
	program(t, filepath.Join(cache, "controlplane", "v1.36.0-222222222222", "controlplane"))
	if err := os.Chtimes(filepath.Join(old, "controlplane"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	assets, err := findAssets(env, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if assets.APIServer[0] != newer || assets.APIServer[1] != "kube-apiserver" || !assets.Bundled {
		t.Errorf("assets = %+v, want those of %s", assets, newer)
	}
}

func TestKubebuilderAssets(t *testing.T) {
	folder, cache := t.TempDir(), t.TempDir()
	env := environ(map[string]string{"EKS_UPGRADE_AGENT_CACHE": cache, "KUBEBUILDER_ASSETS": folder})
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		_, err := findAssets(env, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), folder) {
			t.Fatalf("without %s: err = %v", name, err)
		}
		program(t, filepath.Join(folder, name))
	}
	if _, err := findAssets(env, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no program kwok") {
		t.Fatalf("without kwok: err = %v", err)
	}
	cached := program(t, filepath.Join(cache, "controlplane", controlplane.KubernetesVersion+"-000000000000", "kwok-"+controlplane.KWOKVersion))
	assets, err := findAssets(env, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if assets.KWOK[0] != cached || assets.Etcd[0] != filepath.Join(folder, "etcd") || assets.Bundled {
		t.Errorf("assets = %+v", assets)
	}
	own := program(t, filepath.Join(folder, "kwok"))
	if assets, err = findAssets(env, t.TempDir()); err != nil || assets.KWOK[0] != own {
		t.Errorf("kwok = %v, err = %v", assets.KWOK, err)
	}
}

// TestScriptAndFinderAgree makes the script find a build where the finder looks.
func TestScriptAndFinderAgree(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, ok := controlplane.SourceRoot(wd)
	if !ok {
		t.Fatal("this test is not in the source tree")
	}
	key, err := controlplane.BuildKey(filepath.Join(root, "test", "controlplane"))
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	built := filepath.Join(cache, "controlplane", key)
	program(t, filepath.Join(built, "controlplane"))
	program(t, filepath.Join(built, "kwok-"+controlplane.KWOKVersion))
	script := exec.Command(filepath.Join(root, BuildCommand))
	// Without go on the path the script can only succeed if it finds the build.
	script.Env = []string{"EKS_UPGRADE_AGENT_CACHE=" + cache, "PATH=/usr/bin:/bin"}
	script.Stderr = os.Stderr
	out, err := script.Output()
	if err != nil || strings.TrimSpace(string(out)) != built {
		t.Errorf("the script says %q, %v; want %s", out, err, built)
	}
	if _, err := findAssets(environ(map[string]string{"EKS_UPGRADE_AGENT_CACHE": cache}), wd); err != nil {
		t.Error(err)
	}
}
