// Package awsclient makes the AWS configuration and the clients that need more
// than their constructor.
package awsclient

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Attempts is how often a call is tried before its error goes to the state
// machine, which waits longer between its own retries.
const Attempts = 5

// Environment returns the configuration of a function: region, credentials and
// endpoints as Lambda gives them by environment variables. Profiles and single
// sign-on, of which a function has none, are in package profile: what reads them
// puts 0.4 MB into a zip. Its clients are observed (see Observe).
func Environment(ctx context.Context) (aws.Config, error) {
	cfg := aws.Config{Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), Retryer: Retryer, ConfigSources: []any{endpoints{}}}
	for name, value := range map[string]string{"AWS_REGION": cfg.Region, "AWS_ACCESS_KEY_ID": os.Getenv("AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY": os.Getenv("AWS_SECRET_ACCESS_KEY")} {
		if value == "" {
			return cfg, upgrade.KindInvalidConfiguration.Errorf("load AWS configuration", "%s is not set", name).WithRemedy("run this as a Lambda function")
		}
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"))
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	if bundle := os.Getenv("AWS_CA_BUNDLE"); bundle != "" {
		roots, err := authorities(bundle)
		if err != nil {
			return cfg, err
		}
		cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig.RootCAs = roots })
	}
	Prepare(ctx, &cfg)
	return cfg, nil
}

// authorities reads whom to trust instead of the system's authorities: of a
// proxy that looks into TLS.
func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	roots := x509.NewCertPool()
	if err == nil && !roots.AppendCertsFromPEM(pem) {
		err = upgrade.Detailf("there is no certificate in it")
	}
	if err != nil {
		return nil, upgrade.KindInvalidConfiguration.Errorf("load AWS configuration", "AWS_CA_BUNDLE, %s: %w", file, err).WithRemedy("name a file with certificates as PEM")
	}
	return roots, nil
}

// Prepare makes the clients of a configuration observed, and their calls carry
// the id of a run of the command line to CloudTrail.
func Prepare(ctx context.Context, cfg *aws.Config) {
	if run := logging.FieldsOf(ctx).Run; run != "" {
		cfg.AppID = AppID(run)
	}
	Observe(ctx, cfg)
}

// endpoints are the choices of endpoints that the environment makes; the SDK's
// clients ask for them.
type endpoints struct{}

// GetUseFIPSEndpoint is asked by the clients.
func (endpoints) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	if set, _ := strconv.ParseBool(os.Getenv("AWS_USE_FIPS_ENDPOINT")); set {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateUnset, false, nil
}

// GetUseDualStackEndpoint is asked by the clients.
func (endpoints) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	if set, _ := strconv.ParseBool(os.Getenv("AWS_USE_DUALSTACK_ENDPOINT")); set {
		return aws.DualStackEndpointStateEnabled, true, nil
	}
	return aws.DualStackEndpointStateUnset, false, nil
}

// AppID is the part of the user agent, after "app/", that names a run of the
// command line.
func AppID(run string) string { return "eks-upgrade-" + run }

// Retryer retries in the SDK's standard mode: exponential back-off with jitter
// and a budget of retries, so that a service in trouble is not called harder.
func Retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = Attempts })
}

// S3 returns a client of S3. An endpoint that was set by hand has no DNS names
// for buckets, so they stand in the path there.
func S3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
}
