package deploy

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Load reads settings: defaults, overridden by the file, overridden by the
// values given by key ("vpc.id", "clusters"). Such a value is text as on a
// command line and is read as YAML, or as a list separated by commas where a
// list is due. An empty path is no file. The error holds everything that is
// wrong, each an *upgrade.Error of CodeInvalidRequest that names the field.
func Load(path string, overrides map[string]string) (Settings, error) {
	var problems []error
	k := koanf.New(".")
	layer := func(values map[string]any) {
		if err := k.Load(confmap.Provider(values, ""), nil); err != nil {
			problems = append(problems, problem("", err.Error(), ""))
		}
	}
	layer(defaults())
	if path != "" {
		values, err := readFile(path)
		if err != nil {
			return Settings{}, err
		}
		layer(values)
	}
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		value, err := readOverride(key, overrides[key])
		if err != nil {
			problems = append(problems, problem(key, "is neither text nor YAML", "put it in quotes"))
			continue
		}
		if err := k.Set(key, value); err != nil {
			problems = append(problems, problem(key, err.Error(), ""))
		}
	}
	var s Settings
	err := k.UnmarshalWithConf("", &s, koanf.UnmarshalConf{Tag: "mapstructure", DecoderConfig: &mapstructure.DecoderConfig{
		Result: &s, DecodeHook: mapstructure.DecodeHookFuncValue(scheduleDefaults),
		MatchName: func(key, field string) bool { return key == field },
	}})
	problems = append(problems, wrongTypes(err)...)
	for _, key := range unknown(k.Raw()) {
		problems = append(problems, problem(key, "is not known", suggestion(key)))
	}
	if len(problems) == 0 { // a value of another type would be said to be missing
		problems = s.complete()
	}
	if err := errors.Join(problems...); err != nil {
		return Settings{}, err
	}
	return s, nil
}

func readFile(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, upgrade.KindInvalidDeployment.Errorf("read settings", "%w", err).WithRemedy("copy docs/deploy.example.yaml to deploy.yaml and edit it")
	}
	values, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return nil, upgrade.KindInvalidDeployment.Errorf("read settings file "+path, "%w", err).WithRemedy("write it as in docs/deploy.example.yaml")
	}
	return values, nil
}

// readOverride reads a value of the command line as its key wants it.
func readOverride(key, text string) (any, error) {
	field, known := fields()[key]
	if known && field.Kind() == reflect.String {
		return text, nil // digits too
	}
	if known && field == reflect.TypeFor[[]string]() && !strings.HasPrefix(text, "[") {
		items := strings.Split(text, ",")
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		return items, nil
	}
	values, err := yaml.Parser().Unmarshal([]byte("value: " + text))
	return values["value"], err
}

// scheduleDefaults sets what a schedule leaves out.
func scheduleDefaults(from, to reflect.Value) (any, error) {
	values, isMap := from.Interface().(map[string]any)
	if !isMap || to.Type() != reflect.TypeFor[Schedule]() {
		return from.Interface(), nil
	}
	out := map[string]any{"timezone": "UTC", "windowMinutes": 15, "enabled": true}
	maps.Copy(out, values)
	return out, nil
}

// wrongTypes takes the decoder's errors apart.
func wrongTypes(err error) []error {
	var one *mapstructure.DecodeError
	switch all := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var out []error
		for _, e := range all.Unwrap() {
			out = append(out, wrongTypes(e)...)
		}
		return out
	}
	if inner := errors.Unwrap(err); inner != nil && !errors.As(err, &one) {
		return wrongTypes(inner)
	}
	if !errors.As(err, &one) {
		return []error{problem("", err.Error(), "write it as in docs/deploy.example.yaml")}
	}
	var type_ *mapstructure.UnconvertibleTypeError
	if errors.As(one, &type_) {
		return []error{problem(one.Name(), fmt.Sprintf("%v is not %s", type_.Value, kindOf(type_.Expected.Type())), remedyOf(type_.Expected.Type()))}
	}
	return []error{problem(one.Name(), one.Unwrap().Error(), "write it as in docs/deploy.example.yaml")}
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "a group of settings"
}

func remedyOf(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "put it in quotes"
	}
	return "write it as in docs/deploy.example.yaml"
}

// fields returns the types of all settings by key; those of lists have "[]".
func fields() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	var walk func(prefix string, t reflect.Type)
	walk = func(prefix string, t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, tagged := f.Tag.Lookup("mapstructure")
			if !tagged {
				continue
			}
			out[prefix+name] = f.Type
			switch {
			case f.Type.Kind() == reflect.Struct:
				walk(prefix+name+".", f.Type)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				walk(prefix+name+"[].", f.Type.Elem())
			}
		}
	}
	walk("", reflect.TypeFor[Settings]())
	return out
}

// unknown returns the keys that are no settings.
func unknown(values map[string]any) []string {
	all := fields()
	var out []string
	var walk func(prefix string, values map[string]any)
	walk = func(prefix string, values map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			key := prefix + name
			t, known := all[index.ReplaceAllString(key, "[]")]
			group, isGroup := values[name].(map[string]any)
			list, isList := values[name].([]any)
			switch {
			case !known:
				out = append(out, key)
			case isGroup && t.Kind() == reflect.Struct:
				walk(key+".", group)
			case isList && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
				for i := range list {
					if item, ok := list[i].(map[string]any); ok {
						walk(fmt.Sprintf("%s[%d].", key, i), item)
					}
				}
			}
		}
	}
	walk("", values)
	return out
}

// Keys returns the keys of all settings; those inside of lists have "[]".
func Keys() []string { return slices.Sorted(maps.Keys(fields())) }

// Meant returns the key that was probably meant by one that is not known, ""
// for none.
func Meant(key string) string {
	return config.Meant(index.ReplaceAllString(key, "[]"), slices.Sorted(maps.Keys(fields())))
}

var index = regexp.MustCompile(`\[\d+\]`)

func suggestion(key string) string {
	if meant := Meant(key); meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	var top []string
	for k := range fields() {
		if !strings.ContainsAny(k, ".[") {
			top = append(top, k)
		}
	}
	slices.Sort(top)
	return "remove it; there are: " + strings.Join(top, ", ")
}

func problem(field, message, remedy string) error {
	return upgrade.KindInvalidDeployment.Field("deployment settings", field, message, remedy)
}
