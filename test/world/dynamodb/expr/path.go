package expr

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

// Step is one step of a document path: an attribute's name or a list's index.
type Step struct {
	Name  string
	Index int // -1 for a name
}

// Path is a document path such as a.b[2].
type Path []Step

// String writes the path.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Index >= 0:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case i > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// Get returns the value at the path, or nil.
func (p Path) Get(item attr.Item) attr.Value {
	var v attr.Value = &types.AttributeValueMemberM{Value: item}
	for _, s := range p {
		v = s.of(v)
		if v == nil {
			return nil
		}
	}
	return v
}

func (s Step) of(v attr.Value) attr.Value {
	switch x := v.(type) {
	case *types.AttributeValueMemberM:
		if s.Index < 0 {
			if e, ok := x.Value[s.Name]; ok {
				return e
			}
		}
	case *types.AttributeValueMemberL:
		if s.Index >= 0 && s.Index < len(x.Value) {
			return x.Value[s.Index]
		}
	}
	return nil
}

// errPath is DynamoDB's answer to an update of a path whose parent is missing.
var errPath = &SyntaxError{"The document path provided in the update expression is invalid for update"}

// set puts a value at the path; only the last step may be new.
func (p Path) set(item attr.Item, v attr.Value) error {
	parent, last := p[:len(p)-1].Get(item), p[len(p)-1]
	switch x := parent.(type) {
	case *types.AttributeValueMemberM:
		if last.Index < 0 {
			x.Value[last.Name] = v
			return nil
		}
	case *types.AttributeValueMemberL:
		if last.Index >= 0 {
			if last.Index >= len(x.Value) {
				x.Value = append(x.Value, v) // beyond the end appends
			} else {
				x.Value[last.Index] = v
			}
			return nil
		}
	}
	return errPath
}

// remove takes the value at the path away, if there is one.
func (p Path) remove(item attr.Item) error {
	parent, last := p[:len(p)-1].Get(item), p[len(p)-1]
	switch x := parent.(type) {
	case *types.AttributeValueMemberM:
		if last.Index < 0 {
			delete(x.Value, last.Name)
			return nil
		}
	case *types.AttributeValueMemberL:
		if last.Index >= 0 {
			if last.Index < len(x.Value) {
				x.Value = append(x.Value[:last.Index:last.Index], x.Value[last.Index+1:]...)
			}
			return nil
		}
	}
	return errPath
}

// overlaps reports whether one path is the other or leads to it.
func (p Path) overlaps(q Path) bool {
	for i := range min(len(p), len(q)) {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}
