package rds

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/rds/pages"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// PutMaintenance replaces what waits to be done to the instance or cluster of an
// ARN. Nothing is ever done.
func (s *Service) PutMaintenance(arn string, actions ...types.PendingMaintenanceAction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[arn] = actions
}

// DescribePendingMaintenanceActions lists by ARN the instances and clusters for
// which something waits.
func (s *Service) DescribePendingMaintenanceActions(_ *wire.Call, in *awsrds.DescribePendingMaintenanceActionsInput) (*awsrds.DescribePendingMaintenanceActionsOutput, error) {
	if err := known(in.Filters, "db-instance-id", "db-cluster-id"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.ResourcePendingMaintenanceActions{}
	for _, arn := range slices.Sorted(maps.Keys(s.waiting)) {
		if len(s.waiting[arn]) == 0 || in.ResourceIdentifier != nil && *in.ResourceIdentifier != arn {
			continue
		}
		if keeps(in.Filters, func(string) []string { return []string{arn, plain(arn)} }) {
			found = append(found, types.ResourcePendingMaintenanceActions{ResourceIdentifier: aws.String(arn), PendingMaintenanceActionDetails: s.waiting[arn]})
		}
	}
	items, next, err := pages.Cut(found, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &awsrds.DescribePendingMaintenanceActionsOutput{PendingMaintenanceActions: items, Marker: next}, nil
}
