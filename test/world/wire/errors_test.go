package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// failing serves every service with one error.
type failing struct{ err error }

func (f *failing) GetItem(*Call, *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	return nil, f.err
}
func (f *failing) DescribeCluster(*Call, *eks.DescribeClusterInput) (*eks.DescribeClusterOutput, error) {
	return nil, f.err
}
func (f *failing) ChangeResourceRecordSets(*Call, *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	return nil, f.err
}
func (f *failing) DescribeVpcs(*Call, *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	return nil, f.err
}
func (f *failing) Publish(*Call, *sns.PublishInput) (*sns.PublishOutput, error) { return nil, f.err }
func (f *failing) StopExecution(*Call, *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	return nil, f.err
}
func (f *failing) ListMetrics(*Call, *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	return nil, f.err
}

func newFailing(t *testing.T, err error) (aws.Config, *Mux) {
	t.Helper()
	mux := NewMux(func() time.Time { return epoch }, nil)
	for _, name := range []string{"dynamodb", "eks", "route53", "ec2", "sns", "sfn", "cloudwatch"} {
		mux.Register(name, &failing{err})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, HTTPClient: NewHTTPClient(), Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")}, mux
}

// call makes one call of the service.
func call(ctx context.Context, service string, cfg aws.Config) error {
	var err error
	switch service {
	case "dynamodb":
		_, err = dynamodb.NewFromConfig(cfg).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("t"), Key: map[string]ddbtypes.AttributeValue{}})
	case "eks":
		_, err = eks.NewFromConfig(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("shop")})
	case "route53":
		_, err = route53.NewFromConfig(cfg).ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z"), ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{}}})
	case "ec2":
		_, err = ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
	case "sns":
		_, err = sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{Message: aws.String("m")})
	case "sfn":
		_, err = sfn.NewFromConfig(cfg).StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: aws.String("a")})
	case "cloudwatch":
		_, err = cloudwatch.NewFromConfig(cfg).ListMetrics(ctx, nil)
	}
	return err
}

func TestModelledErrorsArriveWithTheirMembers(t *testing.T) {
	for _, tc := range []struct {
		service string
		err     error
		status  int
	}{
		{"dynamodb", &ddbtypes.ConditionalCheckFailedException{Message: aws.String("failed"), Item: map[string]ddbtypes.AttributeValue{"pk": &ddbtypes.AttributeValueMemberS{Value: "x"}}}, 400},
		{"dynamodb", &ddbtypes.TransactionCanceledException{Message: aws.String("cancelled"), CancellationReasons: []ddbtypes.CancellationReason{{Code: aws.String("None")}}}, 400},
		{"eks", &ekstypes.ResourceInUseException{Message: aws.String("busy"), ClusterName: aws.String("shop"), NodegroupName: aws.String("ng")}, 409},
		{"eks", &ekstypes.ResourceNotFoundException{Message: aws.String("no such"), ClusterName: aws.String("shop")}, 404},
		{"eks", &ekstypes.ServerException{Message: aws.String("oops")}, 500},
		{"route53", &r53types.NoSuchHostedZone{Message: aws.String("no zone")}, 404},
		{"route53", &r53types.InvalidChangeBatch{Message: aws.String("bad"), Messages: []string{"one <1>", "two"}}, 400},
		{"sns", &snstypes.NotFoundException{Message: aws.String("Topic does not exist")}, 404},
		{"sfn", &sfntypes.ExecutionDoesNotExist{Message: aws.String("none")}, 400},
	} {
		t.Run(fmt.Sprintf("%s/%T", tc.service, tc.err), func(t *testing.T) {
			cfg, _ := newFailing(t, tc.err)
			err := call(t.Context(), tc.service, cfg)
			got := reflect.New(reflect.TypeOf(tc.err))
			if !errors.As(err, got.Interface()) {
				t.Fatalf("err = %v (%T)", err, errors.Unwrap(err))
			}
			want := fmt.Sprintf("%+v", reflect.ValueOf(tc.err).Elem().FieldByName("Message").Elem())
			if have := fmt.Sprintf("%+v", got.Elem().Elem().FieldByName("Message").Elem()); have != want {
				t.Errorf("message = %q, want %q", have, want)
			}
			if c, ok := tc.err.(*r53types.InvalidChangeBatch); ok && fmt.Sprint(got.Elem().Interface().(*r53types.InvalidChangeBatch).Messages) != fmt.Sprint(c.Messages) {
				t.Errorf("messages were lost: %v", err)
			}
			if r, ok := got.Elem().Interface().(*ekstypes.ResourceInUseException); ok && aws.ToString(r.NodegroupName) != "ng" {
				t.Errorf("members were lost: %+v", r)
			}
			if r, ok := got.Elem().Interface().(*ddbtypes.ConditionalCheckFailedException); ok && r.Item["pk"] == nil {
				t.Errorf("the item was lost: %+v", r)
			}
			var res *smithyhttp.ResponseError
			if !errors.As(err, &res) || res.HTTPStatusCode() != tc.status {
				t.Errorf("status = %v, want %d", res.HTTPStatusCode(), tc.status)
			}
		})
	}
}

func TestOtherErrorsArriveWithCodeAndMessage(t *testing.T) {
	for _, service := range []string{"dynamodb", "eks", "route53", "ec2", "sns", "sfn", "cloudwatch"} {
		t.Run(service, func(t *testing.T) {
			cfg, _ := newFailing(t, &Error{Code: "Throttling", Message: "Rate exceeded <now>", Status: 400})
			err := call(t.Context(), service, cfg)
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != "Throttling" || api.ErrorMessage() != "Rate exceeded <now>" {
				t.Fatalf("err = %v", err)
			}
			if retry.NewStandard().IsErrorRetryable(err) != true {
				t.Error("the SDK would not retry it")
			}
		})
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	_, mux := newFailing(t, errors.New("reached"))
	send := func(service, method, path, target, contentType, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260801/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=x")
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, tc := range []struct {
		name, service, method, path, target, body string
		status                                    int
		want                                      string
	}{
		{"unknown member", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{"TableNam":"x"}`, 400, "SerializationException"},
		{"wrong type", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{"TableName":5}`, 400, "TableName must be a string"},
		{"union with two members", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{"Key":{"a":{"S":"x","N":"1"}}}`, 400, "exactly one member"},
		{"not JSON", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{`, 400, "SerializationException"},
		{"two documents", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{} {}`, 400, "SerializationException"},
		{"unknown operation", "dynamodb", "POST", "/", "DynamoDB_20120810.Nope", `{}`, 400, "UnknownOperationException"},
		{"not simulated", "dynamodb", "POST", "/", "DynamoDB_20120810.CreateBackup", `{}`, 501, "does not serve dynamodb.CreateBackup"},
		{"no operation", "dynamodb", "POST", "/", "", `{}`, 400, "UnknownOperationException"},
		{"unknown path", "eks", "GET", "/nothing/here", "", ``, 404, "UnknownOperationException"},
		{"unknown query parameter", "eks", "GET", "/clusters/shop?x=1", "", ``, 400, "no query parameter"},
		{"label in the body", "eks", "GET", "/clusters/shop", "", `{"name":"x"}`, 400, "no member"},
		{"not XML", "route53", "POST", "/2013-04-01/hostedzone/Z/rrset", "", `<a`, 400, "not well-formed"},
		{"unknown element", "route53", "POST", "/2013-04-01/hostedzone/Z/rrset", "", `<R><Nope/></R>`, 400, "no member"},
		{"unknown form member", "sns", "POST", "/", "", "Action=Publish&Nope=1", 400, "no member"},
		{"not a number", "ec2", "POST", "/", "", "Action=DescribeVpcs&MaxResults=x", 400, "not an integer"},
		{"unknown service", "sagemaker", "POST", "/", "", ``, 403, "no service"},
		{"JSON of the CLI to CloudWatch", "monitoring", "POST", "/", "GraniteServiceVersion20100801.ListMetrics", `{"Namespace":"A"}`, 500, `"__type":"InternalFailure"`},
		{"a bug in a service", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{"TableName":"t","Key":{}}`, 500, "InternalFailure"},
		{"required members are missing", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{}`, 400,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"2 validation errors detected: Value null at 'key' failed to satisfy constraint: Member must not be null; Value null at 'tableName' failed to satisfy constraint: Member must not be null"}`},
		{"no such value of an enum", "dynamodb", "POST", "/", "DynamoDB_20120810.GetItem", `{"TableName":"t","Key":{},"ReturnConsumedCapacity":"ALL"}`, 400,
			"1 validation error detected: Value 'ALL' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"},
		{"a query without a required member", "sns", "POST", "/", "", "Action=Publish", 400, "<Code>ValidationError</Code><Message>1 validation error detected: Value null at &#39;message&#39; failed"},
		{"no such action", "sns", "POST", "/", "", "Action=Nope", 400, "<Code>InvalidAction</Code><Message>The action Nope is not valid for this web service.</Message>"},
		{"no action", "ec2", "POST", "/", "", "Version=2016-11-15", 400, "<Code>MissingAction</Code>"},
		{"XML without a required member", "route53", "POST", "/2013-04-01/hostedzone/Z/rrset", "", `<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Type>A</Type></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`, 400,
			"Value null at &#39;changeBatch.changes.1.member.resourceRecordSet.name&#39; failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if status, body := send(tc.service, tc.method, tc.path, tc.target, "", tc.body); status != tc.status || !strings.Contains(body, tc.want) {
				t.Errorf("%d %s, want %d with %q", status, body, tc.status, tc.want)
			}
		})
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusForbidden || w.Header().Get("X-Amzn-ErrorType") != "MissingAuthenticationTokenException" {
		t.Errorf("unsigned: %d %s", w.Code, w.Body)
	}
}

func TestUnsignedRequestsAreRefusedInTheirProtocol(t *testing.T) {
	mux := NewMux(func() time.Time { return epoch }, nil)
	for _, tc := range []struct{ path, contentType, target, want string }{
		{"/", "application/x-amz-json-1.0", "DynamoDB_20120810.GetItem", `"__type":"MissingAuthenticationTokenException"`},
		{"/", "application/x-www-form-urlencoded; charset=utf-8", "", "<Code>MissingAuthenticationToken</Code>"},
		{"/2013-04-01/hostedzone", "", "", "<Code>MissingAuthenticationToken</Code>"},
		{"/clusters", "", "", `{"message":"Missing Authentication Token"}`},
	} {
		r := httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader("Action=GetCallerIdentity"))
		r.Header.Set("Content-Type", tc.contentType)
		if tc.target != "" {
			r.Header.Set("X-Amz-Target", tc.target)
		}
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, r); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s: %d %s, want %s", tc.path, tc.contentType, w.Code, w.Body, tc.want)
		}
	}
}

func TestTheAuthorizerRefusesBeforeTheOperation(t *testing.T) {
	cfg, mux := newFailing(t, errors.New("reached"))
	mux.SetAuthorizer(func(c *Call, in any) error {
		if _, ok := in.(*eks.DescribeClusterInput); !ok || c.Operation != "DescribeCluster" {
			t.Errorf("judged %s of %T", c.Operation, in)
		}
		return &Error{Code: "AccessDeniedException", Message: "no", Status: http.StatusForbidden}
	})
	err := call(t.Context(), "eks", cfg)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
		t.Errorf("err = %v", err)
	}
	_, err = mux.Intercepted(&Call{Service: "eks", Operation: "DescribeCluster"}, &eks.DescribeClusterInput{}, func() (any, error) { return nil, errors.New("served") })
	if Describe(err).Code != "AccessDeniedException" {
		t.Errorf("in process: %v", err)
	}
}

func FuzzRequests(f *testing.F) {
	mux := NewMux(func() time.Time { return epoch }, nil)
	for _, name := range []string{"dynamodb", "eks", "route53", "ec2", "sns", "sfn", "cloudwatch"} {
		mux.Register(name, &failing{&Error{Code: "X", Message: "reached"}})
	}
	f.Add("dynamodb", "/", "x.GetItem", []byte(`{"TableName":"t","Key":{"a":{"M":{"b":{"L":[{"N":"1"}]}}}},"ProjectionExpression":null}`))
	f.Add("eks", "/clusters/shop", "", []byte(``))
	f.Add("route53", "/2013-04-01/hostedzone/Z/rrset", "", []byte(`<R><ChangeBatch><Changes><Change><Action>UPSERT</Action></Change></Changes></ChangeBatch></R>`))
	f.Add("ec2", "/", "", []byte(`Action=DescribeVpcs&Filter.1.Name=vpc-id&Filter.1.Value.1=x`))
	f.Add("sns", "/", "", []byte(`Action=Publish&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.StringValue=b`))
	f.Add("monitoring", "/service/x/operation/ListMetrics", "", []byte{0xa1, 0x69, 'N', 'a', 'm', 'e', 's', 'p', 'a', 'c', 'e', 0x61, 'x'})
	f.Fuzz(func(t *testing.T, service, path, target string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.Path = path
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260801/eu-west-1/"+service+"/aws4_request")
		r.Header.Set("X-Amz-Target", target)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r) // must not panic
		if w.Code < 300 {
			t.Errorf("status %d", w.Code)
		}
	})
}
