// Package events holds the EventBridge patterns of the rules that the stack
// makes, with a JSON Schema and sample events for each. The stack embeds these
// very files; the tests fire the samples at the simulated EventBridge.
package events

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed patterns schemas samples
var files embed.FS

// Source of the agent's own events; they travel on Bus.
const Source = "eks-upgrade-agent"

// Bus is the name of the agent's event bus.
const Bus = "eks-upgrade"

// The detail types of the agent's own events.
const (
	UpgradeRequested = "Upgrade Requested" // in: detail is an upgrade.Request
	UpgradeProgress  = "Upgrade Progress"
	UpgradeFinished  = "Upgrade Finished"
	ClusterInsight   = "Cluster Insight"
	SupportEnding    = "Support Ending"
)

// Names lists the patterns, in order.
func Names() []string {
	var out []string
	for _, e := range list("patterns") {
		out = append(out, strings.TrimSuffix(e, ".json"))
	}
	return out
}

// Pattern returns the event pattern of a rule. It panics when there is none:
// the names are constants of the program.
func Pattern(name string) []byte { return read(path.Join("patterns", name+".json")) }

// Schema returns the JSON Schema of the events that a pattern is about.
func Schema(name string) []byte { return read(path.Join("schemas", name+".json")) }

// Samples returns whole events by name: those that a pattern matches, or those
// that are alike and must not match.
func Samples(name string, matching bool) map[string][]byte {
	kind := "misses"
	if matching {
		kind = "matches"
	}
	folder := path.Join("samples", name, kind)
	out := map[string][]byte{}
	for _, e := range list(folder) {
		out[strings.TrimSuffix(e, ".json")] = read(path.Join(folder, e))
	}
	return out
}

func read(name string) []byte {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return data
}

func list(folder string) []string {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		panic(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
