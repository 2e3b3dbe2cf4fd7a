package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/util/compatibility"
)

func TestRunPicksTheComponent(t *testing.T) {
	saved := os.Args
	t.Cleanup(func() { os.Args = saved })
	components := map[string]func() int{"etcd": func() int { return 7 }, "version": func() int { return 0 }}
	tests := []struct {
		name   string
		args   []string
		code   int
		stderr []string
	}{
		{"no component", nil, 2, []string{"usage: controlplane etcd|version [flags]"}},
		{"unknown component", []string{"kubelet"}, 2, []string{`unknown component "kubelet"`, "usage: controlplane etcd|version"}},
		{"the component's exit code is ours", []string{"etcd", "--data-dir=x"}, 7, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(test.args, components, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr %q lacks %q", stderr.String(), want)
				}
			}
			if test.stderr == nil && (stderr.Len() > 0 || os.Args[0] != test.args[0] || len(os.Args) != len(test.args)) {
				t.Errorf("os.Args = %q, stderr %q", os.Args, stderr.String())
			}
		})
	}
}

func TestReportedVersionIsTheEmulatedOne(t *testing.T) {
	effective := compatibility.DefaultBuildEffectiveVersion()
	effective.SetEmulationVersion(version.MustParse("1.35"))
	info := reporting{effective, "v1.35.9-eks-0123abc"}.Info()
	if info.Major != "1" || info.Minor != "35" || info.GitVersion != "v1.35.9-eks-0123abc" {
		t.Errorf("info = %+v", info)
	}
}
