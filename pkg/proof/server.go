package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	fieldManager = "eks-upgrade-proof"
	// patience is how long a busy server is asked again for one object (real time).
	patience = time.Minute
	// maxAnswer bounds what is read of an answer: etcd takes no object over 1.5 MB.
	maxAnswer = 16 << 20
)

// server is an API server that manifests are tried on.
type server struct {
	*controlplane.Server
	version upgrade.Version
	http    *http.Client
	host    string
	kube    *kube.Client

	resources  map[schema.GroupVersionKind]kube.Resource
	hasStatus  map[schema.GroupVersionKind]bool // of defined kinds: status is a subresource
	notes      []upgrade.NotChecked
	namespaces sync.Map // name: *sync.Once
	labels     map[string]map[string]string
}

func (o Options) start(ctx context.Context, version upgrade.Version) (*server, error) {
	op := "start an API server of " + version.String()
	cp, err := controlplane.Start(ctx, o.Programs, version.String(), o.Dir)
	if err != nil {
		return nil, failed(ctx, op, err)
	}
	config := cp.Config()
	config.Timeout = patience
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, errors.Join(upgrade.KindProofUnavailable.Errorf(op, "%w", err), cp.Stop())
	}
	reader, err := kube.New(cp.Config(), "the API server of "+version.String(), kube.Limits{QPS: 1000, Burst: 1000, Timeout: patience})
	if err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	s := &server{Server: cp, version: version, http: client, host: config.Host, kube: reader, hasStatus: map[schema.GroupVersionKind]bool{}, labels: map[string]map[string]string{}}
	for _, n := range o.Namespaces {
		s.labels[n.GetName()] = namespaceLabels(n.GetLabels(), version)
	}
	if err := s.discover(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// failed keeps an interrupt what it is.
func failed(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return upgrade.KindProofUnavailable.Errorf(op, "%w", err)
}

func (s *server) close() error {
	s.http.CloseIdleConnections()
	return s.Stop()
}

// discover asks what is served.
func (s *server) discover(ctx context.Context) error {
	found, err := s.kube.Resources(ctx)
	if err != nil {
		return err
	}
	s.resources = map[schema.GroupVersionKind]kube.Resource{}
	for _, r := range found.All {
		if r.Can("create") {
			s.resources[r.GVK()] = r
		}
	}
	return nil
}

// knows reports whether the kind of an object is served.
func (s *server) knows(o *unstructured.Unstructured) bool {
	_, ok := s.resources[o.GroupVersionKind()]
	return ok
}

// answer is what the server says to a request.
type answer struct {
	code     int
	object   map[string]any // of success
	status   metav1.Status  // of failure
	warnings []string
}

// post asks the server to create an object: only to try it, with dry. Busy
// servers are asked again.
func (s *server) post(ctx context.Context, r kube.Resource, o *unstructured.Unstructured, dry bool) (answer, error) {
	path := "/apis/" + r.APIVersion()
	if r.Group == "" {
		path = "/api/" + r.Version
	}
	if r.Namespaced {
		path += "/namespaces/" + o.GetNamespace()
	}
	path += "/" + r.Name + "?fieldValidation=Warn&fieldManager=" + fieldManager
	if dry {
		path += "&dryRun=All"
	}
	body, err := json.Marshal(o.Object)
	if err != nil {
		return answer{}, fmt.Errorf("encode %s: %w", o.GetKind(), err)
	}
	var out answer
	ctx, cancel := context.WithTimeoutCause(ctx, patience, upgrade.Detailf("%v have passed", patience))
	defer cancel()
	err = controlplane.Retry(ctx, "trying it", func(ctx context.Context) error {
		out, err = s.once(ctx, path, body)
		return err
	})
	if err != nil {
		if ended := s.Exited(); ended != nil {
			err = ended
		}
	}
	return out, err
}

func (s *server) once(ctx context.Context, path string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.host+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	out := answer{code: response.StatusCode}
	headers, _ := utilnet.ParseWarningHeaders(response.Header["Warning"]) // those that are none are passed over
	for _, h := range headers {
		out.warnings = append(out.warnings, h.Text)
	}
	if response.StatusCode < 300 {
		return out, json.Unmarshal(data, &out.object)
	}
	if json.Unmarshal(data, &out.status) != nil || out.status.Message == "" {
		out.status = metav1.Status{Code: int32(response.StatusCode), Message: strings.TrimSpace(string(data))}
	}
	if out.status.Code = int32(response.StatusCode); out.code == http.StatusTooManyRequests || out.code == http.StatusServiceUnavailable {
		return out, &apierrors.StatusError{ErrStatus: out.status} // passes, as controlplane.Retry knows it
	}
	return out, nil
}
