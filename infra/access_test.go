package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// made stands for what only AWS knows: the key, the ids of APIs, the asset.
const made = "arn:made"

// What is proved of pkg/access (that rehearsals need no more, and use all of
// it) holds of the template: both say the same, word for word.
func TestTheTemplateSaysWhatPackageAccessSays(t *testing.T) {
	for name, one := range map[string]template{"full": full, "least": least} {
		t.Run(name, func(t *testing.T) {
			s, err := deploy.Load(filepath.Join("testdata", name+".yaml"), nil)
			if err != nil {
				t.Fatal(err)
			}
			names := s.Names("aws")
			names.Key, names.Source, names.StreamAPI, names.VPC = made, made, "made", s.VPC.Inside()
			got := permissions(t, one)
			for _, r := range access.Roles(names) {
				if _, there := got[r.Name]; !there {
					continue // TestTheRolesAreThoseOfPackageAccess
				}
				if diff := cmp.Diff(lines(stated(t, r.Statements)), lines(got[r.Name])); diff != "" {
					t.Errorf("%s (-access +template):\n%s", r.Name, diff)
				}
			}
		})
	}
}

func stated(t *testing.T, all []access.Statement) []permission {
	t.Helper()
	var out []permission
	for _, s := range all {
		condition := ""
		if s.Condition != nil {
			data, err := json.Marshal(s.Condition)
			if err != nil {
				t.Fatal(err)
			}
			condition = string(data)
		}
		for _, action := range s.Actions {
			for _, on := range s.Resources {
				out = append(out, permission{action, on, condition})
			}
		}
	}
	return out
}

// lines are permissions in order, with made for what only AWS knows.
func lines(all []permission) []string {
	var out []string
	for _, p := range all {
		if strings.HasPrefix(p.resource, "{") || strings.Contains(p.resource, "cdk-hnb659fds-assets") || strings.Contains(p.resource, ":made/") {
			p.resource = made
		}
		out = append(out, p.action+" "+p.resource+" "+p.condition)
	}
	slices.Sort(out)
	return out
}
