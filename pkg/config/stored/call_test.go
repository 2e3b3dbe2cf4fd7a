package stored

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type fips struct{}

func (fips) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, true, nil
}

func TestEndpoints(t *testing.T) {
	mine := "http://127.0.0.1:4566/"
	for _, c := range []struct {
		cfg  aws.Config
		want string
	}{
		{aws.Config{Region: "eu-west-1"}, "https://ssm.eu-west-1.amazonaws.com"},
		{aws.Config{Region: "cn-north-1"}, "https://ssm.cn-north-1.amazonaws.com.cn"},
		{aws.Config{Region: "us-gov-west-1", ConfigSources: []any{fips{}}}, "https://ssm-fips.us-gov-west-1.amazonaws.com"},
		{aws.Config{Region: "eu-west-1", BaseEndpoint: &mine}, "http://127.0.0.1:4566"},
	} {
		if got := (Reader{c.cfg}).endpoint(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// Throttling, errors of servers and lost connections are tried again, with a
// limit; refusals are not. What is no JSON is told with its status.
func TestRetries(t *testing.T) {
	type answer struct {
		status int
		body   string
	}
	throttled, broken, fine := answer{400, `{"__type":"ThrottlingException","message":"slow down"}`}, answer{502, "<html>"}, answer{200, `{"Parameters":[{"Name":"/a/b","Value":"1","Type":"String"}]}`}
	denied := answer{400, `{"__type":"com.amazon.coral#AccessDeniedException","Message":"no"}`}
	for _, c := range []struct {
		name    string
		answers []answer
		calls   int
		code    upgrade.Code
	}{
		{"at once", []answer{fine}, 1, ""},
		{"throttled", []answer{throttled, broken, fine}, 3, ""},
		{"cut off", []answer{{0, ""}, fine}, 2, ""},
		{"throttled for long", []answer{throttled, throttled, throttled}, 3, upgrade.CodeThrottled},
		{"a proxy's error", []answer{broken, broken, broken}, 3, upgrade.CodeUnavailable},
		{"refused", []answer{denied}, 1, upgrade.CodePermissionDenied},
		{"no JSON", []answer{{200, "<html>"}}, 1, upgrade.CodeInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := c.answers[min(calls, len(c.answers)-1)]
				calls++
				if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIA/") || r.Header.Get("X-Amz-Security-Token") != "session" || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParametersByPath" {
					t.Errorf("headers %v", r.Header)
				}
				if a.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(a.status)
				_, _ = io.WriteString(w, a.body)
			}))
			defer server.Close()
			cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "session"),
				Retryer: func() aws.Retryer {
					return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond })
				}}
			all, err := Reader{cfg}.Parameters(t.Context(), "/a/")
			if calls != c.calls || (err != nil && upgrade.CodeOf(err) != c.code) || (err == nil) != (c.code == "") || (err == nil) != (len(all) == 1) {
				t.Errorf("%d calls, %v, %v (%s), want %d and %s", calls, all, err, upgrade.CodeOf(err), c.calls, c.code)
			}
			if e := (*upgrade.Error)(nil); err != nil && (!errors.As(err, &e) || e.Op != "read the settings below /a") {
				t.Errorf("error %v", err)
			}
		})
	}
}
