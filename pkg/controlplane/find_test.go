package controlplane

import "testing"

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
