package route53

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func sdkClient(t *testing.T, s *Service, c clock.Clock) *sdk.Client {
	t.Helper()
	mux := wire.NewMux(c.Now, nil)
	mux.Register("route53", s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "not-a-secret", "")})
}

func TestRealClientShiftsWeights(t *testing.T) {
	ctx := context.Background()
	v := clock.NewVirtual(start)
	s := New(Options{Clock: v})
	client := sdkClient(t, s, v)
	zone, err := client.CreateHostedZone(ctx, &sdk.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("1")})
	if err != nil {
		t.Fatal(err)
	}
	v.Advance(DefaultPropagation)
	change := func(changes ...types.Change) (*sdk.ChangeResourceRecordSetsOutput, error) {
		return client.ChangeResourceRecordSets(ctx, &sdk.ChangeResourceRecordSetsInput{HostedZoneId: zone.HostedZone.Id, ChangeBatch: &types.ChangeBatch{Changes: changes, Comment: aws.String("shift")}})
	}
	out, err := change(create(weighted("blue", 90, "10.0.0.1")), create(weighted("green", 10, "10.0.0.2")))
	if err != nil {
		t.Fatal(err)
	}
	if out.ChangeInfo.Status != types.ChangeStatusPending || *out.ChangeInfo.Comment != "shift" || !out.ChangeInfo.SubmittedAt.Equal(v.Now()) {
		t.Fatalf("change = %+v", out.ChangeInfo)
	}
	_, err = change(create(weighted("blue", 90, "10.0.0.1")))
	var busy *types.PriorRequestNotComplete
	if !errors.As(err, &busy) {
		t.Fatalf("err = %v, want PriorRequestNotComplete", err)
	}
	v.Advance(DefaultPropagation)
	got, err := client.GetChange(ctx, &sdk.GetChangeInput{Id: out.ChangeInfo.Id})
	if err != nil || got.ChangeInfo.Status != types.ChangeStatusInsync {
		t.Fatalf("change = %+v, %v", got, err)
	}
	list, err := client.ListResourceRecordSets(ctx, &sdk.ListResourceRecordSetsInput{HostedZoneId: zone.HostedZone.Id, StartRecordName: aws.String(shop), MaxItems: aws.Int32(1)})
	if err != nil || len(list.ResourceRecordSets) != 1 || *list.ResourceRecordSets[0].Weight != 90 || !list.IsTruncated || *list.NextRecordIdentifier != "green" {
		t.Fatalf("records = %+v, %v", list, err)
	}
	_, err = change(create(weighted("blue", 1, "10.0.0.1")), remove(weighted("red", 1, "10.0.0.1")))
	var batch *types.InvalidChangeBatch
	if !errors.As(err, &batch) || len(batch.Messages) != 2 {
		t.Fatalf("err = %#v, want InvalidChangeBatch with two messages", err)
	}
	_, err = client.GetHostedZone(ctx, &sdk.GetHostedZoneInput{Id: aws.String("ZNONE")})
	var missing *types.NoSuchHostedZone
	if !errors.As(err, &missing) {
		t.Fatalf("err = %v, want NoSuchHostedZone", err)
	}
	waiter := sdk.NewResourceRecordSetsChangedWaiter(client)
	if err := waiter.Wait(ctx, &sdk.GetChangeInput{Id: out.ChangeInfo.Id}, time.Second); err != nil {
		t.Fatal(err)
	}
	s.SetLimiter(PerSecond(1, v))
	for range 2 {
		_, err = client.ListHostedZones(ctx, &sdk.ListHostedZonesInput{})
	}
	wantCode(t, err, "Throttling", "Rate exceeded")
}
