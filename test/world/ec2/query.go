package ec2

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// query is the part that all Describe calls have in common.
type query struct {
	ids        []string
	filters    []types.Filter
	maxResults *int32
	nextToken  *string
	dryRun     *bool
	// notFound is the error's code, what the thing is called in its message.
	notFound, what string
	least, most    int // bounds of maxResults; 0 means 5 and 1000
}

// attribute returns the values of an item that a filter looks at; false for a
// filter that does not exist. Tag filters are handled for all.
type attribute[T any] func(item T, name string) ([]string, bool)

// find returns one page of the items that a query asks for, in the order given.
func find[T any](q query, items []T, id func(T) string, tags func(T) []types.Tag, attr attribute[T]) ([]T, *string, error) {
	if err := dryRun(q.dryRun); err != nil {
		return nil, nil, err
	}
	for _, want := range q.ids {
		if !slices.ContainsFunc(items, func(item T) bool { return id(item) == want }) {
			return nil, nil, wire.Errorf(q.notFound, "The %s '%s' does not exist", q.what, want)
		}
	}
	out := []T{}
	for _, item := range items {
		if len(q.ids) > 0 && !slices.Contains(q.ids, id(item)) {
			continue
		}
		out = append(out, item)
	}
	for _, f := range q.filters {
		kept := []T{}
		for _, item := range out {
			ok, err := matches(f, item, tags, attr)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				kept = append(kept, item)
			}
		}
		var none T
		if _, err := matches(f, none, func(T) []types.Tag { return nil }, attr); err != nil {
			return nil, nil, err // an unknown filter is one also when nothing is left
		}
		out = kept
	}
	return page(q, out)
}

func matches[T any](f types.Filter, item T, tags func(T) []types.Tag, attr attribute[T]) (bool, error) {
	name := value(f.Name)
	var have []string
	if key, ok := strings.CutPrefix(name, "tag:"); ok || name == "tag-key" {
		for _, t := range tags(item) {
			switch {
			case name == "tag-key":
				have = append(have, *t.Key)
			case *t.Key == key:
				have = append(have, *t.Value)
			}
		}
	} else if have, ok = attr(item, name); !ok {
		return false, wire.Errorf("InvalidParameterValue", "The filter '%s' is invalid", name)
	}
	for _, pattern := range f.Values {
		re := regexp.MustCompile("^(?s:" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern)) + ")$")
		if slices.ContainsFunc(have, re.MatchString) {
			return true, nil
		}
	}
	return false, nil
}

func page[T any](q query, items []T) ([]T, *string, error) {
	if q.maxResults == nil && q.nextToken == nil {
		return items, nil, nil
	}
	if len(q.ids) > 0 {
		return nil, nil, wire.Errorf("InvalidParameterCombination", "The parameter maxResults cannot be used with a list of IDs")
	}
	if q.least == 0 {
		q.least = 5
	}
	if q.most == 0 {
		q.most = 1000
	}
	limit := q.most
	if q.maxResults != nil {
		if limit = int(*q.maxResults); limit < q.least || limit > q.most {
			return nil, nil, wire.Errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", limit, q.least, q.most)
		}
	}
	start := 0
	if q.nextToken != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*q.nextToken)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 || start > len(items) {
			return nil, nil, wire.Errorf("InvalidNextToken", "The specified token is not valid")
		}
	}
	items = items[start:]
	if len(items) <= limit {
		return items, nil, nil
	}
	return items[:limit], ptr(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(start + limit)))), nil
}
