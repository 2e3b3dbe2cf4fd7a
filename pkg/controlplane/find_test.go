package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func environ(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
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
			got, err := CacheDir(environ(test.env))
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestWhereTheProgramsAreLookedFor(t *testing.T) {
	program := func(names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	one, two, beside := program("controlplane"), program("kube-apiserver", "etcd"), program("controlplane")
	built := program("controlplane/" + KubernetesVersion + "-0123456789ab/controlplane")
	elsewhere, empty := t.TempDir(), t.TempDir()
	tests := []struct {
		name    string
		path    string
		env     map[string]string
		beside  string
		want    string // the API server
		bundled bool
	}{
		{"the program", filepath.Join(one, "controlplane"), nil, beside, filepath.Join(one, "controlplane"), true},
		{"its folder", one, nil, beside, filepath.Join(one, "controlplane"), true},
		{"a folder of two", two, nil, beside, filepath.Join(two, "kube-apiserver"), false},
		{"by the environment", "", map[string]string{PathVariable: two, "KUBEBUILDER_ASSETS": one}, beside, filepath.Join(two, "kube-apiserver"), false},
		{"of envtest", "", map[string]string{"KUBEBUILDER_ASSETS": two}, beside, filepath.Join(two, "kube-apiserver"), false},
		{"beside this program", "", map[string]string{"EKS_UPGRADE_AGENT_CACHE": built}, beside, filepath.Join(beside, "controlplane"), true},
		{"in the cache", "", map[string]string{"EKS_UPGRADE_AGENT_CACHE": built}, elsewhere, filepath.Join(built, "controlplane", KubernetesVersion+"-0123456789ab", "controlplane"), true},
		{"nowhere", "", map[string]string{"EKS_UPGRADE_AGENT_CACHE": empty}, elsewhere, "", false},
		{"a folder without them", empty, nil, beside, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := find(tt.path, environ(tt.env), elsewhere, tt.beside)
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), "make control-plane") {
					t.Error(p, err)
				}
				return
			}
			if err != nil || p.APIServer[0] != tt.want || p.Bundled != tt.bundled {
				t.Error(p, err)
			}
		})
	}
}
