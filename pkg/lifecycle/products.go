package lifecycle

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed products.json
var productsJSON []byte

// Announcement is what a product says of versions of its APIs.
type Announcement struct {
	Product     string            `json:"product,omitempty"` // empty: Deprecated and Removed are releases of Kubernetes
	Group       string            `json:"group"`
	Versions    []string          `json:"versions"`
	Kinds       map[string]string `json:"kinds"`                 // with their plurals: {"Certificate": "certificates"}
	Deprecated  upgrade.Version   `json:"deprecated,omitzero"`   // empty: not said
	Removed     upgrade.Version   `json:"removed,omitzero"`      // first release without it; empty: not announced
	Replacement string            `json:"replacement,omitempty"` // version, "group/version" or "group/version Kind"; empty: none
	Source      string            `json:"source,omitempty"`      // https link
	Note        string            `json:"note,omitempty"`        // for who reads the file
}

// Table returns the APIs that the announcement is about. An error names the
// field.
func (a Announcement) Table() (Table, error) {
	wrong := func(field, message, remedy string) error {
		return upgrade.KindInvalidInput.Field("read an API", field, message, remedy)
	}
	switch {
	case a.Group == "":
		return nil, wrong("group", "is missing", "name the API group: the part of apiVersion before the slash")
	case len(a.Versions) == 0:
		return nil, wrong("versions", "is missing", "list the versions: [v1alpha1, v1beta1]")
	case len(a.Kinds) == 0:
		return nil, wrong("kinds", "is missing", "name each kind with its plural: {Certificate: certificates}")
	case a.Deprecated == (upgrade.Version{}) && a.Removed == (upgrade.Version{}):
		return nil, wrong("removed", "neither deprecated nor removed is given", "name the release of the product that deprecated the versions, or the first one without them")
	case a.Deprecated != (upgrade.Version{}) && a.Removed != (upgrade.Version{}) && a.Removed.Compare(a.Deprecated) < 0:
		return nil, wrong("removed", "is before deprecated", "name the first release without the versions")
	case a.Source != "" && !strings.HasPrefix(a.Source, "https://"):
		return nil, wrong("source", "is no https link", "give the address of the announcement, or leave it out")
	}
	var table Table
	for i, version := range a.Versions {
		for _, kind := range sortedKeys(a.Kinds) {
			if version == "" || kind == "" {
				return nil, wrong(fmt.Sprintf("versions[%d]", i), "a version or kind is empty", "take it out or name it")
			}
			table = append(table, API{Group: a.Group, Version: version, Kind: kind, Plural: a.Kinds[kind], Product: a.Product,
				Deprecated: a.Deprecated, Removed: a.Removed, Replacement: ParseReplacement(a.Replacement, a.Group, kind), Source: a.Source})
		}
	}
	return table, nil
}

// Join returns the APIs of all announcements. One that is there twice is an
// error; at is the path of the list, for errors.
func Join(at string, all []Announcement) (Table, error) {
	var table Table
	for i, a := range all {
		more, err := a.Table()
		if err != nil {
			var own *upgrade.Error
			if errors.As(err, &own) {
				own.Field = fmt.Sprintf("%s[%d].%s", at, i, own.Field)
			}
			return nil, err
		}
		for j, api := range more {
			if _, twice := table.Lookup(api.Group, api.Version, api.Kind); twice || slices.ContainsFunc(more[:j], func(x API) bool { return x.Version == api.Version && x.Kind == api.Kind }) {
				return nil, upgrade.KindInvalidInput.Field("read APIs", fmt.Sprintf("%s[%d]", at, i), api.String()+" is there twice", "keep one of them")
			}
		}
		table = append(table, more...)
	}
	return table, nil
}

// Products returns the table of well-known products; do not change it.
var Products = sync.OnceValue(func() Table {
	table, err := readProducts(productsJSON)
	if err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	return table
})

func readProducts(data []byte) (Table, error) {
	all, err := upgrade.Decode[[]Announcement](data)
	if err != nil {
		return nil, err
	}
	return Join("products", all)
}

// ParseReplacement reads what takes the place of a kind of a group: "v1",
// "group/v1" or "group/v1 Kind"; "" is the zero Kind.
func ParseReplacement(text, group, kind string) Kind {
	if text == "" {
		return Kind{}
	}
	apiVersion, other, named := strings.Cut(text, " ")
	if named {
		kind = other
	}
	if g, version, ok := strings.Cut(apiVersion, "/"); ok {
		return Kind{g, version, kind}
	}
	return Kind{group, apiVersion, kind}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// String returns "policy/v1beta1 PodDisruptionBudget".
func (a API) String() string { return fmt.Sprintf("%s %s", a.APIVersion(), a.Kind) }
