package checks

import (
	"strings"
	"testing"
)

func TestParseImage(t *testing.T) {
	for reference, want := range map[string]image{
		"nginx":                                 {registry: "docker.io", path: "nginx"},
		"nginx:1.29":                            {registry: "docker.io", path: "nginx", tag: "1.29"},
		"grafana/grafana:12":                    {registry: "docker.io", path: "grafana/grafana", tag: "12"},
		"registry.k8s.io/pause:3.9":             {registry: "registry.k8s.io", path: "pause", tag: "3.9"},
		"localhost/x:1":                         {registry: "localhost", path: "x", tag: "1"},
		"registry:5000/a/b":                     {registry: "registry:5000", path: "a/b"},
		"registry.k8s.io/a/b:v1@sha256:0123":    {registry: "registry.k8s.io", path: "a/b", tag: "v1", digest: "sha256:0123"},
		"registry.k8s.io/a/b@sha256:0123456789": {registry: "registry.k8s.io", path: "a/b", digest: "sha256:0123456789"},
		"":                                      {registry: "docker.io"},
	} {
		if got := parseImage(reference); got != want {
			t.Errorf("%q: %+v, want %+v", reference, got, want)
		}
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]productRelease{"v1.31.2-minimal-eksbuild.3": {1, 31, 2}, "1.28": {1, 28, 0}, "6.1.132-147.221.amzn2023.x86_64": {6, 1, 132}, "v0.37.7": {0, 37, 7}} {
		if got, ok := parseRelease(text); !ok || got != want {
			t.Errorf("%q: %+v %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "latest", "v1", "main-1.2", "sha256", "1.2.3.4.5x/", "99999999999999999999.1"} {
		if got, ok := parseRelease(text); ok && text != "1.2.3.4.5x/" {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func FuzzParseImage(f *testing.F) {
	for _, s := range []string{"nginx", "a:b/c:d@e:f", "///", ":", "@", "registry.k8s.io/a/b:v1@sha256:0123"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i := parseImage(s)
		if i.registry != "docker.io" && !strings.HasPrefix(s, i.registry+"/") {
			t.Errorf("%q: registry %q", s, i.registry)
		}
		i.release()
		_, _ = i.name(), i.is(s)
		flagOf(s)
		share(s, 7)
		gatesIn([]string{"--feature-gates=" + s})
	})
}
