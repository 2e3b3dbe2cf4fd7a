package s3

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// This file answers for the settings that buckets here never have, as S3 does
// of a bucket where nobody set them.

// there checks that a bucket is there, and returns err then.
func (s *Service) there(name, owner *string, err error) error {
	return s.with(name, owner, func(*bucket) error { return err })
}

// GetBucketCors finds none.
func (s *Service) GetBucketCors(_ *wire.Call, in *sdk.GetBucketCorsInput) (*sdk.GetBucketCorsOutput, error) {
	return nil, s.there(in.Bucket, in.ExpectedBucketOwner, fail(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist"))
}

// GetBucketWebsite finds none.
func (s *Service) GetBucketWebsite(_ *wire.Call, in *sdk.GetBucketWebsiteInput) (*sdk.GetBucketWebsiteOutput, error) {
	return nil, s.there(in.Bucket, in.ExpectedBucketOwner, fail(404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"))
}

// GetBucketReplication finds none.
func (s *Service) GetBucketReplication(_ *wire.Call, in *sdk.GetBucketReplicationInput) (*sdk.GetBucketReplicationOutput, error) {
	return nil, s.there(in.Bucket, in.ExpectedBucketOwner, fail(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"))
}

// GetObjectLockConfiguration finds none.
func (s *Service) GetObjectLockConfiguration(_ *wire.Call, in *sdk.GetObjectLockConfigurationInput) (*sdk.GetObjectLockConfigurationOutput, error) {
	return nil, s.there(in.Bucket, in.ExpectedBucketOwner, fail(404, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"))
}

// GetBucketAccelerateConfiguration tells that nothing is accelerated.
func (s *Service) GetBucketAccelerateConfiguration(_ *wire.Call, in *sdk.GetBucketAccelerateConfigurationInput) (*sdk.GetBucketAccelerateConfigurationOutput, error) {
	return &sdk.GetBucketAccelerateConfigurationOutput{}, s.there(in.Bucket, in.ExpectedBucketOwner, nil)
}

// GetBucketRequestPayment tells that the owner pays.
func (s *Service) GetBucketRequestPayment(_ *wire.Call, in *sdk.GetBucketRequestPaymentInput) (*sdk.GetBucketRequestPaymentOutput, error) {
	return &sdk.GetBucketRequestPaymentOutput{Payer: types.PayerBucketOwner}, s.there(in.Bucket, in.ExpectedBucketOwner, nil)
}

// GetBucketNotificationConfiguration tells that nobody is notified.
func (s *Service) GetBucketNotificationConfiguration(_ *wire.Call, in *sdk.GetBucketNotificationConfigurationInput) (*sdk.GetBucketNotificationConfigurationOutput, error) {
	return &sdk.GetBucketNotificationConfigurationOutput{}, s.there(in.Bucket, in.ExpectedBucketOwner, nil)
}

// PutBucketNotificationConfiguration takes the configuration that notifies
// nobody: events of S3 are not simulated.
func (s *Service) PutBucketNotificationConfiguration(_ *wire.Call, in *sdk.PutBucketNotificationConfigurationInput) (*sdk.PutBucketNotificationConfigurationOutput, error) {
	c := in.NotificationConfiguration
	if c == nil {
		return nil, malformed()
	}
	var err error
	if c.EventBridgeConfiguration != nil || len(c.LambdaFunctionConfigurations)+len(c.QueueConfigurations)+len(c.TopicConfigurations) > 0 {
		err = fail(501, "NotImplemented", "The simulated S3 sends no event notifications, neither to EventBridge nor to functions, topics and queues")
	}
	return &sdk.PutBucketNotificationConfigurationOutput{}, s.there(in.Bucket, in.ExpectedBucketOwner, err)
}
