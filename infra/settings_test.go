package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSettings(t *testing.T) {
	good := map[string]any{"account": "123456789012", "region": "eu-west-1", "clusters": "shop, shop-green*", "hostedZones": "Z1,Z2", "roles": "shop-cluster,team/shop-nodes", "dist": "../dist"}
	with := func(key string, value any) map[string]any {
		m := maps.Clone(good)
		m[key] = value
		return m
	}
	got, err := readSettings(func(key string) any { return good[key] })
	want := Settings{Account: "123456789012", Region: "eu-west-1", Clusters: []string{"shop", "shop-green*"}, HostedZones: []string{"Z1", "Z2"},
		Roles: []string{"shop-cluster", "team/shop-nodes"}, Dist: "../dist"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, c := range []struct {
		name    string
		context map[string]any
		says    string
	}{
		{"a short account", with("account", "12345"), `context account: "12345" is not valid; give the id`},
		{"a zone for a region", with("region", "eu-west-1a"), `context region: "eu-west-1a" is not valid`},
		{"no clusters", with("clusters", nil), "context clusters is missing; name the EKS clusters"},
		{"empty clusters", with("clusters", ""), "context clusters is missing"},
		{"all clusters", with("clusters", "*"), `context clusters: "*" is not valid`},
		{"an ARN for a cluster", with("clusters", "shop,arn:aws:eks:eu-west-1:1:cluster/x"), `"arn:aws:eks:eu-west-1:1:cluster/x" is not valid`},
		{"a comma at the end", with("clusters", "shop,"), `context clusters: "" is not valid`},
		{"a domain for a zone", with("hostedZones", "example.com"), `context hostedZones: "example.com" is not valid`},
		{"all roles", with("roles", "*"), `context roles: "*" is not valid`},
		{"a list that is no text", with("roles", []any{"a"}), "context roles: [a] is not text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readSettings(func(key string) any { return c.context[key] })
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %s", err, c.says)
			}
		})
	}
	t.Run("everything that is wrong is said", func(t *testing.T) {
		_, err := readSettings(func(string) any { return nil })
		if err == nil || strings.Count(err.Error(), "is missing") != len(good) {
			t.Errorf("got %v", err)
		}
	})
}
