package wire

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	smithydocument "github.com/aws/smithy-go/document"
)

// documents makes values of the SDK's document types: each module has its own,
// which only it can make.
var documents = map[reflect.Type]func(any) any{
	reflect.TypeFor[document.Interface](): func(v any) any { return document.NewLazyDocument(v) },
}

// newDocument sets v, a document, to the value of a tree.
func newDocument(v reflect.Value, tree any) {
	v.Set(reflect.ValueOf(documents[v.Type()](documentValue(tree))))
}

// documentValue turns a tree into what the SDK's document encoder takes.
func documentValue(tree any) any {
	switch x := tree.(type) {
	case json.Number:
		return smithydocument.Number(x)
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = documentValue(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			out[k] = documentValue(item)
		}
		return out
	}
	return tree
}

// documentTree returns the tree of a document.
func documentTree(doc any) (any, error) {
	m, ok := doc.(smithydocument.Marshaler)
	if !ok {
		return nil, fmt.Errorf("wire: %T is not a document", doc)
	}
	b, err := m.MarshalSmithyDocument()
	if err != nil {
		return nil, err
	}
	return fromJSON(b)
}
