package asl

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// errNotIterable is AWS's text for data that has no items.
var errNotIterable = errors.New("Attempting to map over non-iterable node.")

// parse makes items of an object's content.
func (r *itemReader) parse(body []byte) ([]mapItem, error) {
	switch r.inputType {
	case "CSV":
		return r.rows(body)
	case "JSONL":
		return lines(body)
	}
	v, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("the object is not JSON: %w", err)
	}
	if v, err = pointed(v, r.pointer); err != nil {
		return nil, err
	}
	items, ok := itemsOf(v, true)
	if !ok {
		return nil, errNotIterable
	}
	return items, nil
}

// rows reads CSV: each row becomes an object of texts. A row's cells beyond the
// headers are dropped, and missing ones are empty, as recorded on AWS.
func (r *itemReader) rows(body []byte) ([]mapItem, error) {
	c := csv.NewReader(bytes.NewReader(body))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes = r.delimiter, -1, true
	headers := r.headers
	if !r.given {
		var err error
		if headers, err = c.Read(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			return nil, err
		}
	}
	var items []mapItem
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, err
		}
		o := newObject(len(headers))
		for i, h := range headers {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			o.set(h, cell)
		}
		items = append(items, mapItem{value: o})
	}
}

// lines reads JSON Lines.
func lines(body []byte) ([]mapItem, error) {
	var items []mapItem
	for n, line := range bytes.Split(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := decode(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is not JSON: %w", n+1, err)
		}
		items = append(items, mapItem{value: v})
	}
	return items, nil
}

// pointed follows a JSON pointer.
// https://www.rfc-editor.org/rfc/rfc6901
func pointed(v any, pointer string) (any, error) {
	if pointer == "" {
		return v, nil
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, token := range strings.Split(pointer[1:], "/") {
		token = unescape.Replace(token)
		var ok bool
		if m, isObject := members(v); isObject {
			v, ok = m[token]
		} else if a, isArray := v.([]any); isArray {
			var n int
			var err error
			if n, err = strconv.Atoi(token); err == nil && n >= 0 && n < len(a) {
				v, ok = a[n], true
			}
		}
		if !ok {
			return nil, fmt.Errorf("the ItemsPointer %q does not lead to a value in the object", pointer)
		}
	}
	return v, nil
}
