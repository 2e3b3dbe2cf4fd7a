package render_test

import (
	"bytes"
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess/render"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const schemaFile = "../../../docs/assess.schema.json"

// schemas makes a JSON Schema of Go types; comments of fields become its
// descriptions.
type schemas struct {
	comments map[string]string // by "Type.Field" and "Type"
	defs     map[string]any
}

// enums are texts of which there are only some.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[upgrade.Decision]():       {upgrade.Go, upgrade.GoWithApproval, upgrade.NoGo},
	reflect.TypeFor[upgrade.Strategy]():       {upgrade.BlueGreen, upgrade.InPlace},
	reflect.TypeFor[upgrade.Severity]():       {upgrade.Critical, upgrade.High, upgrade.Medium, upgrade.Low, upgrade.Info},
	reflect.TypeFor[upgrade.CheckStatus]():    {upgrade.CheckPassed, upgrade.CheckFound, upgrade.CheckNotChecked},
	reflect.TypeFor[upgrade.DrainBlockKind](): {upgrade.BlockedByBudget, upgrade.BlockedByOverlap, upgrade.BlockedByAddresses},
	reflect.TypeFor[assess.SourceStatus]():    {assess.Seen, assess.Partly, assess.Unread, assess.NotAsked},
	reflect.TypeFor[checks.Blocks]():          {checks.BlocksNever, checks.BlocksAlways, checks.BlocksInPlace, checks.BlocksBlueGreen},
	reflect.TypeFor[upgrade.Source]():         {upgrade.SourceAWS, upgrade.SourceKubernetes, upgrade.SourceReleaseNotes, upgrade.SourceScanners, upgrade.SourceManifests},
}

func (s schemas) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[upgrade.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[upgrade.Version]():
		return map[string]any{"type": "string", "pattern": `^[0-9]+\.[0-9]+$`}
	case t == reflect.TypeFor[upgrade.ObjectName]():
		return map[string]any{"type": "string", "description": "namespace/name"}
	case t == reflect.TypeFor[upgrade.Duration]():
		return map[string]any{"type": "string", "description": "such as 1.2s"}
	case enums[t] != nil:
		return map[string]any{"enum": enums[t]}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Pointer:
		return s.of(t.Elem())
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if s.defs[name] == nil {
		s.defs[name] = true // it is being made
		s.defs[name] = s.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (s schemas) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	s.fields(t, properties, &required)
	o := map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if text := s.comments[t.Name()]; text != "" {
		o["description"] = text
	}
	return o
}

func (s schemas) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		if f.Anonymous {
			s.fields(f.Type, properties, required)
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.of(f.Type)
		optional := strings.HasPrefix(option, "omit")
		if f.Type.Kind() == reflect.Pointer && !optional {
			p = map[string]any{"anyOf": []any{p, map[string]any{"type": "null"}}}
		}
		if text := s.comments[t.Name()+"."+f.Name]; text != "" {
			p["description"] = text
		}
		properties[name] = p
		if !optional {
			*required = append(*required, name)
		}
	}
}

// readComments reads what the source says of types and their fields.
func readComments(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range g.Specs {
					typ, ok := spec.(*ast.TypeSpec)
					if !ok {
						continue
					}
					out[typ.Name.Name] = strings.Join(strings.Fields(g.Doc.Text()), " ")
					structure, ok := typ.Type.(*ast.StructType)
					if !ok {
						continue
					}
					for _, field := range structure.Fields.List {
						for _, name := range field.Names {
							out[typ.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Comment.Text()), " ")
						}
					}
				}
			}
		}
	}
	return out
}

func TestTheDocumentHasASchema(t *testing.T) {
	s := schemas{comments: readComments(t, "..", "../../upgrade"), defs: map[string]any{}}
	root := s.object(reflect.TypeFor[assess.Document]())
	root["$schema"], root["$id"], root["title"] = "https://json-schema.org/draft/2020-12/schema", assess.Repository+"/blob/main/docs/assess.schema.json", "Assessment: eks-upgrade assess -o json"
	root["$defs"] = s.defs
	var made bytes.Buffer
	e := json.NewEncoder(&made)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, made.Bytes()) {
		t.Error("docs/assess.schema.json is stale: go test ./pkg/assess/render -run Schema -update")
	}
	for name, d := range map[string]assess.Document{"everything": document(), "real": assessed(t)} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := render.JSON(&out, d); err != nil {
				t.Fatal(err)
			}
			validate(t, schemaFile, out.Bytes())
		})
	}
}

// failing sees nothing.
type failing struct{}

func (failing) Collect(context.Context, upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	return upgrade.Snapshot{}, "", upgrade.KindAWSDenied.Errorf("look", "denied")
}

// little sees an API server and not much more.
type little struct{}

func (little) Collect(context.Context, upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	return upgrade.Snapshot{Kubernetes: &upgrade.KubernetesState{ServerVersion: upgrade.Version{Major: 1, Minor: 34}, Nodes: []upgrade.Node{}},
		NotChecked: []upgrade.NotChecked{{Part: checks.Pods, What: "pods", Why: "forbidden", Remedy: "allow it", Grant: &upgrade.Grant{Verbs: []string{"list"}, Resources: []string{"pods"}}}}}, "a little", nil
}

func assessed(t *testing.T) assess.Document {
	t.Helper()
	d, err := assess.Run(t.Context(), assess.Options{Clock: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)), Request: upgrade.Request{Cluster: "shop", Target: upgrade.Version{Major: 1, Minor: 35}, Strategy: upgrade.InPlace},
		Collectors: map[upgrade.Source]perception.Collector{upgrade.SourceAWS: failing{}, upgrade.SourceKubernetes: little{}}, Select: assess.Selection{Namespaces: []string{"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if d.Decision != upgrade.NoGo || d.Sources[0].Status != assess.Unread || d.Sources[1].Status != assess.Partly || d.Sources[2].Status != assess.NotAsked || len(d.NotChecked) != 2 {
		t.Errorf("%s, %+v, %+v", d.Decision, d.Sources, d.NotChecked)
	}
	return d
}
