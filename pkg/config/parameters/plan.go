package parameters

import (
	"cmp"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
)

// Action is what is to be done with one parameter.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Retype Action = "retype" // delete, and make again as another type
	Delete Action = "delete" // the parameter has no place in what is wanted
)

// Change is one difference between what is wanted and what is stored. Values of
// secrets are not shown.
type Change struct {
	Key    string `json:"key"`
	Name   string `json:"parameter"`
	Action Action `json:"action"`
	Secret bool   `json:"secret"`
	Stored string `json:"stored"` // "" when there is none
	Wanted string `json:"wanted"`

	value string // what to write
}

// Diff compares settings, as texts by key, with what is stored below a path,
// and returns the changes that make the stored ones equal, in the order of
// keys. Values that mean the same are equal: "60s" and "1m". An empty text is
// wanted to be not stored: parameters cannot be empty. A stored secret, and the
// name of a resource, which the deployment stores, are left alone when nothing is
// said of them.
func Diff(path string, wanted map[string]string, stored []config.Parameter) []Change {
	var changes []Change
	seen := map[string]bool{}
	for _, p := range stored {
		key := config.KeyOf(path, p.Name)
		seen[key] = true
		value, keep := wanted[key]
		s, known := config.Find(key)
		c := Change{Key: key, Name: p.Name, Secret: s.Secret || p.Secure || !known && config.SecretName(key),
			Stored: p.Value, Wanted: value, Action: Update, value: value}
		switch {
		case !keep && (s.Secret && p.Secure || s.Resource):
			continue
		case !keep || value == "":
			c.Action = Delete
		case s.Secret != p.Secure:
			c.Action, c.Secret = Retype, s.Secret
		case same(s, p.Value, value):
			continue
		}
		changes = append(changes, c.hidden(s.Secret || p.Secure))
	}
	for key, value := range wanted {
		if !seen[key] && value != "" {
			s, _ := config.Find(key)
			changes = append(changes, Change{Key: key, Name: config.ParameterName(path, key), Action: Create, Secret: s.Secret, Wanted: value, value: value}.hidden(s.Secret))
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Key, b.Key) })
	return changes
}

func same(s config.Setting, a, b string) bool {
	if a == b {
		return true
	}
	x, err := s.Parse(a)
	if err != nil {
		return false
	}
	y, err := s.Parse(b)
	return err == nil && config.TextOf(x) == config.TextOf(y)
}

func (c Change) hidden(secret bool) Change {
	for _, shown := range []*string{&c.Stored, &c.Wanted} {
		if *shown != "" && (secret || c.Secret || config.SecretShape(*shown) != "") {
			*shown = config.Hidden
		}
	}
	return c
}

// After returns what is stored when the changes are carried out.
func After(stored []config.Parameter, changes []Change) []config.Parameter {
	byName := map[string]Change{}
	for _, c := range changes {
		byName[c.Name] = c
	}
	var after []config.Parameter
	for _, p := range stored {
		if _, changed := byName[p.Name]; !changed {
			after = append(after, p)
		}
	}
	for _, c := range changes {
		if c.Action != Delete {
			s, _ := config.Find(c.Key)
			after = append(after, config.Parameter{Name: c.Name, Value: c.value, Secure: s.Secret})
		}
	}
	return after
}
