package kube

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/protobuf"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Lists come in pages, so that the server holds no large list at once. It
// forgets the version that a list began with after some minutes, and a
// connection can break; the list then begins again, a few times.
const (
	pageSize = 500
	restarts = 3
)

// Selection narrows a list. The zero one is everything.
type Selection struct {
	Namespace string // empty: all
	Fields    string // a field selector: "type=helm.sh/release.v1"
	Labels    string // a label selector: "owner=helm"
	Page      int    // objects in an answer, for large ones; 0: 500
}

// Each lists the objects of a resource and calls visit with each of them, read
// as the parts that T has. begin is called before the first, and again whenever
// the list begins anew: what was visited so far is void then. The object is
// overwritten by the next; the texts, lists and maps in it are not and may be
// kept. A T with protobuf numbers is read as that where the server has it, any
// other as JSON; objects.Metadata is all that is sent when T is that.
func Each[T any](ctx context.Context, c *Client, resource Resource, s Selection, begin func(), visit func(*T)) error {
	op := "list " + resource.Name + " of " + c.cluster
	if s.Namespace != "" {
		op = "list " + resource.Name + " of " + s.Namespace + " in " + c.cluster
	}
	var decoder protobuf.Decoder
	reader := bufio.NewReaderSize(nil, 64<<10)
	begin()
	next := ""
	for left := restarts; ; {
		more, err := page(ctx, c, resource, s, next, reader, &decoder, visit)
		switch {
		case err != nil && left > 0 && ctx.Err() == nil && (next != "" && expired(err) || broken(err)):
			left--
			next = ""
			begin()
		case err != nil:
			return Wrap(op, err)
		case more == "":
			return nil
		default:
			next = more
		}
	}
}

// broken reports whether the connection ended before the answer did.
func broken(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err)
}

// What is asked for. A server behind the API server that cannot send metadata
// alone sends objects whole, and one without protobuf sends JSON. Sources:
// https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
// https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
const (
	acceptJSON     = "application/json"
	acceptProtobuf = "application/vnd.kubernetes.protobuf," + acceptJSON
	partialList    = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	acceptMetadata = "application/vnd.kubernetes.protobuf" + partialList + "," + acceptJSON + partialList + "," + acceptJSON
)

func accept(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[objects.Metadata]():
		return acceptMetadata
	case protobuf.Has(t):
		return acceptProtobuf
	}
	return acceptJSON
}

// page reads one page and returns the token of the next one, "" after the last.
func page[T any](ctx context.Context, c *Client, resource Resource, s Selection, next string, reader *bufio.Reader, decoder *protobuf.Decoder, visit func(*T)) (more string, err error) {
	path := "/apis/" + resource.APIVersion()
	if resource.Group == "" {
		path = "/api/" + resource.Version
	}
	request := c.rest.Get().AbsPath(path).NamespaceIfScoped(s.Namespace, s.Namespace != "").Resource(resource.Name).
		SetHeader("Accept", accept(reflect.TypeFor[T]())).Param("limit", strconv.Itoa(cmp.Or(s.Page, pageSize)))
	for name, value := range map[string]string{"continue": next, "fieldSelector": s.Fields, "labelSelector": s.Labels} {
		if value != "" {
			request.Param(name, value)
		}
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	reader.Reset(body)
	var meta objects.ListMeta
	var object, zero T
	first, err := reader.Peek(1)
	if err != nil {
		return "", fmt.Errorf("the answer is empty: %w", io.ErrUnexpectedEOF)
	}
	if first[0] == protobuf.Magic[0] {
		err = protobuf.List(reader, func(data []byte) error { return decoder.Unmarshal(data, &meta) }, func(data []byte) error {
			object = zero
			if err := decoder.Unmarshal(data, &object); err != nil {
				return err
			}
			visit(&object)
			return nil
		})
	} else {
		err = items(json.NewDecoder(reader), &meta, func(d *json.Decoder) error {
			object = zero
			if err := d.Decode(&object); err != nil {
				return err
			}
			visit(&object)
			return nil
		})
	}
	return meta.Continue, unreadable(err)
}

// unreadable says so of an answer that was not cut off, but is none.
func unreadable(err error) error {
	if err == nil || broken(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) {
		return err
	}
	return upgrade.KindKubernetesUnexpected.Errorf("read the answer", "it cannot be read: %w", err)
}

// items reads a list in JSON while it arrives, one object at a time.
func items(d *json.Decoder, meta *objects.ListMeta, item func(*json.Decoder) error) error {
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(upgrade.Detailf("it is no list"), err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return early(err)
		}
		switch key {
		case "metadata":
			err = d.Decode(meta)
		case "items":
			err = array(d, item)
		default:
			var other json.RawMessage
			err = d.Decode(&other)
		}
		if err != nil {
			return early(err)
		}
	}
	_, err := d.Token()
	return early(err)
}

// array reads the elements of an array; null has none.
func array(d *json.Decoder, item func(*json.Decoder) error) error {
	token, err := d.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('[') {
		return upgrade.Detailf("its items are no list")
	}
	for d.More() {
		if err := item(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Objects returns every object of a resource, in one namespace or, with "", in
// all.
func (c *Client) Objects(ctx context.Context, resource Resource, namespace string) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	client := c.dynamic.Resource(resource.GVR()).Namespace(namespace)
	options := metav1.ListOptions{Limit: pageSize}
	for left := restarts; ; {
		page, err := client.List(ctx, options)
		switch {
		case err != nil && expired(err) && options.Continue != "" && left > 0:
			left--
			options.Continue = ""
			all = nil
			continue
		case err != nil:
			return nil, Wrap("list "+resource.Name+" of "+c.cluster, err)
		}
		all = append(all, page.Items...)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}

// list returns all objects of a resource as the parts that T has.
func list[T any](ctx context.Context, c *Client, resource Resource) ([]T, error) {
	var all []T
	err := Each(ctx, c, resource, Selection{}, func() { all = nil }, func(object *T) { all = append(all, *object) })
	return all, err
}

// Nodes returns all nodes.
func (c *Client) Nodes(ctx context.Context) ([]objects.Node, error) {
	return list[objects.Node](ctx, c, Resource{Version: "v1", Name: "nodes"})
}

// Deployments returns all Deployments.
func (c *Client) Deployments(ctx context.Context) ([]objects.Deployment, error) {
	return list[objects.Deployment](ctx, c, Resource{Group: "apps", Version: "v1", Name: "deployments"})
}

// StatefulSets returns all StatefulSets.
func (c *Client) StatefulSets(ctx context.Context) ([]objects.StatefulSet, error) {
	return list[objects.StatefulSet](ctx, c, Resource{Group: "apps", Version: "v1", Name: "statefulsets"})
}

// DaemonSets returns all DaemonSets.
func (c *Client) DaemonSets(ctx context.Context) ([]objects.DaemonSet, error) {
	return list[objects.DaemonSet](ctx, c, Resource{Group: "apps", Version: "v1", Name: "daemonsets"})
}
