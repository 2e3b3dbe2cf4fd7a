package config

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Kind is the type of a setting's value.
type Kind string

// The kinds, with the type of their values in Go.
const (
	Text     Kind = "text"                  // string
	Duration Kind = "duration"              // upgrade.Duration
	Integer  Kind = "whole number"          // int
	Number   Kind = "number"                // float64
	Texts    Kind = "list of texts"         // []string
	Integers Kind = "list of whole numbers" // []int
)

// article is the kind with its article.
func (k Kind) article() string {
	if k == Text {
		return string(k)
	}
	return "a " + string(k)
}

// parse makes a value of the kind of what a layer holds: what YAML decodes to,
// or, from parameters and the environment, text. A list as text is a JSON array
// or has commas.
func (k Kind) parse(raw any, textual bool) (value any, ok bool) {
	if text, is := raw.(string); is && textual && k != Text {
		return k.parseText(text)
	}
	switch k {
	case Text:
		value, ok = raw.(string)
	case Duration:
		text, is := raw.(string)
		if !is {
			return nil, false
		}
		return k.parseText(text)
	case Integer:
		if n, is := raw.(float64); is { // 5.0, as JSON has it
			return int(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
		}
		value, ok = raw.(int)
	case Number:
		switch n := raw.(type) {
		case int:
			return float64(n), true
		case float64:
			return n, !math.IsNaN(n) && !math.IsInf(n, 0)
		}
	case Texts:
		return items[string](raw)
	case Integers:
		return items[int](raw)
	}
	return value, ok
}

func items[T any](raw any) (any, bool) {
	list, ok := raw.([]any)
	if !ok {
		return nil, false
	}
	out := make([]T, 0, len(list))
	for _, item := range list {
		v, ok := item.(T)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

func (k Kind) parseText(text string) (any, bool) {
	switch k {
	case Duration:
		d, err := time.ParseDuration(text)
		return upgrade.Duration(d), err == nil
	case Integer:
		n, err := strconv.Atoi(text)
		return n, err == nil
	case Number:
		n, err := strconv.ParseFloat(text, 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	case Texts:
		return list(text, func(s string) (string, error) { return s, nil })
	case Integers:
		return list(text, strconv.Atoi)
	}
	return text, true
}

func list[T any](text string, parse func(string) (T, error)) (any, bool) {
	out := []T{}
	if json.Unmarshal([]byte(text), &out) == nil && out != nil {
		return out, true
	}
	out = []T{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		v, err := parse(item)
		if err != nil {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

// TextOf writes a value of any kind as parameters and the environment hold it:
// one text that parses to an equal value. A list with a comma in an item is a
// JSON array, others have commas.
func TextOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case upgrade.Duration:
		return shortDuration(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []int:
		out := make([]string, len(v))
		for i, n := range v {
			out[i] = strconv.Itoa(n)
		}
		return strings.Join(out, ",")
	case []string:
		awkward := func(s string) bool { return s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, ",[") }
		if !slices.ContainsFunc(v, awkward) {
			return strings.Join(v, ",")
		}
		data, err := json.Marshal(v)
		if err != nil { // texts always encode
			return strings.Join(v, ",")
		}
		return string(data)
	}
	return fmt.Sprint(value)
}

// Plain is a value as YAML and JSON write it.
func Plain(value any) any {
	if d, ok := value.(upgrade.Duration); ok {
		return shortDuration(d)
	}
	return value
}

// shortDuration writes 1h0m0s as 1h, as people do.
func shortDuration(d upgrade.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
