package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam"
)

// exercised is what the agent's roles were asked for and did in all rehearsals:
// actions, by role.
var exercised = struct {
	sync.Mutex
	actions map[string]map[string]bool
}{actions: map[string]map[string]bool{}}

// permitted checks that no call of the agent was refused: IAM is on in every
// rehearsal, and each role has the permissions of package access, which are
// those of the template. It notes what was used.
func permitted(t *testing.T) func([]iam.Usage) {
	return func(all []iam.Usage) {
		exercised.Lock()
		defer exercised.Unlock()
		for _, u := range all {
			role := u.Principal[strings.LastIndex(u.Principal, "/")+1:]
			if _, own := access.RoleNamed(role, access.Names{}); !own {
				continue
			}
			if exercised.actions[role] == nil {
				exercised.actions[role] = map[string]bool{}
			}
			for _, p := range u.Used {
				if p.Refused > 0 {
					t.Errorf("%s was refused %s on %s, %d times", role, p.Action, p.Resource, p.Refused)
				}
				if p.Allowed > 0 {
					exercised.actions[role][strings.ToLower(p.Action)] = true
				}
			}
		}
	}
}

// seen checks that the agent may see in the cluster what it looks at.
func seen(t *testing.T, a upgrade.Assessment) {
	t.Helper()
	for _, f := range a.Findings {
		text := fmt.Sprintf("%+v", f)
		if f.NotChecked && (strings.Contains(text, "forbidden") || strings.Contains(text, "Unauthorized")) {
			t.Errorf("the agent may not see all: %s", text)
		}
	}
}

// whole reports whether all tests were to run.
func whole() bool {
	f := flag.Lookup("test.run")
	return !testing.Short() && (f == nil || f.Value.String() == "")
}

// concerns reports whether a role is one of those that are named.
func concerns(names []string, role string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		prefix, all := strings.CutSuffix(n, "*")
		return n == role || all && strings.HasPrefix(role, prefix)
	})
}

// unexercised returns what is wrong with the permissions after all rehearsals:
// those that nobody used, though they are not among those that a rehearsal
// cannot use, and those that are among them and were used.
func unexercised(actions map[string]map[string]bool) []string {
	var wrong []string
	for _, role := range access.Roles(access.Names{Partition: "aws", Clusters: []string{"c"}, HostedZones: []string{"Z"}, Roles: []string{"r"}}) {
		excused, own := map[string]bool{}, map[string]bool{}
		for _, e := range elsewhere {
			if !concerns(e.roles, role.Name) {
				continue
			}
			for _, action := range e.actions {
				excused[action] = true
				own[action] = own[action] || slices.Contains(e.roles, role.Name)
			}
		}
		given := map[string]bool{}
		for _, s := range role.Statements {
			for _, action := range s.Actions {
				given[action] = true
				used := actions[role.Name][strings.ToLower(action)] // IAM knows no case
				switch {
				case !used && !excused[action]:
					wrong = append(wrong, fmt.Sprintf("%s may %s, which no rehearsal needed: take it away in pkg/access, or say in test/e2e who exercises it", role.Name, action))
				case used && own[action]:
					wrong = append(wrong, fmt.Sprintf("%s used %s: take it off the list of what rehearsals do not exercise", role.Name, action))
				}
			}
		}
		for action := range own {
			if own[action] && !given[action] && action != "execute-api:ManageConnections" { // that is given with the API's id only
				wrong = append(wrong, fmt.Sprintf("%s may not %s any more: take it off the list of what rehearsals do not exercise", role.Name, action))
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

func TestUnusedPermissionsAreNamed(t *testing.T) {
	said := func(actions map[string]map[string]bool, want string) bool {
		return slices.ContainsFunc(unexercised(actions), func(line string) bool { return strings.HasPrefix(line, want) })
	}
	unused := "eks-upgrade-lease may dynamodb:PutItem, which no rehearsal needed"
	if !said(nil, unused) {
		t.Error("a permission that nobody used is not named")
	}
	if said(map[string]map[string]bool{"eks-upgrade-lease": {"dynamodb:putitem": true}}, unused) {
		t.Error("a permission that was used is named")
	}
	if said(nil, "eks-upgrade-execute may codebuild:StopBuild") {
		t.Error("a permission with a reason is named")
	}
	if !said(map[string]map[string]bool{"eks-upgrade-execute": {"codebuild:stopbuild": true}}, "eks-upgrade-execute used codebuild:StopBuild") {
		t.Error("a reason that does not hold is not named")
	}
}
