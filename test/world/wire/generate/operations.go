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
	inputBindings = regexp.MustCompile(`(?ms)^func aws\w+_serializeOpHttpBindings(\w+)Input\(.*?^}`)
	boundField    = regexp.MustCompile(`\bv\.(\w+)`)
	boundAt       = regexp.MustCompile(`encoder\.(SetURI|SetQuery|AddQuery|SetHeader|AddHeader|Headers)\((?:"([^"]+)"|locationName)\)`)
	locationName  = regexp.MustCompile(`locationName := "([^"]+)"`)
	requestBody   = regexp.MustCompile(`if input\.(\w+) != nil \{`)

	outputHeaders = regexp.MustCompile(`(?ms)^func aws\w+_deserializeOpHttpBindings(\w+)Output\(.*?^}`)
	headerValue   = regexp.MustCompile(`(?s)response\.Header\.Values\("([^"]+)"\).*?v\.(\w+) = `)
	headerPrefix  = regexp.MustCompile(`(?s)lenPrefix := len\("([^"]+)"\).*?v\.(\w+) == nil`)
	answerOp      = regexp.MustCompile(`(?ms)^func \(m \*aws\w+_deserializeOp(\w+)\) HandleDeserialize\(.*?^}`)
	answerBody    = regexp.MustCompile(`\(&output\.(\w+), decoder\)`)
	answerStream  = regexp.MustCompile(`(?ms)^func aws\w+_deserializeOpDocument(\w+)Output\(v \*\w+, body io\.ReadCloser.*?^}`)
	answerSet     = regexp.MustCompile(`\bv\.(\w+) = `)
)

// restWithoutSchemas are the REST services whose modules carry no schemas.
var restWithoutSchemas = []string{"apigateway", "apigatewaymanagementapi", "apigatewayv2", "route53", "s3", "scheduler"}

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
	in, out := requestBindings(src), answerBindings(answers)
	fmt.Fprintf(b, "%q: {\n", m.name)
	for _, op := range serializeOp.FindAllStringSubmatch(src, -1) {
		uri, method := splitURI.FindStringSubmatch(op[0]), requestMethod.FindStringSubmatch(op[0])
		if uri == nil || method == nil {
			return fmt.Errorf("%s.%s has no path", m.name, op[1])
		}
		fmt.Fprintf(b, "newRoute(%q, %q, %q, %s, %s),\n", op[1], method[1], uri[1], list(in[op[1]]), list(out[op[1]]))
	}
	b.WriteString("},\n")
	return nil
}

// requestBindings returns, by operation, what a request has outside of its
// document.
func requestBindings(src string) map[string][]string {
	out := map[string][]string{}
	for _, f := range inputBindings.FindAllStringSubmatch(src, -1) {
		for _, block := range strings.Split(f[0], "\n\tif ")[1:] {
			at, field := boundAt.FindStringSubmatch(block), boundField.FindStringSubmatch(block)
			if at == nil || field == nil {
				continue
			}
			name := at[2]
			if name == "" {
				name = locationName.FindStringSubmatch(block)[1]
			}
			where := map[string]string{"SetURI": "inLabel", "SetQuery": "inQuery", "AddQuery": "inQuery", "SetHeader": "inHeader", "AddHeader": "inHeader", "Headers": "inPrefixHeaders"}[at[1]]
			out[f[1]] = append(out[f[1]], fmt.Sprintf("{%q, %s, %q}", field[1], where, name))
		}
	}
	for _, op := range serializeOp.FindAllStringSubmatch(src, -1) {
		if body := requestBody.FindStringSubmatch(op[0]); body != nil {
			out[op[1]] = append(out[op[1]], fmt.Sprintf("{%q, inPayload, \"\"}", body[1]))
		}
	}
	return out
}

// answerBindings returns, by operation, what an answer has outside of its
// document.
func answerBindings(src string) map[string][]string {
	out := map[string][]string{}
	for _, f := range outputHeaders.FindAllStringSubmatch(src, -1) {
		for _, h := range headerValue.FindAllStringSubmatch(f[0], -1) {
			out[f[1]] = append(out[f[1]], fmt.Sprintf("{%q, inHeader, %q}", h[2], h[1]))
		}
		for _, h := range headerPrefix.FindAllStringSubmatch(f[0], -1) {
			out[f[1]] = append(out[f[1]], fmt.Sprintf("{%q, inPrefixHeaders, %q}", h[2], h[1]))
		}
	}
	for _, op := range answerOp.FindAllStringSubmatch(src, -1) {
		if body := answerBody.FindStringSubmatch(op[0]); body != nil {
			out[op[1]] = append(out[op[1]], fmt.Sprintf("{%q, inPayload, \"\"}", body[1]))
		}
	}
	for _, f := range answerStream.FindAllStringSubmatch(src, -1) {
		if body := answerSet.FindStringSubmatch(f[0]); body != nil {
			out[f[1]] = append(out[f[1]], fmt.Sprintf("{%q, inPayload, \"\"}", body[1]))
		}
	}
	return out
}

// list writes bindings as a Go expression.
func list(bindings []string) string {
	if len(bindings) == 0 {
		return "nil"
	}
	return "[]binding{" + strings.Join(bindings, ", ") + "}"
}
