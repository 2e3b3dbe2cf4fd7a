package config

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	yamlnode "go.yaml.in/yaml/v3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Prefix of the environment variables: "tables.leases" is
// EKS_UPGRADE_AGENT_TABLES_LEASES and "verify.healthMaxAge" is
// EKS_UPGRADE_AGENT_VERIFY_HEALTH_MAX_AGE.
const Prefix = "EKS_UPGRADE_AGENT_"

// The variables with the prefix that are not settings.
const (
	FileVariable = Prefix + "CONFIG"      // path of the YAML file; without it there is none
	PathVariable = Prefix + "CONFIG_PATH" // path of the parameters; without it there are none

	cacheVariable = Prefix + "CACHE" // where a rehearsal keeps what it builds
)

// DefaultPath is where the deployment keeps parameters.
const DefaultPath = "/eks-upgrade/config/"

func (l *loader) readFile(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		l.problems = append(l.problems, upgrade.KindInvalidConfiguration.Errorf("read configuration", "%w", err).WithRemedy("name a file that can be read; "+FileVariable+" names the one of the environment"))
		return
	}
	l.file(path, data)
}

func (l *loader) file(path string, data []byte) {
	tree, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		l.problems = append(l.problems, upgrade.KindInvalidConfiguration.Errorf("read configuration file "+path, "%w", err).WithRemedy("write it as in docs/config.example.yaml"))
		return
	}
	lines := linesOf(data)
	origin := func(key string) string {
		if line := lines[key]; line != "" {
			return "file " + path + ":" + line
		}
		return "file " + path
	}
	l.walk("", tree, func(key string, value any) {
		l.take(key, value, false, origin(key))
		l.plainSecret(key, origin(key), "in the file")
	}, origin)
}

// walk calls leaf for each value of a tree, in the order of keys.
func (l *loader) walk(prefix string, tree map[string]any, leaf func(key string, value any), origin func(key string) string) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key := name
		if prefix != "" {
			key = prefix + "." + name
		}
		below, nested := tree[name].(map[string]any)
		switch {
		case strings.Contains(name, ".") && isSetting(key):
			l.wrong(key, origin(key), "has its section in its name", "write the section on a line of its own, and the rest indented below it")
		case nested && isSection(key), nested && len(below) > 0 && !isSetting(key):
			l.walk(key, below, leaf, origin)
		case tree[name] == nil && isSection(key): // a section without settings
		case isSection(key):
			l.wrong(key, origin(key), "is a section, not a setting", "write its settings indented below it")
		default:
			leaf(key, tree[name])
		}
	}
}

func isSetting(key string) bool { _, ok := Find(key); return ok }

// linesOf finds the lines of a file's keys. What it cannot find has none.
func linesOf(data []byte) map[string]string {
	var root yamlnode.Node
	if yamlnode.Unmarshal(data, &root) != nil || len(root.Content) != 1 {
		return nil
	}
	lines := map[string]string{}
	var visit func(prefix string, n *yamlnode.Node)
	visit = func(prefix string, n *yamlnode.Node) {
		if n.Kind != yamlnode.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := prefix + n.Content[i].Value
			lines[key] = strconv.Itoa(n.Content[i].Line)
			visit(key+".", n.Content[i+1])
		}
	}
	visit("", root.Content[0])
	return lines
}

func (l *loader) readParameters(ctx context.Context, path string, p Parameters) error {
	if wrong := CheckPath(path); wrong != nil {
		return wrong
	}
	all, err := p.Parameters(ctx, path)
	if err != nil {
		return err
	}
	l.addParameters(path, all)
	return nil
}

func (l *loader) addParameters(path string, all []Parameter) {
	for _, p := range all {
		key, origin := KeyOf(path, p.Name), "parameter "+p.Name
		s, known := Find(key)
		switch {
		case !known:
			l.unknown(key, origin, p.Value, func(key string) string { return key })
		case s.Secret && !p.Secure:
			l.wrong(key, origin, "is a secret, and the parameter is not a SecureString", "store it again: eks-upgrade config push --secret "+key+"=@FILE; and replace the secret if others could read it")
		default:
			l.take(key, p.Value, true, origin)
		}
	}
}

// ParameterName is the name of a setting's parameter: "/eks-upgrade/config/"
// and "verify.healthMaxAge" make "/eks-upgrade/config/verify/healthMaxAge".
func ParameterName(path, key string) string {
	return strings.TrimSuffix(path, "/") + "/" + strings.ReplaceAll(key, ".", "/")
}

// KeyOf is the key of a parameter below a path.
func KeyOf(path, name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, strings.TrimSuffix(path, "/")), "/"), "/", ".")
}

// CheckPath says what is wrong with a path of parameters.
func CheckPath(path string) error {
	if !whole(`(?:/[A-Za-z0-9_.-]+){1,12}/?`).MatchString(path) || strings.HasPrefix(path, "/aws") || strings.HasPrefix(path, "/ssm") {
		return problem("", "", `"`+path+`" is no path of parameters`, "give one such as "+DefaultPath)
	}
	return nil
}

func (l *loader) environment(environ []string) {
	keys := map[string]string{}
	for _, s := range settings {
		keys[Variable(s.Key)] = s.Key
	}
	provider := env.Provider("", env.Opt{Prefix: Prefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if slices.Contains([]string{FileVariable, PathVariable, cacheVariable}, name) {
				return "", nil
			}
			return name, value
		}})
	variables, err := provider.Read()
	if err != nil {
		l.wrong("", "environment", err.Error(), "")
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		key, known := keys[name]
		if !known {
			l.unknown(name, "environment", variables[name], Variable)
			continue
		}
		origin := "environment " + name
		l.take(key, variables[name], true, origin)
		l.plainSecret(key, origin, "in the environment")
	}
}

func lookup(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// Variable returns the environment variable of a key.
func Variable(key string) string {
	var b strings.Builder
	b.WriteString(Prefix)
	for _, r := range key {
		switch {
		case r == '.':
			b.WriteByte('_')
		case unicode.IsUpper(r) && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}
