package dynamodb

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestItemsExpireTwoDaysAfterTheirTime(t *testing.T) {
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	v := clock.NewVirtual(start)
	s := New(v, "123456789012", "eu-west-1")
	name := aws.String("leases")
	if err := s.AddTable(&awsddb.CreateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}}}); err != nil {
		t.Fatal(err)
	}
	ttl := func(enabled bool, attribute string) error {
		_, err := s.UpdateTimeToLive(&wire.Call{}, &awsddb.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: &enabled}})
		return err
	}
	if err := ttl(true, "expires"); err != nil {
		t.Fatal(err)
	}
	if ttl(true, "expires") == nil || ttl(false, "other") == nil || ttl(false, "expires") == nil {
		t.Error("enabling twice, disabling another attribute, and a change within the hour must be refused")
	}
	hour := func(n int) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(start.Add(time.Duration(n)*time.Hour).Unix(), 10)}
	}
	for id, expires := range map[string]types.AttributeValue{
		"soon": hour(1), "later": hour(100), "text": &types.AttributeValueMemberS{Value: "1"}, "ancient": &types.AttributeValueMemberN{Value: "1000"}, "none": nil,
	} {
		item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}
		if expires != nil {
			item["expires"] = expires
		}
		if _, err := s.PutItem(&wire.Call{}, &awsddb.PutItemInput{TableName: name, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int32 {
		out, err := s.Scan(&wire.Call{}, &awsddb.ScanInput{TableName: name})
		if err != nil {
			t.Fatal(err)
		}
		return out.Count
	}
	v.Advance(48 * time.Hour)
	if n := count(); n != 5 {
		t.Errorf("%d items an hour before the deletion, want 5: an expired item is still seen", n)
	}
	v.Advance(time.Hour)
	if n := count(); n != 4 {
		t.Errorf("%d items after it, want 4: only the one whose time is two days past goes", n)
	}
}

func TestSettingsOfATable(t *testing.T) {
	s := New(clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)), "123456789012", "eu-west-1")
	name, arn := aws.String("leases"), aws.String("arn:aws:dynamodb:eu-west-1:123456789012:table/leases")
	if err := s.AddTable(&awsddb.CreateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("platform")}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateContinuousBackups(&wire.Call{}, &awsddb.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	backups, err := s.DescribeContinuousBackups(&wire.Call{}, &awsddb.DescribeContinuousBackupsInput{TableName: name})
	if err != nil || backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		t.Errorf("backups = %+v, %v", backups, err)
	}
	if _, err := s.UpdateTable(&wire.Call{}, &awsddb.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteTable(&wire.Call{}, &awsddb.DeleteTableInput{TableName: name}); err == nil {
		t.Error("a protected table must stay")
	}
	if _, err := s.TagResource(&wire.Call{}, &awsddb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("test")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UntagResource(&wire.Call{}, &awsddb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := s.ListTagsOfResource(&wire.Call{}, &awsddb.ListTagsOfResourceInput{ResourceArn: arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "env" {
		t.Errorf("tags = %+v, %v", tags, err)
	}
}
