package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func answered(status int, cause error) error {
	response := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: response, Err: cause}}
}

func api(code string, fault smithy.ErrorFault) error {
	return &smithy.GenericAPIError{Code: code, Message: "as AWS says", Fault: fault}
}

func TestWrapGivesTheCodeThatFits(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want upgrade.Code
	}{
		{"throttled by code", api("ThrottlingException", smithy.FaultClient), upgrade.CodeThrottled},
		{"Route 53 asks to wait", answered(400, api("PriorRequestNotComplete", smithy.FaultClient)), upgrade.CodeThrottled},
		{"CodeBuild runs all the builds that it may", answered(400, api("AccountLimitExceededException", smithy.FaultClient)), upgrade.CodeThrottled},
		{"denied by code", answered(400, api("AccessDeniedException", smithy.FaultClient)), upgrade.CodePermissionDenied},
		{"EC2 denies in its own words", api("UnauthorizedOperation", smithy.FaultClient), upgrade.CodePermissionDenied},
		{"expired credentials", api("ExpiredToken", smithy.FaultClient), upgrade.CodePermissionDenied},
		{"a cluster that does not exist", api("ResourceNotFoundException", smithy.FaultClient), upgrade.CodeNotFound},
		{"a namespaced code", api("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", smithy.FaultClient), upgrade.CodeNotFound},
		{"busy", api("ResourceInUseException", smithy.FaultClient), upgrade.CodeConflict},
		{"lost condition", api("ConditionalCheckFailedException", smithy.FaultClient), upgrade.CodeConflict},
		{"server fault by code", api("ServerException", smithy.FaultServer), upgrade.CodeUnavailable},
		{"wrong parameter", answered(400, api("InvalidParameterException", smithy.FaultClient)), upgrade.CodeInvalidRequest},
		{"unknown code, status 429", answered(429, api("Strange", smithy.FaultUnknown)), upgrade.CodeThrottled},
		{"unknown code, status 403", answered(403, api("Strange", smithy.FaultUnknown)), upgrade.CodePermissionDenied},
		{"unknown code, status 404", answered(404, api("Strange", smithy.FaultUnknown)), upgrade.CodeNotFound},
		{"unknown code, status 412", answered(412, api("Strange", smithy.FaultUnknown)), upgrade.CodeConflict},
		{"no code, status 503", answered(503, errors.New("down")), upgrade.CodeUnavailable},
		{"unknown code, server fault", api("Strange", smithy.FaultServer), upgrade.CodeUnavailable},
		{"unknown code, client fault", api("Strange", smithy.FaultClient), upgrade.CodeInternal},
		{"deadline", fmt.Errorf("call: %w", context.DeadlineExceeded), upgrade.CodeUnavailable},
		{"cancelled", fmt.Errorf("call: %w", context.Canceled), upgrade.CodeUnavailable},
		{"connection refused", &smithyhttp.RequestSendError{Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, upgrade.CodeUnavailable},
		{"anything else", errors.New("odd"), upgrade.CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := awserr.Wrap("call", &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: tt.err})
			if upgrade.CodeOf(got) != tt.want {
				t.Errorf("code of %v = %s, want %s", got, upgrade.CodeOf(got), tt.want)
			}
			if !errors.Is(got, tt.err) {
				t.Errorf("%v lost its cause", got)
			}
		})
	}
}

func TestWrapKeepsNilAndErrorsThatHaveACode(t *testing.T) {
	if err := awserr.Wrap("call", nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	own := upgrade.Errorf(upgrade.CodeDrift, "shift", "changed by somebody else")
	if got := awserr.Wrap("call", fmt.Errorf("inside: %w", own)); upgrade.CodeOf(got) != upgrade.CodeDrift {
		t.Errorf("code = %s, want Drift", upgrade.CodeOf(got))
	}
}

func TestIsNamesAWSCodes(t *testing.T) {
	err := answered(412, api("PreconditionFailed", smithy.FaultClient))
	if !awserr.Is(err, "NoSuchKey", "PreconditionFailed") {
		t.Error("PreconditionFailed was not recognised")
	}
	if awserr.Is(err, "NoSuchKey") || awserr.Is(errors.New("PreconditionFailed"), "PreconditionFailed") {
		t.Error("something else was taken for the code")
	}
}

func TestWrapSaysWhichCallItWas(t *testing.T) {
	cause := &smithy.OperationError{ServiceID: "EKS", OperationName: "DescribeCluster",
		Err: &awshttp.ResponseError{RequestID: "r-1", ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 403}}, Err: api("AccessDeniedException", smithy.FaultClient)}}}
	err := awserr.Wrap("describe cluster shop", cause)
	want := upgrade.Details{"service": "EKS", "operation": "DescribeCluster", "errorCode": "AccessDeniedException", "awsRequestId": "r-1"}
	if got := upgrade.DetailsOf(err); upgrade.KindOf(err) != upgrade.KindAWSDenied || !maps.Equal(got, want) {
		t.Errorf("%s with %v, want %v", upgrade.KindOf(err), got, want)
	}
}

func TestNoAnswerIsAKindOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want upgrade.Kind
	}{
		"no answer":         {context.DeadlineExceeded, upgrade.KindAWSUnanswered},
		"half an answer":    {io.ErrUnexpectedEOF, upgrade.KindAWSUnanswered},
		"an answer that is": {answered(503, errors.New("down")), upgrade.KindAWSUnavailable},
	} {
		if got := upgrade.KindOf(awserr.Wrap("call", c.err)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
