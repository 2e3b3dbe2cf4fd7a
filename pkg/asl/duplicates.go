package asl

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// duplicateKey finds the first object key that is written twice in valid
// JSON. encoding/json keeps the last one silently: a state would vanish.
func duplicateKey(raw []byte) (at, key string, found bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	type level struct {
		path  string
		keys  map[string]bool // nil: an array
		key   string
		index int
		value bool // an object's key was read, its value comes
	}
	var stack []*level
	child := func() string {
		if len(stack) == 0 {
			return ""
		}
		l := stack[len(stack)-1]
		if l.keys == nil {
			l.index++
			return fmt.Sprintf("%s[%d]", l.path, l.index-1)
		}
		l.value = false
		return l.path + "/" + l.key
	}
	for {
		tok, err := dec.Token()
		if err != nil {
			return "", "", false // the end: the text was parsed before
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, &level{path: child(), keys: map[string]bool{}})
			continue
		case json.Delim('['):
			stack = append(stack, &level{path: child()})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			continue
		}
		if len(stack) == 0 {
			return "", "", false
		}
		l := stack[len(stack)-1]
		if l.keys == nil || l.value {
			child()
			continue
		}
		name := tok.(string)
		if l.keys[name] {
			return l.path, name, true
		}
		l.keys[name], l.key, l.value = true, name, true
	}
}
