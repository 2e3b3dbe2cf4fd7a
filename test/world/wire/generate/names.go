package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire/internal/naming"
)

// styles are those of the services whose modules carry no schemas.
var styles = map[string]naming.Style{"apigateway": naming.Camel, "apigatewaymanagementapi": naming.Camel, "apigatewayv2": naming.Camel, "autoscaling": naming.Query, "cloudformation": naming.Query, "ec2": naming.EC2, "elasticache": naming.Query, "elasticloadbalancing": naming.Query, "elasticloadbalancingv2": naming.Query, "iam": naming.Query, "rds": naming.Query,
	"route53": naming.XML, "s3": naming.XML, "scheduler": naming.Go, "sfn": naming.Camel, "sns": naming.Query, "sts": naming.Query}

var (
	codecFunc  = regexp.MustCompile(`(?ms)^func (aws\w+_(?:de)?serialize\w+)\(v ([^ ,]+),.*?^}`)
	structType = regexp.MustCompile(`^\*{1,2}(?:types\.)?(\w+)$`)
	listType   = regexp.MustCompile(`^\*?\[\]`)
	mapType    = regexp.MustCompile(`^\*?map\[`)

	requestName  = regexp.MustCompile(`object\.(?:Key|FlatKey)\("([^"]+)"\)|\n\t{2,}(?:\t)*Local: "([^"]+)",`)
	requestField = regexp.MustCompile(`\bv\.(\w+)`)
	requestItem  = regexp.MustCompile(`value\.Array\("([^"]+)"\)|Local: "([^"]+)",`)
	requestMap   = regexp.MustCompile(`value\.Map\("([^"]+)", "([^"]+)"\)`)

	answerName  = regexp.MustCompile(`case strings\.EqualFold\("([^"]+)", t\.Name\.Local\):|\n\t\tcase "([^"]+)":`)
	answerField = regexp.MustCompile(`\bsv\.(\w+)`)
	calledCodec = regexp.MustCompile(`(aws\w+_(?:de)?serializeDocument\w+)\((?:&s)?v\.`)
)

// members are the wire names of a structure's fields: key "in", "out" and so
// on, see package wire's tables.
type members map[string]map[string]string

// names reads the names on the wire of every structure from the module's
// serializers and deserializers, and returns what the rules do not give.
func (m *module) names() (map[string]members, error) {
	st, ok := styles[m.name]
	if !ok {
		return nil, nil
	}
	all := map[string]members{}
	for _, file := range []string{"serializers.go", "deserializers.go"} {
		src, err := m.file(file)
		if err != nil {
			return nil, err
		}
		request := file == "serializers.go"
		codecs := map[string]codec{}
		for _, f := range codecFunc.FindAllStringSubmatch(src, -1) {
			if mapType.MatchString(f[2]) || listType.MatchString(f[2]) {
				codecs[f[1]] = newCodec(f[0], f[2], request)
			}
		}
		for _, f := range codecFunc.FindAllStringSubmatch(src, -1) {
			if t := structType.FindStringSubmatch(f[2]); t != nil && !strings.Contains(f[1], "HttpBindings") {
				if all[t[1]] == nil {
					all[t[1]] = members{}
				}
				all[t[1]].read(f[0], st, request, codecs)
			}
		}
	}
	return all, nil
}

// codec is what a function for a list or a map says.
type codec struct {
	list             bool
	item, key, value string
}

func newCodec(src, typ string, request bool) codec {
	c := codec{list: listType.MatchString(typ)}
	first := func(match []string) string { return strings.Join(match[1:], "") }
	switch {
	case c.list && request:
		if match := requestItem.FindStringSubmatch(src); match != nil {
			c.item = first(match)
		} else {
			c.item = "member" // XML's default
		}
	case c.list:
		if match := answerName.FindStringSubmatch(src); match != nil {
			c.item = first(match)
		}
	case request:
		if match := requestMap.FindStringSubmatch(src); match != nil {
			c.key, c.value = match[1], match[2]
		}
	default:
		if matches := answerName.FindAllStringSubmatch(src, -1); len(matches) == 2 {
			c.key, c.value = first(matches[0]), first(matches[1])
		}
	}
	return c
}

// read adds what a structure's codec says of its members.
func (ms members) read(src string, st naming.Style, request bool, codecs map[string]codec) {
	name, field, side := answerName, answerField, "out"
	if request {
		name, field, side = requestName, requestField, "in"
	}
	found := name.FindAllStringSubmatchIndex(src, -1)
	for i, at := range found {
		end := len(src)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		wire := src[max(at[2], at[4]):max(at[3], at[5])]
		rest := src[at[1]:end]
		match := field.FindStringSubmatch(rest)
		if match == nil {
			continue
		}
		ms.add(match[1], wire, rest, st, request, side, codecs)
	}
}

func (ms members) add(field, wire, rest string, st naming.Style, request bool, side string, codecs map[string]codec) {
	var c codec
	called, flat := "", false
	if match := calledCodec.FindStringSubmatch(rest); match != nil {
		called = match[1]
		base := strings.TrimSuffix(called, "Unwrapped")
		c = codecs[base]
		flat = base != called
		if un, ok := codecs[base+"Unwrapped"]; ok && !un.list {
			c.key, c.value = un.key, un.value
		}
	}
	set := func(key, value, rule string) {
		if value == "" || value == rule {
			return
		}
		if ms[field] == nil {
			ms[field] = map[string]string{}
		}
		ms[field][key] = value
	}
	flat = flat || request && strings.Contains(rest, "FlattenedElement(")
	set(side, wire, naming.Name(st, field, c.list, request))
	if st == naming.Camel || st == naming.Go {
		return // JSON's lists and maps have no names
	}
	if !(st == naming.EC2 && request) { // its lists are flat, items have no names
		set(side+"item", c.item, naming.Item(st, field))
		set(side+"key", c.key, "key")
		set(side+"value", c.value, "value")
		if flat {
			set(side+"flat", "true", "")
		}
	}
}

// line writes a field's properties.
func line(structure, field string, props map[string]string, required bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s", structure, field)
	for _, key := range []string{"in", "initem", "inkey", "invalue", "inflat", "out", "outitem", "outkey", "outvalue", "outflat"} {
		if v, ok := props[key]; ok {
			fmt.Fprintf(&b, " %s=%s", key, v)
		}
	}
	if required {
		b.WriteString(" required")
	}
	return b.String()
}
