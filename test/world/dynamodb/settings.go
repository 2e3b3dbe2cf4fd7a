package dynamodb

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// How items expire (source: "Using time to live (TTL) in DynamoDB"): AWS deletes
// "within a few days" and leaves alone what is longer past than five years. Here
// an item goes two days after its time, so that nobody comes to depend on it.
const (
	expiryDelay = 48 * time.Hour
	oldest      = 5 * 365 * 24 * time.Hour
	ttlPause    = time.Hour // between two changes of the setting
	maxTags     = 50
)

// expire deletes the items whose time has come.
func (t *table) expire(now time.Time) {
	if t.ttl == "" {
		return
	}
	maps.DeleteFunc(t.items, func(_ string, item attr.Item) bool {
		n, ok := item[t.ttl].(*types.AttributeValueMemberN)
		if !ok {
			return false
		}
		seconds, ok := new(big.Rat).SetString(n.Value)
		if !ok {
			return false
		}
		whole := new(big.Int).Quo(seconds.Num(), seconds.Denom())
		if !whole.IsInt64() {
			return false
		}
		past := now.Unix() - whole.Int64()
		return past >= int64(expiryDelay.Seconds()) && past < int64(oldest.Seconds())
	})
}

// UpdateTimeToLive sets the attribute by which items expire, or none.
func (s *Service) UpdateTimeToLive(_ *wire.Call, in *awsddb.UpdateTimeToLiveInput) (*awsddb.UpdateTimeToLiveOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	spec := in.TimeToLiveSpecification
	if spec == nil || aws.ToString(spec.AttributeName) == "" {
		return nil, validation("TimeToLiveSpecification.AttributeName is required")
	}
	now, enabled := s.clock.Now(), aws.ToBool(spec.Enabled)
	switch {
	case enabled && t.ttl != "":
		return nil, validation("TimeToLive is already enabled")
	case !enabled && t.ttl == "":
		return nil, validation("TimeToLive is already disabled")
	case !enabled && t.ttl != *spec.AttributeName:
		return nil, validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.ttl)
	case !t.ttlChanged.IsZero() && now.Sub(t.ttlChanged) < ttlPause:
		return nil, validation("Time to live has been modified multiple times within a fixed interval")
	}
	t.ttl, t.ttlChanged = "", now
	if enabled {
		t.ttl = *spec.AttributeName
	}
	return &awsddb.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

// DescribeTimeToLive tells by which attribute items expire.
func (s *Service) DescribeTimeToLive(_ *wire.Call, in *awsddb.DescribeTimeToLiveInput) (*awsddb.DescribeTimeToLiveOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	d := &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	if t.ttl != "" {
		d = &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusEnabled, AttributeName: &t.ttl}
	}
	return &awsddb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

// UpdateTable changes billing, throughput and protection; indexes stay.
func (s *Service) UpdateTable(_ *wire.Call, in *awsddb.UpdateTableInput) (*awsddb.UpdateTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if len(in.GlobalSecondaryIndexUpdates) > 0 || len(in.ReplicaUpdates) > 0 || in.StreamSpecification != nil {
		return nil, validation("the simulated AWS does not change indexes, replicas and streams of a table")
	}
	next := *t.in
	if in.BillingMode != "" {
		next.BillingMode = in.BillingMode
		if in.BillingMode == types.BillingModePayPerRequest {
			next.ProvisionedThroughput = nil
		}
	}
	if in.ProvisionedThroughput != nil {
		if next.BillingMode == types.BillingModePayPerRequest {
			return nil, validation("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		next.ProvisionedThroughput = in.ProvisionedThroughput
	}
	if in.DeletionProtectionEnabled != nil {
		next.DeletionProtectionEnabled = in.DeletionProtectionEnabled
	}
	if in.SSESpecification != nil {
		next.SSESpecification = in.SSESpecification
	}
	t.in = &next
	return &awsddb.UpdateTableOutput{TableDescription: s.describe(t)}, nil
}

func (s *Service) backups(t *table) *types.ContinuousBackupsDescription {
	pit := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if t.recovery {
		now := s.clock.Now()
		pit = &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusEnabled, RecoveryPeriodInDays: aws.Int32(35),
			EarliestRestorableDateTime: &t.created, LatestRestorableDateTime: &now}
	}
	return &types.ContinuousBackupsDescription{ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: pit}
}

// DescribeContinuousBackups tells whether a table has point-in-time recovery.
func (s *Service) DescribeContinuousBackups(_ *wire.Call, in *awsddb.DescribeContinuousBackupsInput) (*awsddb.DescribeContinuousBackupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, &types.TableNotFoundException{Message: aws.String("Table not found: " + aws.ToString(in.TableName))}
	}
	return &awsddb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: s.backups(t)}, nil
}

// UpdateContinuousBackups turns point-in-time recovery on or off; there is no
// restore.
func (s *Service) UpdateContinuousBackups(_ *wire.Call, in *awsddb.UpdateContinuousBackupsInput) (*awsddb.UpdateContinuousBackupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, &types.TableNotFoundException{Message: aws.String("Table not found: " + aws.ToString(in.TableName))}
	}
	if in.PointInTimeRecoverySpecification == nil {
		return nil, validation("PointInTimeRecoverySpecification is required")
	}
	t.recovery = aws.ToBool(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
	return &awsddb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: s.backups(t)}, nil
}

// tagged finds a table by its ARN.
func (s *Service) tagged(arn *string) (*table, error) {
	name, ok := strings.CutPrefix(aws.ToString(arn), s.arn(""))
	if t, known := s.tables[name]; ok && known {
		return t, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Requested resource not found: ResourcArn: %s not found", aws.ToString(arn)))}
}

// ListTagsOfResource lists the tags of a table.
func (s *Service) ListTagsOfResource(_ *wire.Call, in *awsddb.ListTagsOfResourceInput) (*awsddb.ListTagsOfResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &awsddb.ListTagsOfResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(t.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(t.tags[k])})
	}
	return out, nil
}

// TagResource adds tags to a table.
func (s *Service) TagResource(_ *wire.Call, in *awsddb.TagResourceInput) (*awsddb.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(t.tags)
	for _, tag := range in.Tags {
		next[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(next) > maxTags {
		return nil, validation("One or more parameter values were invalid: Too many tags: %d", len(next))
	}
	t.tags = next
	return &awsddb.TagResourceOutput{}, nil
}

// UntagResource removes tags from a table.
func (s *Service) UntagResource(_ *wire.Call, in *awsddb.UntagResourceInput) (*awsddb.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(t.tags, k)
	}
	return &awsddb.UntagResourceOutput{}, nil
}
