package logging

import (
	"context"
	"strings"

	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Fields say what a line belongs to. Empty ones are left out. Every process of
// the agent uses these names, so that one query follows an upgrade through
// functions, builds and commands.
type Fields struct {
	Execution string        // "execution": id of the upgrade, which is the execution's name
	Cluster   string        // "cluster"
	Phase     upgrade.Phase // "phase"
	Step      string        // "step": mode and index, "forward[3]"
	Run       string        // "run": id of a call of the command line
	Build     string        // "build": id of a CodeBuild build
	Lambda    *Lambda       // nil outside of Lambda
}

// Lambda says which call of which function wrote a line.
type Lambda struct {
	RequestID string // "requestId": of the invocation; Lambda's own lines have it too
	TraceID   string // "traceId": of X-Ray, "1-5759e988-bd862e3fe1be46a994272793"
	Version   string // "functionVersion"
	ColdStart bool   // "coldStart": it is the first call of its process
}

type field struct{ name, value string }

func (f Fields) list() []field {
	all := []field{{"execution", f.Execution}, {"cluster", f.Cluster}, {"phase", string(f.Phase)}, {"step", f.Step}, {"run", f.Run}, {"build", f.Build}}
	if f.Lambda != nil {
		all = append(all, field{"requestId", f.Lambda.RequestID}, field{"traceId", f.Lambda.TraceID}, field{"functionVersion", f.Lambda.Version})
	}
	set := all[:0]
	for _, x := range all {
		if x.value != "" {
			set = append(set, x)
		}
	}
	return set
}

// Properties are the fields by their names in the log, for other lines of the
// same log.
func (f Fields) Properties() map[string]string {
	m := map[string]string{}
	for _, x := range f.list() {
		m[x.name] = x.value
	}
	return m
}

// With returns a context whose logger adds the fields to each line.
func With(ctx context.Context, log zerolog.Logger, f Fields) context.Context {
	c := log.With()
	for _, x := range f.list() {
		c = c.Str(x.name, x.value)
	}
	if f.Lambda != nil {
		c = c.Bool("coldStart", f.Lambda.ColdStart)
	}
	return context.WithValue(c.Logger().WithContext(ctx), fieldsKey{}, f)
}

type fieldsKey struct{}

// FieldsOf returns the fields of the last With.
func FieldsOf(ctx context.Context) Fields {
	f, _ := ctx.Value(fieldsKey{}).(Fields)
	return f
}

// TraceID returns the root of an X-Ray trace header
// ("Root=1-...;Parent=...;Sampled=1"), or "".
func TraceID(header string) string {
	for part := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root="); ok {
			return id
		}
	}
	return ""
}
