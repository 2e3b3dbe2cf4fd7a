package world

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newWorld starts a world on a virtual clock.
func newWorld(t *testing.T) (*World, *clock.Virtual) {
	t.Helper()
	clk := clock.NewVirtual(start)
	w, err := New(Options{Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, clk
}

// wantCode fails unless err is a service error of this code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("err = %v, want code %s", err, code)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestParametersRoundTrip(t *testing.T) {
	w, _ := newWorld(t)
	ctx, c := t.Context(), ssm.NewFromConfig(w.AWSConfig())
	put := func(name, value string, typ ssmtypes.ParameterType, overwrite bool) (int64, error) {
		out, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: typ, Overwrite: &overwrite})
		if err != nil {
			return 0, err
		}
		return out.Version, nil
	}
	must[int64](t)(put("/a/b/x", "1", ssmtypes.ParameterTypeString, false))
	must[int64](t)(put("/a/b/secret", "hush", ssmtypes.ParameterTypeSecureString, false))
	must[int64](t)(put("/a/y", "2", ssmtypes.ParameterTypeString, false))
	_, err := put("/a/y", "3", ssmtypes.ParameterTypeString, false)
	wantCode(t, err, "ParameterAlreadyExists")
	if v := must[int64](t)(put("/a/y", "3", "", true)); v != 2 {
		t.Errorf("version = %d, want 2", v)
	}
	_, err = put("/a/new", "3", "", false)
	wantCode(t, err, "ValidationException")
	_, err = put("aws-x", "3", ssmtypes.ParameterTypeString, false)
	wantCode(t, err, "AccessDeniedException")
	_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/nope")})
	var missing *ssmtypes.ParameterNotFound
	if !errors.As(err, &missing) {
		t.Errorf("err = %v, want ParameterNotFound", err)
	}
	got := must[*ssm.GetParameterOutput](t)(c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a/y:1")}))
	if *got.Parameter.Value != "2" || !got.Parameter.LastModifiedDate.Equal(start) {
		t.Errorf("parameter = %+v", got.Parameter)
	}
	for _, decrypt := range []bool{true, false} {
		got := must[*ssm.GetParameterOutput](t)(c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a/b/secret"), WithDecryption: &decrypt}))
		if (*got.Parameter.Value == "hush") != decrypt {
			t.Errorf("decrypt %v: value = %q", decrypt, *got.Parameter.Value)
		}
	}
	var names []string
	p := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: aws.String("/a"), Recursive: aws.Bool(true), MaxResults: aws.Int32(2)})
	for pages := 0; p.HasMorePages(); pages++ {
		page := must[*ssm.GetParametersByPathOutput](t)(p.NextPage(ctx))
		for _, q := range page.Parameters {
			names = append(names, *q.Name)
		}
	}
	if len(names) != 3 || names[2] != "/a/y" {
		t.Errorf("names = %v", names)
	}
}

func TestIdentityIsTheAccounts(t *testing.T) {
	w, _ := newWorld(t)
	out, err := sts.NewFromConfig(w.AWSConfig()).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != "123456789012" {
		t.Errorf("account = %s", *out.Account)
	}
}

func TestObjectsRoundTripAndPutIfAbsent(t *testing.T) {
	w, _ := newWorld(t)
	if err := w.S3().AddBucket("artifacts"); err != nil {
		t.Fatal(err)
	}
	ctx, c := t.Context(), s3.NewFromConfig(w.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	put := func(body string, ifNoneMatch *string) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("a/b c"), Body: bytes.NewReader([]byte(body)), IfNoneMatch: ifNoneMatch})
		return err
	}
	if err := put("one", aws.String("*")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("two", aws.String("*")), "PreconditionFailed")
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("a/b c")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(got.Body)
	if err != nil || string(b) != "one" {
		t.Errorf("body = %q, %v", b, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("none")})
	wantCode(t, err, "NoSuchKey")
	calls := w.Calls()
	if last := calls[len(calls)-1]; last.Operation != "GetObject" || last.Err != "NoSuchKey" || last.Resource != "artifacts none" {
		t.Errorf("last call = %+v", last)
	}
	if calls[0].Operation != "PutObject" || !calls[0].Mutating {
		t.Errorf("first call = %+v", calls[0])
	}
}

func TestConditionalWriteTellsTheHolder(t *testing.T) {
	w, clk := newWorld(t)
	ctx, c := t.Context(), dynamodb.NewFromConfig(w.AWSConfig())
	must[*dynamodb.CreateTableOutput](t)(c.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("leases"), BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddbtypes.KeyTypeHash}},
	}))
	put := func(owner string) error {
		_, err := c.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String("leases"), ConditionExpression: aws.String("attribute_not_exists(pk)"),
			Item:                                map[string]ddbtypes.AttributeValue{"pk": &ddbtypes.AttributeValueMemberS{Value: "shop"}, "owner": &ddbtypes.AttributeValueMemberS{Value: owner}},
			ReturnValuesOnConditionCheckFailure: ddbtypes.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return err
	}
	wantCode(t, put("a"), "ResourceNotFoundException") // still CREATING
	clk.Advance(10 * time.Second)
	if err := put("a"); err != nil {
		t.Fatal(err)
	}
	var held *ddbtypes.ConditionalCheckFailedException
	if err := put("b"); !errors.As(err, &held) {
		t.Fatalf("err = %v", err)
	}
	if owner, ok := held.Item["owner"].(*ddbtypes.AttributeValueMemberS); !ok || owner.Value != "a" {
		t.Errorf("the error carries %v", held.Item)
	}
}
