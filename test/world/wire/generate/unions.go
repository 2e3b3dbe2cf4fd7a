package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
)

var (
	unionType    = regexp.MustCompile(`(?m)^type (\w+) interface \{\n\tis(\w+)\(\)\n\}`)
	unionVariant = regexp.MustCompile(`(?m)^func \(\*(\w+)Member(\w+)\) is(\w+)\(\)`)
)

// writeUnions lists the variants of the SDK's unions, which are Go interfaces:
// reflection cannot list their implementations.
func writeUnions(b *bytes.Buffer, modules []*module) error {
	type union struct{ module, name string }
	variants := map[union][]string{}
	used := map[string]bool{}
	for _, m := range modules {
		src, err := m.file("types/types.go")
		if err != nil {
			return err
		}
		for _, u := range unionType.FindAllStringSubmatch(src, -1) {
			for _, v := range unionVariant.FindAllStringSubmatch(src, -1) {
				if v[3] == u[1] && v[1] == u[1] {
					variants[union{m.name, u[1]}] = append(variants[union{m.name, u[1]}], v[2])
					used[m.name] = true
				}
			}
		}
	}
	b.WriteString("import (\n\t\"reflect\"\n\n")
	for _, name := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(b, "%s %q\n", name, modulePrefix+name+"/types")
	}
	b.WriteString(")\n\n// unions lists the variants of unions: Go interfaces, whose implementations\n// reflection cannot list.\nvar unions = map[reflect.Type]map[string]reflect.Type{\n")
	all := slices.Collect(maps.Keys(variants))
	sort.Slice(all, func(i, j int) bool {
		return strings.Compare(all[i].module+"."+all[i].name, all[j].module+"."+all[j].name) < 0
	})
	for _, u := range all {
		fmt.Fprintf(b, "reflect.TypeFor[%s.%s](): {\n", u.module, u.name)
		slices.Sort(variants[u])
		for _, v := range variants[u] {
			fmt.Fprintf(b, "%q: reflect.TypeFor[%s.%sMember%s](),\n", v, u.module, u.name, v)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	return nil
}
