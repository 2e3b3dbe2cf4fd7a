package wire

import (
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// NewHTTPClient returns the SDK's HTTP client for a server that answers at
// once. The SDK closes a request's body as soon as it has the answer's header;
// net/http may look then for the body's end, by a WriteTo of the SDK's that
// calls the end an error (smithy-go v1.28.8, safeWriteToReadCloser), and break
// the connection under the answer. Without WriteTo it reads, which is right.
//
// The SDK also writes a prefix before the host of some operations (sync- for
// StartSyncExecution and TestState of Step Functions), which an address on this
// machine cannot have: it is taken away again.
func NewHTTPClient() aws.HTTPClient { return client{awshttp.NewBuildableClient()} }

type client struct{ next aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	if host, ok := strings.CutPrefix(r.URL.Host, "sync-"); ok {
		r.URL.Host = host
	}
	return c.next.Do(r)
}
