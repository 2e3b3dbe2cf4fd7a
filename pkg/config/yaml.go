package config

import (
	"bytes"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
)

// sections says what the settings of a section are about.
var sections = map[string]string{
	"tables":       "DynamoDB tables.",
	"events":       "Progress events.",
	"approval":     "The approval API.",
	"stream":       "The stream of progress.",
	"notification": "Whom the agent tells.",
	"security":     "Who may approve, and what logs must not show.",
	"logging":      "Logs.",
	"upgrade":      "Defaults of upgrade requests: a request overrides them.",
	"traffic":      "Defaults of the traffic part of upgrade requests: a request overrides them.",
	"verify":       "How clusters are verified.",
	"kubernetes":   "How Kubernetes API servers are used.",
	"terraform":    "How green clusters are made.",
	"metrics":      "Where the numbers are that a bake is judged by.",
	"rules":        "What you know better than the agent.",
	"releaseNotes": "Where the Kubernetes release notes are.",
	"ai":           "Models. There is nothing to set yet.",
}

// SectionAbout says what the settings below the first part of a key are about.
func SectionAbout(name string) string { return sections[name] }

const commentWidth = 100

// YAML writes settings as a configuration file, in the order of Settings. value
// returns the value, of the kind's Go type, and whether it is written; comment
// returns what stands above it, and stands for it when it is not written.
func YAML(head string, value func(Setting) (any, bool), comment func(Setting) string) ([]byte, error) {
	root := &yamlnode.Node{Kind: yamlnode.MappingNode}
	open := map[string]*yamlnode.Node{"": root}
	var waiting []string // comments of what is not written, for the next that is
	for _, s := range settings {
		v, write := value(s)
		above := comment(s)
		if !write {
			if above != "" {
				waiting = append(waiting, above)
			}
			continue
		}
		at, prefix := root, ""
		path := strings.Split(s.Key, ".")
		for i, name := range path[:len(path)-1] {
			prefix += name + "."
			if open[prefix] == nil {
				open[prefix] = &yamlnode.Node{Kind: yamlnode.MappingNode}
				key := &yamlnode.Node{Kind: yamlnode.ScalarNode, Value: name}
				if i == 0 {
					key.HeadComment = join(waiting, wrap(sections[name]))
					waiting = nil
				}
				at.Content = append(at.Content, key, open[prefix])
			}
			at = open[prefix]
		}
		key := &yamlnode.Node{Kind: yamlnode.ScalarNode, Value: path[len(path)-1], HeadComment: join(waiting, wrap(above))}
		waiting = nil
		encoded := &yamlnode.Node{}
		if err := encoded.Encode(Plain(v)); err != nil {
			return nil, err
		}
		if encoded.Kind == yamlnode.SequenceNode {
			encoded.Style = yamlnode.FlowStyle
		}
		at.Content = append(at.Content, key, encoded)
	}
	var body, out bytes.Buffer
	if head != "" {
		out.WriteString(hash(head) + "\n")
	}
	if len(root.Content) > 0 {
		e := yamlnode.NewEncoder(&body)
		e.SetIndent(2)
		if err := e.Encode(root); err != nil {
			return nil, err
		}
		if err := e.Close(); err != nil {
			return nil, err
		}
	}
	out.WriteString(spaced(body.String()))
	if len(waiting) > 0 {
		out.WriteString("\n" + hash(join(waiting, "")) + "\n")
	}
	return out.Bytes(), nil
}

// spaced puts an empty line before each section with a comment.
func spaced(text string) string {
	var b strings.Builder
	before := ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(before, "#") {
			b.WriteByte('\n')
		}
		b.WriteString(line)
		before = line
	}
	return b.String()
}

func join(parts []string, last string) string {
	all := append([]string{}, parts...)
	if last != "" {
		all = append(all, last)
	}
	return strings.Join(all, "\n")
}

func hash(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight("# "+line, " ")
	}
	return strings.Join(lines, "\n")
}

// wrap breaks a text into lines of commentWidth.
func wrap(text string) string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > commentWidth {
				lines, line = append(lines, line), ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
