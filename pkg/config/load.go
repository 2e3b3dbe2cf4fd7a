package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Parameters reads the parameters of Systems Manager below a path, decrypted.
type Parameters interface {
	Parameters(ctx context.Context, path string) ([]Parameter, error)
}

// Parameter is one of Systems Manager.
type Parameter struct {
	Name   string // with the path
	Value  string
	Secure bool // it is a SecureString
}

// Load reads the configuration from an environment, as os.Environ gives it, and
// from the file that it names. It does not ask AWS: a path of parameters is
// left alone. The error holds everything that is wrong.
func Load(environ []string) (Config, error) {
	c, problems := Read(context.Background(), Sources{File: lookup(environ, FileVariable), Environ: environ})
	return complete(c, problems)
}

// LoadWith is Load with the layer of parameters, when the environment names
// their path. That they cannot be read is an error: an agent that runs without
// its settings does something else than it was told.
func LoadWith(ctx context.Context, environ []string, p Parameters) (Config, error) {
	c, problems := Read(ctx, Sources{File: lookup(environ, FileVariable), Path: lookup(environ, PathVariable), Parameters: p, Environ: environ})
	return complete(c, problems)
}

func complete(c Config, problems []error) (Config, error) {
	if err := errors.Join(problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Sources are the layers of a configuration, each over the one before it. What
// is empty is no layer.
type Sources struct {
	File       string     // path of a YAML file
	Path       string     // of parameters, with what reads them
	Parameters Parameters //
	Environ    []string   // as os.Environ gives it
	Partial    bool       // required settings may be missing: other layers have them
}

// Read reads the layers and returns what is valid in them, and everything that
// is wrong. The errors are *upgrade.Error and name the key, where the value
// comes from and what to do.
func Read(ctx context.Context, from Sources) (Config, []error) {
	l := newLoader()
	l.partial = from.Partial
	if from.File != "" {
		l.readFile(from.File)
		l.end()
	}
	if from.Path != "" {
		if err := l.readParameters(ctx, from.Path, from.Parameters); err != nil {
			l.problems = append(l.problems, err)
		}
		l.end()
	}
	l.environment(from.Environ)
	c := l.config()
	return c, l.problems
}

// ReadTree reads settings that stand in another file, as YAML decodes them, and
// returns them as texts by key, and everything that is wrong. origin
// names the file; required settings may be missing.
func ReadTree(tree map[string]any, origin string) (map[string]string, []error) {
	l := newLoader()
	l.partial = true
	from := func(string) string { return origin }
	l.walk("", tree, func(key string, value any) { l.take(key, value, false, origin) }, from)
	c := l.config()
	texts := map[string]string{}
	for _, s := range settings {
		if c.Origin(s.Key) == origin {
			texts[s.Key] = TextOf(s.Value(c))
		}
	}
	return texts, l.problems
}

// loader gathers the values of all layers, and what is wrong with them.
type loader struct {
	values   *koanf.Koanf   // of the layers so far, by key and of the kinds' Go types
	layer    map[string]any // of the layer that is being read
	origins  map[string]string
	problems []error
	notices  []Notice
	partial  bool // required settings may be missing
}

func newLoader() *loader {
	l := &loader{values: koanf.New("."), layer: map[string]any{}, origins: map[string]string{}}
	for _, s := range settings {
		if s.Default != nil {
			l.put(s, s.Default, "default")
		}
	}
	l.end()
	return l
}

func (l *loader) put(s Setting, value any, origin string) {
	l.layer[s.Key], l.origins[s.Key] = value, origin
}

// end ends a layer: what it holds is over what the ones before it hold.
func (l *loader) end() {
	if err := l.values.Load(confmap.Provider(l.layer, "."), nil); err != nil {
		l.wrong("", "", err.Error(), "report the bug with this line") // known keys always load
	}
	l.layer = map[string]any{}
}

func (l *loader) wrong(key, origin, message, remedy string) {
	l.problems = append(l.problems, problem(key, origin, message, remedy))
}

// unknown reports a name that is not of a setting, as spell writes them.
func (l *loader) unknown(name, origin string, value any, spell func(key string) string) {
	message, remedy := "is not known", suggestion(name, spell)
	section, _, _ := strings.Cut(name, ".")
	if about := emptySections[section]; about != "" {
		message, remedy = "is not known", about+"; remove it"
	}
	if text, ok := value.(string); ok && text != "" && (SecretName(name) || SecretShape(text) != "") {
		remedy += "; it looks like a secret: take it out, and replace the secret if others could read this"
	}
	l.wrong(name, origin, message, remedy)
}

// take reads one value of a layer. textual: everything is text there.
func (l *loader) take(key string, raw any, textual bool, origin string) {
	s, ok := Find(key)
	if !ok {
		l.unknown(key, origin, raw, func(key string) string { return key })
		return
	}
	if raw == nil {
		l.wrong(key, origin, "has no value", s.remedy()+", or remove it")
		return
	}
	value, wrong := s.read(raw, textual)
	if wrong != "" {
		l.wrong(key, origin, wrong, s.remedy())
		return
	}
	if !s.Secret {
		if what := SecretShape(TextOf(value)); what != "" {
			l.wrong(key, origin, "holds "+what+", and this setting is shown to people", "take it out, and replace the secret if others could read this")
			return
		}
	}
	l.put(s, value, origin)
}

// plainSecret notes a secret that stands where others can read it.
func (l *loader) plainSecret(key, origin, where string) {
	if s, ok := Find(key); ok && s.Secret && l.origins[key] == origin && l.layer[key] != "" {
		l.notices = append(l.notices, Notice{Key: key, Origin: origin, Message: "is a secret that stands in plain " + where,
			Remedy: fmt.Sprintf("keep it as a SecureString: eks-upgrade config push --secret %s=@FILE", key)})
	}
}

// config makes the configuration of the values, and adds what is wrong with
// them together.
func (l *loader) config() Config {
	l.end()
	c := Config{origins: l.origins}
	for _, s := range settings {
		value := l.values.Get(s.Key)
		if value != nil {
			s.set(&c, value)
			continue
		}
		if s.Required && !l.partial && !l.reported(s.Key) {
			l.wrong(s.Key, "", "is missing", fmt.Sprintf("%s, in the configuration file or as %s", s.remedy(), Variable(s.Key)))
		}
	}
	if len(l.problems) == 0 {
		l.together(c)
	}
	for _, n := range l.notices {
		if l.origins[n.Key] == n.Origin { // nothing overrides it
			c.notices = append(c.notices, n)
		}
	}
	slices.SortStableFunc(c.notices, func(a, b Notice) int { return cmp.Compare(a.Key, b.Key) })
	return c
}

func (l *loader) reported(key string) bool {
	return slices.ContainsFunc(l.problems, func(err error) bool {
		var own *upgrade.Error
		return errors.As(err, &own) && own.Field == key
	})
}

// together checks what must hold between settings.
func (l *loader) together(c Config) {
	var own *upgrade.Error
	if err := c.Requests().Validate(); errors.As(err, &own) {
		key := own.Field
		if name, _, _ := strings.Cut(key, "["); name == "soak" || name == "decommission" || strings.HasPrefix(name, "approval.") {
			key = "upgrade." + key
		}
		base, _, _ := strings.Cut(key, "[")
		l.wrong(key, l.origins[base], own.Message, own.Remedy)
	}
	if c.Kubernetes.Burst < c.Kubernetes.QPS {
		l.wrong("kubernetes.burst", l.origins["kubernetes.burst"], fmt.Sprintf("%d is less than kubernetes.qps, %d", c.Kubernetes.Burst, c.Kubernetes.QPS), "raise it, or lower kubernetes.qps")
	}
	if c.Traffic.Bake < c.Metrics.Period {
		l.wrong("traffic.bake", l.origins["traffic.bake"], fmt.Sprintf("%s is shorter than metrics.period, %s: no bake would ever be judged", shortDuration(c.Traffic.Bake), shortDuration(c.Metrics.Period)), "make it longer, or metrics.period shorter")
	}
	if c.ReleaseNotes.Token != "" && !strings.HasPrefix(c.ReleaseNotes.URL, "https://") {
		l.wrong("releaseNotes.token", l.origins["releaseNotes.token"], "would be sent in plain, or not at all", "give releaseNotes.url as an https address, or remove the token")
	}
}

func problem(key, origin, message, remedy string) error {
	if origin != "" {
		message = fmt.Sprintf("%s (%s)", message, origin)
	}
	return upgrade.KindInvalidConfiguration.Field("configuration", key, message, remedy)
}
