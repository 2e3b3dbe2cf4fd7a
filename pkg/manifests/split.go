package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Document is one document of a YAML stream, or one object of a JSON file.
type Document struct {
	Number   int    // in its file, from 1; empty documents count
	Line     int    // its first line that says something, from 1
	Template string // what "# Source:" names in charts that Helm rendered: "shop/templates/web.yaml"
	Text     []byte // part of the file's text; not to be changed
	first    int    // line that Text begins with
}

// Split calls visit for each document that is not empty, until it returns
// false. Lines that begin with "---" part documents, as YAML has it; objects of
// JSON may follow each other.
func Split(text []byte, visit func(Document) bool) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		if all, ok := splitJSON(text); ok {
			for _, doc := range all {
				if !visit(doc) {
					return
				}
			}
			return
		}
	}
	doc := Document{Number: 1, first: 1}
	begin, line := 0, 1
	emit := func(end int) bool {
		doc.Text = text[begin:end]
		return doc.Line == 0 || visit(doc)
	}
	for at := 0; at < len(text); line++ {
		end, next := len(text), len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end, next = at+i, at+i+1
		}
		content := text[at:end]
		switch {
		case separator(content):
			if !emit(at) {
				return
			}
			if at > 0 {
				doc.Number++
			}
			doc = Document{Number: doc.Number, first: line}
			begin = at
			if rest := bytes.TrimSpace(content[3:]); len(rest) > 0 && rest[0] != '#' {
				doc.Line = line // "--- {apiVersion: v1 ...}"
			}
		case doc.Line > 0 || len(bytes.TrimSpace(content)) == 0 || content[0] == '%':
		case bytes.TrimSpace(content)[0] == '#':
			if source, ok := bytes.CutPrefix(bytes.TrimSpace(content), []byte("# Source: ")); ok {
				doc.Template = string(source)
			}
		case string(bytes.TrimRight(content, " \t\r")) != "...":
			doc.Line = line
		}
		at = next
	}
	emit(len(text))
}

// splitJSON reads one JSON object after the other; ok is false when the text is
// something else, such as YAML in flow style.
func splitJSON(text []byte) (all []Document, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	line, begin := 1, 0
	for {
		var object json.RawMessage
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all, true
		}
		if err != nil {
			return nil, false
		}
		end := int(decoder.InputOffset())
		doc := Document{Number: len(all) + 1, Text: text[begin:end], first: line}
		doc.Line = line + bytes.Count(text[begin:end-len(object)], []byte("\n"))
		line += bytes.Count(doc.Text, []byte("\n"))
		begin = end
		all = append(all, doc)
	}
}

// separator reports whether a line begins a document.
func separator(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r')
}

// Header returns apiVersion and kind of a document that is written in the usual
// way: as plain keys at the beginning of a line. It is many times quicker than a
// parser; ok is false when only a parser can tell.
func (d Document) Header() (apiVersion, kind string, ok bool) {
	for text := d.Text; len(text) > 0; {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if len(line) == 0 || line[0] == ' ' || line[0] == '#' || line[0] == '\r' || separator(line) && len(bytes.TrimSpace(line)) == 3 {
			continue
		}
		switch c := line[0]; {
		case c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		default:
			return "", "", false // flow style, quoted keys, tabs, anchors: for a parser
		}
		if value, found := bytes.CutPrefix(line, []byte("apiVersion:")); found {
			if apiVersion != "" {
				return "", "", false
			}
			if apiVersion, found = plain(value); !found {
				return "", "", false
			}
		}
		if value, found := bytes.CutPrefix(line, []byte("kind:")); found {
			if kind != "" {
				return "", "", false
			}
			if kind, found = plain(value); !found {
				return "", "", false
			}
		}
		if separator(line) {
			return "", "", false
		}
	}
	return apiVersion, kind, apiVersion != "" && kind != ""
}

// plain reads a scalar that is quoted simply or not at all.
func plain(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != ' ' {
		return "", false
	}
	text := strings.TrimSpace(string(value))
	if i := strings.Index(text, " #"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text = text[1 : n-1]
	}
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '/' || c == '-') {
			return "", false
		}
	}
	return text, text != "" && (text[0] >= 'a' && text[0] <= 'z' || text[0] >= 'A' && text[0] <= 'Z') && !reserved[strings.ToLower(text)]
}

// reserved are plain scalars that are no text.
var reserved = map[string]bool{"null": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "y": true, "n": true}
