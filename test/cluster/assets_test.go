package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	old := filepath.Join(cache, "controlplane", kubernetesVersion+"-000000000000")
	_, err := findAssets(env, elsewhere)
	if err == nil || !strings.Contains(err.Error(), BuildCommand) {
		t.Fatalf("nothing built: err = %v", err)
	}
	program(t, filepath.Join(old, "controlplane"))
	program(t, filepath.Join(old, "kwok-"+kwokVersion))
	newer := program(t, filepath.Join(cache, "controlplane", kubernetesVersion+"-111111111111", "controlplane"))
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
	cached := program(t, filepath.Join(cache, "controlplane", kubernetesVersion+"-000000000000", "kwok-"+kwokVersion))
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
	root, ok := sourceRoot(wd)
	if !ok {
		t.Fatal("this test is not in the source tree")
	}
	key, err := buildKey(filepath.Join(root, "test", "controlplane"))
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	built := filepath.Join(cache, "controlplane", key)
	program(t, filepath.Join(built, "controlplane"))
	program(t, filepath.Join(built, "kwok-"+kwokVersion))
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

func TestCacheDir(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"own variable", map[string]string{"EKS_UPGRADE_AGENT_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"},
		{"XDG", map[string]string{"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/eks-upgrade-agent"},
		{"home", map[string]string{"HOME": "/h"}, "/h/.cache/eks-upgrade-agent"},
		{"relative", map[string]string{"EKS_UPGRADE_AGENT_CACHE": "c"}, ""},
		{"nothing", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := cacheDir(environ(test.env))
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}
