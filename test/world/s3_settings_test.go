package world

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestACLsGiveTheOwnerFullControl(t *testing.T) {
	b := newBucket(t)
	ctx := t.Context()
	b.put("k", "x")
	whole := func(grants []s3types.Grant, owner *s3types.Owner, err error) {
		t.Helper()
		if err != nil || len(grants) != 1 || grants[0].Permission != s3types.PermissionFullControl || grants[0].Grantee.Type != s3types.TypeCanonicalUser || *grants[0].Grantee.ID != *owner.ID {
			t.Errorf("%+v, %v", grants, err)
		}
	}
	ofBucket, err := b.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b.name})
	whole(ofBucket.Grants, ofBucket.Owner, err)
	ofObject, err := b.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: b.name, Key: aws.String("k")})
	whole(ofObject.Grants, ofObject.Owner, err)
	_, err = b.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: b.name, Key: aws.String("none")})
	wantCode(t, err, "NoSuchKey")
	_, err = b.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b.name, ACL: s3types.BucketCannedACLPrivate})
	wantCode(t, err, "AccessControlListNotSupported")
	_, err = b.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: b.name, Key: aws.String("k"), ACL: s3types.ObjectCannedACLPublicRead})
	wantCode(t, err, "AccessControlListNotSupported")
	_, err = b.PutObject(ctx, &s3.PutObjectInput{Bucket: b.name, Key: aws.String("k"), ACL: s3types.ObjectCannedACLPublicRead})
	wantCode(t, err, "AccessControlListNotSupported")
	b.put("k", "x", func(in *s3.PutObjectInput) { in.ACL = s3types.ObjectCannedACLBucketOwnerFullControl })
	if _, err := b.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: b.name, OwnershipControls: &s3types.OwnershipControls{
		Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipBucketOwnerPreferred}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b.name, ACL: s3types.BucketCannedACLPrivate}); err != nil {
		t.Error(err)
	}
	_, err = b.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: b.name, ACL: s3types.BucketCannedACLPublicRead}) // ACLs in public are blocked
	wantCode(t, err, "AccessDenied")
}

func TestSettingsThatABucketDoesNotHave(t *testing.T) {
	b := newBucket(t)
	ctx := t.Context()
	for code, call := range map[string]func(*string) error{
		"NoSuchCORSConfiguration": func(name *string) error {
			_, err := b.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: name})
			return err
		},
		"NoSuchWebsiteConfiguration": func(name *string) error {
			_, err := b.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: name})
			return err
		},
		"ReplicationConfigurationNotFoundError": func(name *string) error {
			_, err := b.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: name})
			return err
		},
		"ObjectLockConfigurationNotFoundError": func(name *string) error {
			_, err := b.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: name})
			return err
		},
	} {
		wantCode(t, call(b.name), code)
		wantCode(t, call(aws.String("nobody-has-this")), "NoSuchBucket")
	}
	if out, err := b.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: b.name}); err != nil || out.Payer != s3types.PayerBucketOwner {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := b.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b.name}); err != nil || out.LoggingEnabled != nil {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := b.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: b.name}); err != nil || out.EventBridgeConfiguration != nil {
		t.Errorf("%v, %v", out, err)
	}
	_, err := b.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: b.name,
		NotificationConfiguration: &s3types.NotificationConfiguration{EventBridgeConfiguration: &s3types.EventBridgeConfiguration{}}})
	wantCode(t, err, "NotImplemented")
	if _, err := b.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: b.name, NotificationConfiguration: &s3types.NotificationConfiguration{}}); err != nil {
		t.Error(err)
	}
}

func TestBucketPoliciesAreChecked(t *testing.T) {
	b := newBucket(t)
	put := func(text string) error {
		_, err := b.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b.name, Policy: &text})
		return err
	}
	statement := func(principal, resource string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"` + resource + `"}]}`
	}
	const account = `{"AWS":"arn:aws:iam::123456789012:root"}`
	wantCode(t, put(`{`), "MalformedPolicy")
	wantCode(t, put(`{"a":1}`), "MalformedPolicy")
	wantCode(t, put(statement(account, "arn:aws:s3:::other/*")), "MalformedPolicy")
	wantCode(t, put(statement(`"*"`, "arn:aws:s3:::artifacts/*")), "AccessDenied")
	if err := put(statement(account, "arn:aws:s3:::artifacts/*")); err != nil {
		t.Error(err)
	}
	if out, err := b.GetBucketPolicyStatus(t.Context(), &s3.GetBucketPolicyStatusInput{Bucket: b.name}); err != nil || *out.PolicyStatus.IsPublic {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := b.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b.name, MaxKeys: aws.Int32(0)}); err != nil || *out.IsTruncated {
		t.Errorf("a page of nothing: %v, %v", out, err)
	}
}

// TestURLsOfTheOlderSignature: the CLI presigns so for regions of before 2014.
func TestURLsOfTheOlderSignature(t *testing.T) {
	b := newBucket(t)
	b.put("plans/a", "hello")
	get := func(expires time.Time) (int, string) {
		t.Helper()
		q := url.Values{"AWSAccessKeyId": {"test"}, "Signature": {"x="}, "Expires": {strconv.FormatInt(expires.Unix(), 10)}}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.w.URL()+"/artifacts/plans/a?"+q.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if status, body := get(time.Now().Add(time.Hour)); status != 200 || body != "hello" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(time.Now().Add(-time.Hour)); status != 403 || !strings.Contains(body, "Request has expired") {
		t.Errorf("%d %s", status, body)
	}
}
