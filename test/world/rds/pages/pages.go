// Package pages cuts lists as the query APIs of RDS and ElastiCache do, by
// Marker and MaxRecords.
package pages

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Page sizes of the query APIs of databases (source: API reference).
const (
	minRecords = 20
	maxRecords = 100
)

// Cut returns the items of a sorted list from the marker on, and the marker of
// the next; its errors are the services' own.
func Cut[T any](all []T, marker *string, records *int32) ([]T, *string, error) {
	n := maxRecords
	if records != nil {
		if n = int(*records); n < minRecords || n > maxRecords {
			return nil, nil, wire.Errorf("InvalidParameterValue", "Invalid value %d for MaxRecords. Must be between %d and %d", n, minRecords, maxRecords)
		}
	}
	page, next, ok := paging.CutHidden(all, marker, n)
	if !ok {
		return nil, nil, wire.Errorf("InvalidParameterValue", "Invalid Marker: %s", *marker)
	}
	return page, next, nil
}
