package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// fromCBOR reads a CBOR document into a tree.
func fromCBOR(body []byte) (any, error) {
	v, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	return cborTree(v)
}

func cborTree(v cbor.Value) (any, error) {
	switch x := v.(type) {
	case cbor.String:
		return string(x), nil
	case cbor.Slice:
		return []byte(x), nil
	case cbor.Bool:
		return bool(x), nil
	case cbor.Uint, cbor.NegInt:
		return cbor.AsInt64(v)
	case cbor.Float32:
		return float64(x), nil
	case cbor.Float64:
		return float64(x), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	case *cbor.Tag:
		return cbor.AsTime(v)
	case cbor.List:
		list := make([]any, len(x))
		for i, item := range x {
			t, err := cborTree(item)
			if err != nil {
				return nil, err
			}
			list[i] = t
		}
		return list, nil
	case cbor.Map:
		m := make(map[string]any, len(x))
		for key, item := range x {
			t, err := cborTree(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			m[key] = t
		}
		return m, nil
	}
	return nil, fmt.Errorf("CBOR value of type %T is not supported", v)
}

// toCBOR writes a tree as a CBOR document.
func toCBOR(tree any) ([]byte, error) {
	v, err := cborValue(tree)
	if err != nil {
		return nil, err
	}
	return cbor.Encode(v), nil
}

func cborValue(tree any) (cbor.Value, error) {
	switch x := tree.(type) {
	case nil:
		return &cbor.Nil{}, nil
	case string:
		return cbor.String(x), nil
	case []byte:
		return cbor.Slice(x), nil
	case bool:
		return cbor.Bool(x), nil
	case int64:
		if x < 0 {
			return cbor.NegInt(uint64(-x)), nil
		}
		return cbor.Uint(uint64(x)), nil
	case float64:
		return cbor.Float64(x), nil
	case json.Number:
		f, err := x.Float64()
		return cbor.Float64(f), err
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(x.UnixMilli()) / 1e3)}, nil
	case []any:
		list := make(cbor.List, len(x))
		for i, item := range x {
			v, err := cborValue(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case map[string]any:
		m := make(cbor.Map, len(x))
		for key, item := range x {
			v, err := cborValue(item)
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	}
	return nil, fmt.Errorf("wire: cannot write %T as CBOR", tree)
}
