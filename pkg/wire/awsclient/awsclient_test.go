package awsclient_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
)

func environment(t *testing.T, endpoint string) {
	t.Helper()
	nothing := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": endpoint,
		"AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing, "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallsAreRetriedFiveTimesAndBucketsStandInThePath(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	environment(t, server.URL)
	cfg, err := awsclient.Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	retryer := cfg.Retryer()
	if retryer.MaxAttempts() != awsclient.Attempts || awsclient.Attempts != 5 {
		t.Errorf("%d attempts", retryer.MaxAttempts())
	}
	client := awsclient.S3(cfg)
	_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("key")}, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	if err == nil || len(paths) != 1 || paths[0] != "/bucket/key" {
		t.Errorf("%v, %v", paths, err)
	}
}

func TestOfAWSItselfBucketsHaveNames(t *testing.T) {
	environment(t, "")
	cfg, err := awsclient.Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if awsclient.S3(cfg).Options().UsePathStyle {
		t.Error("path style against AWS, which is phasing it out")
	}
}

func TestTheEnvironmentsAuthoritiesAreTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	environment(t, server.URL)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	head := func() error {
		cfg, err := awsclient.Environment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = awsclient.S3(cfg).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("bucket")}, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
		return err
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := head(); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	if head() == nil {
		t.Error("an authority that nobody named is trusted")
	}
	for _, name := range []string{"awsclient_test.go", "nowhere.pem"} {
		t.Setenv("AWS_CA_BUNDLE", name)
		if _, err := awsclient.Environment(t.Context()); upgrade.KindOf(err) != upgrade.KindInvalidConfiguration || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v", err)
		}
	}
	t.Setenv("AWS_REGION", "")
	if _, err := awsclient.Environment(t.Context()); upgrade.KindOf(err) != upgrade.KindInvalidConfiguration || !strings.Contains(err.Error(), "AWS_REGION is not set") {
		t.Errorf("error %v", err)
	}
}
