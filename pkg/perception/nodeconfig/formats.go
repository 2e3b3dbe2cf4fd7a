package nodeconfig

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"sigs.k8s.io/yaml"
)

// nodeConfig is the part of nodeadm's NodeConfig that is about the kubelet.
type nodeConfig struct {
	APIVersion string `json:"apiVersion"`
	Spec       struct {
		Kubelet struct {
			Config map[string]any `json:"config"`
			Flags  []string       `json:"flags"`
		} `json:"kubelet"`
	} `json:"spec"`
}

// nodeadm reads NodeConfig documents, YAML or JSON. Other documents among them
// are not for the kubelet.
func (r *reader) nodeadm(text string) {
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		var c nodeConfig
		if err := yaml.Unmarshal([]byte(document), &c); err != nil {
			r.cannot("its NodeConfig is no YAML of that kind")
			continue
		}
		if !strings.HasPrefix(c.APIVersion, "node.eks.aws/") {
			if strings.TrimSpace(document) != "" {
				r.cannot("it holds a document that is no NodeConfig")
			}
			continue
		}
		for _, flag := range c.Spec.Kubelet.Flags {
			for _, f := range flagsOf(words(flag)) {
				r.flag(f)
			}
		}
		r.configuration(c.Spec.Kubelet.Config)
	}
}

// configuration keeps the keys of a KubeletConfiguration.
func (r *reader) configuration(c map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if !keyName.MatchString(key) || len(r.keys) >= maxValues {
			continue
		}
		r.keys[key] = true
		gates, _ := c[key].(map[string]any)
		if key != "featureGates" {
			continue
		}
		for _, gate := range slices.Sorted(maps.Keys(gates)) {
			switch gates[gate] {
			case true, "true":
				r.gate(gate, "true")
			case false, "false":
				r.gate(gate, "false")
			}
		}
	}
}

// bottlerocket reads settings in TOML; settings.kubernetes are mostly keys of
// the KubeletConfiguration, spelt with hyphens.
func (r *reader) bottlerocket(text string) {
	var c struct {
		Settings *struct {
			Kubernetes map[string]any `toml:"kubernetes"`
		} `toml:"settings"`
	}
	if _, err := toml.Decode(text, &c); err != nil || c.Settings == nil {
		r.cannot("it is in no format that is known")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings.Kubernetes)) {
		if key := camel(name); keyName.MatchString(key) && len(r.keys) < maxValues {
			r.keys[key] = true
		}
	}
}

func camel(hyphened string) string {
	parts := strings.Split(hyphened, "-")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// cloudConfig looks for what cloud-init is told to run. What it writes to files
// is not followed.
func (r *reader) cloudConfig(text string) {
	if strings.Contains(text, "bootstrap.sh") {
		r.script(text)
	}
	if strings.Contains(text, "kubelet") {
		r.cannot("its cloud-config speaks of the kubelet, and is not followed")
	}
}

var (
	extraArguments = map[string]bool{"--kubelet-extra-args": true, "-KubeletExtraArgs": true, "-kubeletextraargs": true}
	assignment     = regexp.MustCompile(`^(?:KUBELET_EXTRA_ARGS|KUBELET_ARGS)=`)
	ownEdit        = regexp.MustCompile(`kubelet-config\.json|/etc/kubernetes/kubelet/|kubelet\.service\.d`)
)

// script reads the arguments that a script has the kubelet started with.
func (r *reader) script(text string) {
	if ownEdit.MatchString(text) {
		r.cannot("its script changes the kubelet's files, which is not followed")
	}
	all := words(text)
	for i, word := range all {
		name, value, joined := strings.Cut(word, "=")
		switch {
		case extraArguments[name] && joined, assignment.MatchString(word):
		case extraArguments[word] && i+1 < len(all):
			value = all[i+1]
		default:
			continue
		}
		if strings.ContainsAny(value, "$`") {
			r.cannot("its script computes arguments of the kubelet")
		}
		for _, flag := range flagsOf(words(value)) {
			r.flag(flag)
		}
	}
	if i := strings.Index(text, "apiVersion: node.eks.aws/"); i >= 0 {
		r.cannot("its script writes a NodeConfig, which is not followed")
	}
}

// flagsOf joins flags with values that follow them.
func flagsOf(words []string) []string {
	var out []string
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "-"):
			out = append(out, w)
		case len(out) > 0 && !strings.Contains(out[len(out)-1], "="):
			out[len(out)-1] += "=" + w
		}
	}
	return out
}

// words splits text as a shell does: by white space and operators, with
// quotes, backslashes and comments. What a shell would expand stays as it is.
func words(text string) []string {
	var out []string
	var word strings.Builder
	begun := false
	end := func() {
		if begun {
			out = append(out, word.String())
		}
		word.Reset()
		begun = false
	}
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == '\'' && c == '\'', quote == '"' && c == '"':
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			if text[i] != '\n' {
				begun = true
				if quote == '"' && !strings.ContainsRune("\"\\$`", rune(text[i])) {
					word.WriteByte('\\')
				}
				word.WriteByte(text[i])
			}
		case quote == '"':
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case strings.IndexByte(" \t\r\n;&|", c) >= 0:
			end()
		case c == '#' && !begun:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		default:
			begun = true
			word.WriteByte(c)
		}
	}
	end()
	return out
}
