package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// runningWorld is `eks-upgrade world` in this process.
type runningWorld struct {
	URL, Account, Region string
	ControlPlane         bool

	stop context.CancelCauseFunc
	code chan int
}

func startedWorld(t *testing.T, args ...string) *runningWorld {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	w := &runningWorld{stop: stop, code: make(chan int, 1)}
	out, in := io.Pipe()
	var stderr bytes.Buffer
	go func() {
		code := Run(ctx, append([]string{"world", "--addr", "127.0.0.1:0", "--control-plane", "none", "--output", "json"}, args...), nil, in, &stderr)
		w.code <- code
		_ = in.CloseWithError(errors.New("the world has ended: " + stderr.String()))
	}()
	if err := json.NewDecoder(out).Decode(w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(nil) })
	return w
}

func (w *runningWorld) config() aws.Config {
	return aws.Config{Region: w.Region, BaseEndpoint: &w.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func TestTheWorldServesTheSDKUntilItIsInterrupted(t *testing.T) {
	w := startedWorld(t, "--account", "210987654321", "--region", "eu-central-1", "--speed", "60")
	who, err := sts.NewFromConfig(w.config()).GetCallerIdentity(t.Context(), nil)
	if err != nil || aws.ToString(who.Account) != "210987654321" {
		t.Errorf("identity = %v, %v", who, err)
	}
	subnets, err := ec2.NewFromConfig(w.config()).DescribeSubnets(t.Context(), nil)
	if err != nil || len(subnets.Subnets) != 3 || !strings.HasPrefix(aws.ToString(subnets.Subnets[0].AvailabilityZone), "eu-central-1") {
		t.Errorf("subnets = %v, %v", subnets, err)
	}
	w.stop(errInterrupted)
	if code := <-w.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://")); err == nil {
		t.Error("it still listens")
	}
}

func TestTheWorldJudgesByPoliciesWhenAsked(t *testing.T) {
	w := startedWorld(t, "--iam")
	_, err := sts.NewFromConfig(w.config()).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/nobody"), RoleSessionName: aws.String("x")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" {
		t.Errorf("a role that does not exist was assumed: %v", err)
	}
}

func TestAnUnsignedRequestIsRefused(t *testing.T) {
	w := startedWorld(t)
	res, err := http.Get(w.URL + "/clusters")
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestWhatTheWorldCommandRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"a port in use", []string{"--addr", taken.Addr().String()}, []string{"is in use", "127.0.0.1:0 takes a free port"}},
		{"no address", []string{"--addr", "4566"}, []string{"--addr", "is not an address"}},
		{"no address of this machine", []string{"--addr", "example.com:80"}, []string{"--addr", "0.0.0.0"}},
		{"no account id", []string{"--account", "12"}, []string{"--account", "12 digits"}},
		{"slower than time", []string{"--speed", "0.5"}, []string{"--speed", "out of range"}},
		{"no such output", []string{"--output", "xml"}, []string{"--output", "text, json"}},
		{"no such control plane", []string{"--control-plane", "fake"}, []string{"auto, real, none"}},
		{"an argument", []string{"now"}, []string{"now"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			args := append([]string{"world"}, tc.args...)
			if tc.name == "a port in use" {
				args = append(args, "--control-plane", "none")
			}
			if code := Run(t.Context(), args, nil, &out, &stderr); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr %q lacks %q", stderr.String(), want)
				}
			}
		})
	}
}
