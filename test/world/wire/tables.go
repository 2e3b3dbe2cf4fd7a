package wire

import (
	"embed"
	"fmt"
	"path"
	"reflect"
	"strings"
	"sync"
)

// tableFiles hold, one file a service, what the SDK's source says of its
// structures and reflection does not. A line lists the operations, or it is
//
//	Structure.Field [in=NAME] [initem=NAME] [inkey=NAME] [invalue=NAME]
//	                [out=NAME] [outitem=NAME] [outkey=NAME] [outvalue=NAME] [outflat=true] [required]
//
// with the names of the member, of a list's items and of a map's keys and
// values in requests and in answers where the rules of package naming differ.
//
//go:embed tables/*.txt
var tableFiles embed.FS

// row is one line of a table.
type row struct {
	in, out  names
	required bool
}

// names are those of a member on the wire; "" follows the rule.
type names struct {
	name, item, key, value string
	flat                   bool
}

// table is what is known of a service.
type table struct {
	operations map[string]bool
	structures map[string]map[string]row // structure -> field
}

var tables sync.Map // service -> func() table

// tableOf returns the table of an SDK module; of other packages it is empty.
func tableOf(service string) table {
	load, _ := tables.LoadOrStore(service, sync.OnceValue(func() table { return readTable(service) }))
	return load.(func() table)()
}

func readTable(service string) table {
	t := table{map[string]bool{}, map[string]map[string]row{}}
	text, err := tableFiles.ReadFile("tables/" + service + ".txt")
	if err != nil {
		return t // not a service's package
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if words[0] == "operations" {
			for _, name := range words[1:] {
				t.operations[name] = true
			}
			continue
		}
		structure, field, _ := strings.Cut(words[0], ".")
		var r row
		for _, word := range words[1:] {
			if err := r.set(word); err != nil {
				panic(fmt.Sprintf("wire: tables/%s.txt: %s: %v", service, words[0], err)) // it is ours
			}
		}
		if t.structures[structure] == nil {
			t.structures[structure] = map[string]row{}
		}
		t.structures[structure][field] = r
	}
	return t
}

func (r *row) set(word string) error {
	key, value, _ := strings.Cut(word, "=")
	side := &r.in
	if rest, ok := strings.CutPrefix(key, "out"); ok {
		side, key = &r.out, rest
	} else {
		key = strings.TrimPrefix(key, "in")
	}
	switch key {
	case "":
		side.name = value
	case "item":
		side.item = value
	case "key":
		side.key = value
	case "value":
		side.value = value
	case "flat":
		side.flat = true
	case "required":
		r.required = true
	default:
		return fmt.Errorf("unknown property %q", word)
	}
	return nil
}

// serviceOfType names the SDK package that a structure belongs to.
func serviceOfType(t reflect.Type) string {
	return path.Base(strings.TrimSuffix(t.PkgPath(), "/types"))
}

// rowOf returns what the tables say of a structure's field.
func rowOf(t reflect.Type, field string) row {
	return tableOf(serviceOfType(t)).structures[t.Name()][field]
}

// isOperation reports whether AWS has the operation, simulated or not.
func isOperation(service, name string) bool { return tableOf(service).operations[name] }
