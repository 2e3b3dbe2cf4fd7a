package stored

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	serviceID = "SSM"
	operation = "GetParametersByPath"
	maxAnswer = 1 << 20 // ten parameters of at most 8 KB
)

// request and response are of GetParametersByPath, in AWS's JSON 1.1. Source:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
type request struct {
	Path           string
	Recursive      bool
	WithDecryption bool
	NextToken      string `json:",omitempty"`
}

type response struct {
	Parameters []struct{ Name, Value, Type string }
	NextToken  string
}

// call makes one call, with the configuration's retries.
func (r Reader) call(ctx context.Context, in request) (response, error) {
	var retryer aws.Retryer = retry.NewStandard()
	if r.AWS.Retryer != nil {
		retryer = r.AWS.Retryer()
	}
	for attempt := 1; ; attempt++ {
		out, err := r.once(ctx, in)
		if err == nil || attempt >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return out, err
		}
		wait, delayErr := retryer.RetryDelay(attempt, err)
		if delayErr != nil {
			return out, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return out, err
		}
	}
}

func (r Reader) once(ctx context.Context, in request) (response, error) {
	out, err := r.send(ctx, in)
	if err != nil {
		return out, &smithy.OperationError{ServiceID: serviceID, OperationName: operation, Err: err}
	}
	return out, nil
}

func (r Reader) send(ctx context.Context, in request) (out response, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	credentials, err := r.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint()+"/", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AmazonSSM."+operation)
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(hash[:]), "ssm", r.AWS.Region, time.Now()); err != nil {
		return out, err
	}
	var client aws.HTTPClient = awshttp.NewBuildableClient()
	if r.AWS.HTTPClient != nil {
		client = r.AWS.HTTPClient
	}
	answer, err := client.Do(req)
	if err != nil {
		return out, &smithyhttp.RequestSendError{Err: err}
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return out, &smithyhttp.RequestSendError{Err: err}
	}
	if answer.StatusCode != http.StatusOK {
		return out, refusal(answer, data)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, &smithy.DeserializationError{Err: fmt.Errorf("the answer is no JSON: %w", err)}
	}
	return out, nil
}

// endpoint is that of the region, or what was set by hand. Source of the names:
// https://docs.aws.amazon.com/general/latest/gr/ssm.html
func (r Reader) endpoint() string {
	host := "ssm."
	for _, source := range r.AWS.ConfigSources {
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			if state, set, err := s.GetUseFIPSEndpoint(context.Background()); err == nil && set && state == aws.FIPSEndpointStateEnabled {
				host = "ssm-fips."
			}
		}
	}
	switch {
	case r.AWS.BaseEndpoint != nil:
		return strings.TrimSuffix(*r.AWS.BaseEndpoint, "/")
	case strings.HasPrefix(r.AWS.Region, "cn-"):
		return "https://" + host + r.AWS.Region + ".amazonaws.com.cn"
	}
	return "https://" + host + r.AWS.Region + ".amazonaws.com"
}

// refusal is the error that the SDK makes of such an answer.
func refusal(answer *http.Response, data []byte) error {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(data, &said) // what is no JSON, such as of a proxy, has only its status
	api := &smithy.GenericAPIError{Code: said.Type[strings.LastIndex(said.Type, "#")+1:], Message: said.Message}
	if api.Code == "" {
		api.Code = "UnknownError"
	}
	return &awshttp.ResponseError{RequestID: answer.Header.Get("X-Amzn-Requestid"), ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: answer}, Err: api}}
}
