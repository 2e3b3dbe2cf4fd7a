// Package importrules holds the directions in which packages may import each
// other, with the reason of each, and checks an import graph against them.
package importrules

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the path of the repository's module.
const Module = "github.com/eks-upgrade-agent/eks-upgrade-agent"

// Graph is the direct imports of packages, without those of their tests. Paths
// of the module are relative to it: "pkg/upgrade".
type Graph map[string][]string

// Rule forbids imports.
type Rule struct {
	Name    string
	Why     string
	From    func(pkg string) bool           // whom it is for
	Forbids func(pkg, imported string) bool // what they may not import
	Deep    bool                            // nor what their imports import
}

// phases are the packages that meet in pkg/upgrade only.
var phases = []string{"pkg/perception", "pkg/reasoning", "pkg/execution", "pkg/validation"}

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		{
			Name: "the domain is standard library only",
			Why:  "its rules can then be read, tested and trusted by themselves",
			From: under("pkg/upgrade"), Forbids: func(_, imported string) bool { return !standard(imported) && !under("pkg/upgrade")(imported) },
		},
		{
			Name: "phases do not import each other",
			Why:  "they meet in upgrade types; a change in one cannot break another",
			From: under(phases...), Deep: true,
			Forbids: func(pkg, imported string) bool {
				return under(phases...)(imported) && phaseOf(pkg) != phaseOf(imported)
			},
		},
		{
			Name: "the product does not import tests, commands or Lambdas",
			Why:  "what runs against real clusters has no test code in it, and wiring is the end of the line",
			From: under("pkg", "statemachine", "scripts", "lambdas"), Forbids: func(_, imported string) bool { return under("test", "cmd", "lambdas")(imported) },
		},
		{
			Name: "nothing imports a Lambda's main",
			Why:  "a handler is made by pkg/wire, in a Lambda and in a rehearsal alike",
			From: under("cmd", "test", "infra"), Forbids: func(_, imported string) bool { return under("lambdas")(imported) },
		},
		{
			Name: "only wiring and commands import wiring",
			Why:  "a package that wires itself cannot be tested without AWS",
			From: func(pkg string) bool { return under("pkg")(pkg) && !under("pkg/wire")(pkg) }, Forbids: func(_, imported string) bool { return under("pkg/wire")(imported) },
		},
		{
			Name: "the interpreter of the States Language knows no AWS SDK",
			Why:  "it interprets a language; what a task does is handed in",
			From: under("pkg/asl"), Deep: true,
			Forbids: func(_, imported string) bool { return strings.HasPrefix(imported, "github.com/aws/aws-sdk-go-v2") },
		},
		{
			Name: "a Lambda imports wiring only",
			Why:  "its main wires and does nothing else",
			From: under("lambdas"), Forbids: func(_, imported string) bool { return !standard(imported) && !under("pkg/wire")(imported) },
		},
		{
			Name: "a Lambda carries no typed clientset",
			Why:  "it pulls in all API groups of Kubernetes: 9 MB, and a slow start",
			From: under("lambdas"), Deep: true,
			Forbids: func(_, imported string) bool {
				return strings.HasPrefix(imported, "k8s.io/client-go/kubernetes/") || imported == "k8s.io/client-go/kubernetes" || imported == "k8s.io/client-go/discovery"
			},
		},
		{
			Name: "helpers of tests stay in tests",
			Why:  "a fake in the product could be taken for the real thing",
			From: func(pkg string) bool { return under("pkg", "cmd", "lambdas")(pkg) && !forTests(pkg) },
			Forbids: func(_, imported string) bool {
				return !standard(imported) && forTests(imported) || imported == "testing"
			},
		},
		{
			Name: "the real control plane stays in its own module",
			Why:  "Kubernetes's own module replaces 31 others; nobody who imports the agent should have to",
			From: func(string) bool { return true }, Deep: true,
			Forbids: func(_, imported string) bool {
				return under("test/controlplane")(imported) || imported == "k8s.io/kubernetes" || strings.HasPrefix(imported, "k8s.io/kubernetes/") || strings.HasPrefix(imported, "go.etcd.io/etcd/server/")
			},
		},
	}
}

// Check returns one line for each import that a rule forbids, in order.
func Check(g Graph, rules []Rule) []string {
	var broken []string
	for _, r := range rules {
		for pkg := range g {
			if !inModule(pkg) || !r.From(pkg) {
				continue
			}
			for imported, path := range imports(g, pkg, r.Deep) {
				if r.Forbids(pkg, imported) {
					broken = append(broken, fmt.Sprintf("%s: %s (%s)", r.Name, strings.Join(path, " -> "), r.Why))
				}
			}
		}
	}
	slices.Sort(broken)
	return broken
}

// imports returns what a package imports, with the way there.
func imports(g Graph, pkg string, deep bool) map[string][]string {
	paths := map[string][]string{}
	queue := [][]string{{pkg}}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		for _, next := range g[path[len(path)-1]] {
			if _, seen := paths[next]; seen || next == pkg {
				continue
			}
			way := append(slices.Clone(path), next)
			paths[next] = way
			if deep {
				queue = append(queue, way)
			}
		}
	}
	return paths
}

func under(folders ...string) func(string) bool {
	return func(pkg string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return pkg == f || strings.HasPrefix(pkg, f+"/") })
	}
}

func phaseOf(pkg string) string {
	i := slices.IndexFunc(phases, func(p string) bool { return under(p)(pkg) })
	if i < 0 {
		return ""
	}
	return phases[i]
}

// inModule reports whether a path is one of the module's own, which are
// relative. Other modules begin with a domain, the standard library's folders
// are not among ours.
func inModule(pkg string) bool {
	return under("pkg", "cmd", "lambdas", "test", "infra", "statemachine", "scripts", "events")(pkg)
}

func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".") && !inModule(pkg)
}

// forTests reports whether a package is a helper of tests: "tabletest".
func forTests(pkg string) bool {
	return inModule(pkg) && strings.HasSuffix(pkg[strings.LastIndex(pkg, "/")+1:], "test")
}
