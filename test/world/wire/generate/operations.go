package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var operationSchema = regexp.MustCompile(`(?s)\nvar (\w+) = smithy\.NewSchema\(smithy\.ShapeID\{[^}]*\}, smithy\.ShapeTypeOperation, 0, &smithytraits\.HTTP\{`)

// writeOperations lists the operation schemas of the REST services that have
// schemas: they carry method, path and status.
func writeOperations(b *bytes.Buffer, modules []*module) error {
	found := map[string][]string{}
	for _, m := range modules {
		src, err := m.file("schemas/schemas.go")
		if err != nil {
			return err
		}
		for _, op := range operationSchema.FindAllStringSubmatch(src, -1) {
			found[m.name] = append(found[m.name], op[1])
		}
	}
	names := slices.Sorted(maps.Keys(found))
	b.WriteString("import (\n")
	for _, name := range names {
		fmt.Fprintf(b, "%s %q\n", name, modulePrefix+name+"/schemas")
	}
	b.WriteString("smithy \"github.com/aws/smithy-go\"\n)\n\n")
	b.WriteString("// schemaOperations lists the operations of REST services whose schemas carry method and path.\n")
	b.WriteString("var schemaOperations = map[string]map[string]*smithy.Schema{\n")
	for _, name := range names {
		fmt.Fprintf(b, "%q: {\n", name)
		slices.Sort(found[name])
		for _, op := range found[name] {
			fmt.Fprintf(b, "%q: %s.%s,\n", op, name, op)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	return nil
}

var (
	serializeOp   = regexp.MustCompile(`(?ms)^func \(m \*aws\w+_serializeOp(\w+)\) HandleSerialize\(.*?^}`)
	splitURI      = regexp.MustCompile(`httpbinding\.SplitURI\("([^"]+)"\)`)
	requestMethod = regexp.MustCompile(`request\.Method = "(\w+)"`)
	bindingsOf    = regexp.MustCompile(`(?ms)^func aws\w+_serializeOpHttpBindings(\w+)Input\(.*?^}`)
	bindingCall   = regexp.MustCompile(`encoder\.(SetURI|SetQuery|AddQuery|SetHeader)\("([^"]+)"\)\.\w+\((?:\w+\()?\*?v\.(\w+)`)
	headersOf     = regexp.MustCompile(`(?ms)^func aws\w+_deserializeOpHttpBindings(\w+)Output\(.*?^}`)
	headerValue   = regexp.MustCompile(`(?s)response\.Header\.Values\("([^"]+)"\).*?v\.(\w+) = `)
)

// restWithoutSchemas are the REST services whose modules carry no schemas. S3
// speaks for itself.
var restWithoutSchemas = []string{"route53", "scheduler"}

// writeBindings lists the routes of REST services without schemas, from their
// serializers.
func writeBindings(b *bytes.Buffer, modules []*module) error {
	b.WriteString("// boundRoutes lists the operations of REST services without schemas:\n// method, path, and the Go fields that stand in path, query and headers.\n")
	b.WriteString("var boundRoutes = map[string][]route{\n")
	for _, m := range modules {
		if !slices.Contains(restWithoutSchemas, m.name) {
			continue
		}
		if err := m.writeRoutes(b); err != nil {
			return err
		}
	}
	b.WriteString("}\n")
	return nil
}

func (m *module) writeRoutes(b *bytes.Buffer) error {
	src, err := m.file("serializers.go")
	if err != nil {
		return err
	}
	answers, err := m.file("deserializers.go")
	if err != nil {
		return err
	}
	bindings := map[string][]string{}
	for _, f := range bindingsOf.FindAllStringSubmatch(src, -1) {
		for _, call := range bindingCall.FindAllStringSubmatch(f[0], -1) {
			where := map[string]string{"SetURI": "inLabel", "SetQuery": "inQuery", "AddQuery": "inQuery", "SetHeader": "inHeader"}[call[1]]
			bindings[f[1]] = append(bindings[f[1]], fmt.Sprintf("{%q, %s, %q}", call[3], where, call[2]))
		}
	}
	headers := map[string][]string{}
	for _, f := range headersOf.FindAllStringSubmatch(answers, -1) {
		for _, h := range headerValue.FindAllStringSubmatch(f[0], -1) {
			headers[f[1]] = append(headers[f[1]], fmt.Sprintf("{%q, inHeader, %q}", h[2], h[1]))
		}
	}
	fmt.Fprintf(b, "%q: {\n", m.name)
	for _, op := range serializeOp.FindAllStringSubmatch(src, -1) {
		uri, method := splitURI.FindStringSubmatch(op[0]), requestMethod.FindStringSubmatch(op[0])
		if uri == nil || method == nil {
			return fmt.Errorf("%s.%s has no path", m.name, op[1])
		}
		fmt.Fprintf(b, "newRoute(%q, %q, %q, %s, %s),\n", op[1], method[1], uri[1], list(bindings[op[1]]), list(headers[op[1]]))
	}
	b.WriteString("},\n")
	return nil
}

// list writes bindings as a Go expression.
func list(bindings []string) string {
	if len(bindings) == 0 {
		return "nil"
	}
	return "[]binding{" + strings.Join(bindings, ", ") + "}"
}
