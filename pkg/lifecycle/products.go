package lifecycle

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed products.json
var productsJSON []byte

// product is one announcement of a product about its CustomResourceDefinitions.
type product struct {
	Product     string            `json:"product"`
	Group       string            `json:"group"`
	Versions    []string          `json:"versions"`
	Kinds       map[string]string `json:"kinds"`       // with their plurals
	Deprecated  upgrade.Version   `json:"deprecated"`  // release of the product; empty: not said
	Removed     upgrade.Version   `json:"removed"`     // first release without it; empty: not announced
	Replacement string            `json:"replacement"` // version, "group/version" or "group/version Kind"; empty: none
	Source      string            `json:"source"`
	Note        string            `json:"note"` // for who reads the file
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
	all, err := upgrade.Decode[[]product](data)
	if err != nil {
		return nil, err
	}
	var table Table
	for i, p := range all {
		switch {
		case p.Product == "" || p.Group == "" || len(p.Versions) == 0 || len(p.Kinds) == 0:
			return nil, upgrade.Detailf("products[%d]: product, group, versions and kinds must be given", i)
		case p.Deprecated == (upgrade.Version{}) && p.Removed == (upgrade.Version{}):
			return nil, upgrade.Detailf("products[%d]: it is neither deprecated nor removed", i)
		case !strings.HasPrefix(p.Source, "https://"):
			return nil, upgrade.Detailf("products[%d]: source must be an https link", i)
		}
		for _, version := range p.Versions {
			for _, kind := range sortedKeys(p.Kinds) {
				if _, twice := table.Lookup(p.Group, version, kind); twice {
					return nil, upgrade.Detailf("products[%d]: %s/%s %s is there twice", i, p.Group, version, kind)
				}
				table = append(table, API{Group: p.Group, Version: version, Kind: kind, Plural: p.Kinds[kind], Product: p.Product,
					Deprecated: p.Deprecated, Removed: p.Removed, Replacement: ParseReplacement(p.Replacement, p.Group, kind), Source: p.Source})
			}
		}
	}
	return table, nil
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
