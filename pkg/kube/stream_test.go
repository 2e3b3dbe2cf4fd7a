package kube_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// binary is how an API server answers in protobuf.
func binary(t *testing.T, object interface{ Marshal() ([]byte, error) }, apiVersion, kind string) []byte {
	t.Helper()
	raw, err := object.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: apiVersion, Kind: kind}, Raw: raw}
	data, err := unknown.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("k8s\x00"), data...)
}

func client(t *testing.T, handler http.HandlerFunc) *kube.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := kube.New(&rest.Config{Host: server.URL}, "shop", limits)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A server sends the second page only in part, once: the list begins again.
func TestListsInProtobufBeginAgainWhenTheyAreCutOff(t *testing.T) {
	pages := map[string][]byte{
		"":  binary(t, &corev1.PodList{ListMeta: metav1.ListMeta{Continue: "2"}, Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"app": "web"}}, Spec: corev1.PodSpec{NodeName: "n"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}}, "v1", "PodList"),
		"2": binary(t, &corev1.PodList{Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "c"}}, {ObjectMeta: metav1.ObjectMeta{Name: "d"}}}}, "v1", "PodList"),
	}
	cut, asked := true, []string{}
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		page := pages[r.URL.Query().Get("continue")]
		if !strings.HasPrefix(r.Header.Get("Accept"), "application/vnd.kubernetes.protobuf,") {
			t.Errorf("it accepts %s", r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		w.Header().Set("Content-Length", fmt.Sprint(len(page)))
		if r.URL.Query().Get("continue") == "2" && cut {
			cut = false
			page = page[:len(page)-3]
		}
		w.Write(page)
	})
	var names []string
	began := 0
	err := kube.Each(t.Context(), c, kube.Resource{Version: "v1", Name: "pods"}, kube.Selection{Labels: "app", Fields: "spec.nodeName=n"}, func() { began++; names = nil }, func(p *objects.Pod) {
		names = append(names, p.Name+p.Spec.NodeName+p.Labels["app"])
	})
	if err != nil || strings.Join(names, " ") != "anweb b c d" || began != 2 || len(asked) != 4 {
		t.Errorf("%v, began %d times, asked %v: %v", names, began, asked, err)
	}
	if asked[0] != "fieldSelector=spec.nodeName%3Dn&labelSelector=app&limit=500&timeout=1m0s" {
		t.Errorf("asked %s", asked[0])
	}
}

func TestMetadataIsAskedForAlone(t *testing.T) {
	list := binary(t, &metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"x": "y"}}}}}, "meta.k8s.io/v1", "PartialObjectMetadataList")
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Accept"), "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,") {
			t.Errorf("it accepts %s", r.Header.Get("Accept"))
		}
		w.Write(list)
	})
	seen := ""
	err := kube.Each(t.Context(), c, configMaps, kube.Selection{Namespace: "shop"}, func() {}, func(m *objects.Metadata) { seen += m.Name + m.Annotations["x"] })
	if err != nil || seen != "ay" {
		t.Errorf("%q, %v", seen, err)
	}
}

func TestErrorsInProtobufAreRead(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		w.WriteHeader(http.StatusForbidden)
		w.Write(binary(t, &metav1.Status{Status: "Failure", Code: 403, Reason: metav1.StatusReasonForbidden, Message: `pods is forbidden: User "jane"`}, "v1", "Status"))
	})
	if _, err := c.Nodes(t.Context()); upgrade.CodeOf(err) != upgrade.CodePermissionDenied || !strings.Contains(err.Error(), `User "jane"`) {
		t.Errorf("error %v", err)
	}
}

func TestAnswersThatAreNoListsAreRefused(t *testing.T) {
	for name, body := range map[string]string{"nothing": "", "a page": "<html>", "a text": `"x"`, "items that are no list": `{"items":{}}`, "an object that is none": `{"items":[1]}`,
		"half a list": `{"items":[{"metadata":{"name":"a"}}`, "protobuf that is none": "k8s\x00\x12\x03abc"} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if nodes, err := c.Nodes(t.Context()); err == nil {
			t.Errorf("%s is a list of %d", name, len(nodes))
		}
	}
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":null}`)
	})
	if nodes, err := c.Nodes(t.Context()); err != nil || len(nodes) != 0 {
		t.Errorf("an empty list: %v, %v", nodes, err)
	}
}
