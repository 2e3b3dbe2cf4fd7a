package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
)

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(config.SchemaID, document); err != nil {
		t.Fatal(err)
	}
	c.AssertFormat()
	schema, err := c.Compile(config.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// judge validates a YAML file by the schema, as an editor does.
func judge(t testing.TB, schema *jsonschema.Schema, file string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if document == nil {
		return nil
	}
	return schema.Validate(document)
}

func TestTheSchemaIsPublished(t *testing.T) {
	data, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/config.schema.json", data)
	example, err := os.ReadFile("../../docs/config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(t, compiled(t), string(example)); err != nil {
		t.Error(err)
	}
}

// An editor that shows no mistake, or shows one that is none, is worse than no
// editor: schema and loader say the same of everything but secrets and what
// must hold between settings.
func TestTheSchemaAndTheLoaderAgree(t *testing.T) {
	schema := compiled(t)
	for _, c := range []struct {
		file string
		good bool
	}{
		{"", true}, {"{}", true}, {"tables:", true}, {"tables: {}", true}, {"ai:", true}, {"ai: {}", true}, {"upgrade: {approval: {}}", true},
		{"ai: {model: x}", false}, {"tabels: {}", false}, {"tables: {lease: abc}", false}, {"tables: abc", false}, {"tables: [abc]", false}, {"tables: {leases: }", false},
		{"bucket: shop-artifacts", true}, {"bucket: 7", false}, {"bucket: Shop", false}, {"bucket: ''", false}, {"bucket: [a]", false},
		{"events: {bus: ''}", true}, {"events: {bus: eks-upgrade}", true}, {"events: {bus: 'a b'}", false},
		{"logging: {level: debug}", true}, {"logging: {level: DEBUG}", false}, {"logging: {level: ''}", false},
		{"upgrade: {soak: 1h30m}", true}, {"upgrade: {soak: .5h}", true}, {"upgrade: {soak: 0}", false}, {"upgrade: {soak: '0'}", true}, {"upgrade: {soak: -1h}", false}, {"upgrade: {soak: 90}", false}, {"upgrade: {soak: long}", false},
		{"upgrade: {decommission: keep}", true}, {"upgrade: {decommission: shrug}", false}, {"upgrade: {approval: {mode: onFindings}}", true}, {"upgrade: {approval: required}", false},
		{"traffic: {steps: [50, 100]}", true}, {"traffic: {steps: [0, 100]}", false}, {"traffic: {steps: ['50', 100]}", false}, {"traffic: {steps: 100}", false}, {"traffic: {steps: [50.5, 100]}", false},
		{"traffic: {maxErrorRate: 0}", true}, {"traffic: {maxErrorRate: 0.5}", true}, {"traffic: {maxErrorRate: 1}", false}, {"traffic: {maxErrorRate: '0.5'}", false}, {"traffic: {maxErrorRate: .nan}", false},
		{"traffic: {minRequests: 1}", true}, {"traffic: {minRequests: 0}", false}, {"traffic: {minRequests: 1.5}", false}, {"traffic: {minRequests: true}", false},
		{"security: {approvers: []}", true}, {"security: {approvers: [lead@example.com]}", true}, {"security: {approvers: lead@example.com}", false}, {"security: {approvers: ['']}", false}, {"security: {approvers: ['a b']}", false}, {"security: {approvers: [7]}", false},
		{"security: {redact: ['ACME-[0-9]+']}", true}, {"security: {redact: ['']}", false},
		{"kubernetes: {qps: 100}", true}, {"kubernetes: {qps: 1001}", false}, {"kubernetes: {qps: '100'}", false},
		{"notification: {webhook: ''}", true}, {"notification: {webhook: 'https://chat.example.com/hook'}", true}, {"notification: {webhook: 7}", false},
	} {
		bySchema := error(nil)
		if c.file != "traffic: {maxErrorRate: .nan}" { // JSON has no such number
			bySchema = judge(t, schema, c.file)
		} else {
			bySchema = fmt.Errorf("not JSON")
		}
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, byLoader := config.Read(t.Context(), config.Sources{File: path, Partial: true})
		if (bySchema == nil) != c.good || (len(byLoader) == 0) != c.good {
			t.Errorf("%q: good %t, the schema says %v, the loader says %v", c.file, c.good, bySchema, byLoader)
		}
	}
}

func TestTheSchemaDescribesEverySetting(t *testing.T) {
	data, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		parts := strings.Split(s.Key, ".")
		if !bytes.Contains(data, []byte(`"`+parts[len(parts)-1]+`": {`)) {
			t.Errorf("%s is not in the schema", s.Key)
		}
		if s.About == "" || !strings.HasSuffix(s.About, ".") || len(s.Choices) == 0 && s.Remedy == "" {
			t.Errorf("%s: about %q, remedy %q", s.Key, s.About, s.Remedy)
		}
		if section, _, nested := strings.Cut(s.Key, "."); nested && config.SectionAbout(section) == "" {
			t.Errorf("nothing is said of section %s", section)
		}
		if s.Secret != config.SecretName(s.Key) {
			t.Errorf("%s: a secret by its name %t, by its setting %t", s.Key, config.SecretName(s.Key), s.Secret)
		}
	}
}
