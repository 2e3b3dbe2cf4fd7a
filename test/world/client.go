package world

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	// Secret is the secret of every access key: nobody checks it, but for the
	// signatures of EKS tokens.
	Secret = "not-a-secret"

	// maxAttempts and maxBackoff bound the SDK's retries: enough to get through a
	// throttled spell, short enough for a rehearsal.
	maxAttempts = 5
	maxBackoff  = 500 * time.Millisecond
)

// AWSConfig returns a configuration of the real SDK that talks to this world.
func (w *World) AWSConfig() aws.Config {
	return w.config("AKIAWORLDREHEARSAL00")
}

func (w *World) config(accessKey string) aws.Config {
	url := w.url
	return aws.Config{
		Region:       w.opts.Region,
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, Secret, ""),
		HTTPClient:   wire.NewHTTPClient(),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff
			})
		},
	}
}

// FunctionConfig returns the configuration for the handler of a Lambda
// function: its calls are recorded under the function's name, and stop having
// an effect when the invocation that makes them has crashed.
func (w *World) FunctionConfig(function string) aws.Config {
	cfg := w.config("ASIAWORLDFUNCTION000")
	cfg.HTTPClient = callerClient{function, cfg.HTTPClient}
	return cfg
}

// callerClient says who calls. It does so after the request was signed: a
// presigned URL must not depend on it.
type callerClient struct {
	function string
	next     aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (c callerClient) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set(wire.CallerHeader, c.function)
	if key := lambda.Invocation(r.Context()); key != "" {
		r.Header.Set(wire.InvocationHeader, key)
	}
	return c.next.Do(r)
}
