package rehearsal

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Each request goes to the ingress of its own cluster, with the name that was
// asked for; a name that is none gets no answer.
func TestTheProxyLeadsToTheIngress(t *testing.T) {
	ingress := func(cluster string) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, cluster+" "+r.Host+r.URL.String())
		}))
		t.Cleanup(server.Close)
		return server
	}
	blue, green, gone := ingress(Cluster), ingress(Green), ingress("gone")
	gone.Close()
	address := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	b := &balancers{address: map[string]string{Cluster: address(blue), Green: address(green), "gone": address(gone)}}
	p, err := newProxy(b.lookup)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}()
	proxy, err := url.Parse(p.url())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	for _, cluster := range []string{Cluster, Green, Cluster} {
		host := hostname(cluster, "default", "frontend")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/cart?item=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = Record // as probes do
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if want := cluster + " " + Record + "/cart?item=1"; string(body) != want || response.StatusCode != http.StatusTeapot {
			t.Errorf("%d %q, want %q", response.StatusCode, body, want)
		}
	}
	for _, host := range []string{hostname("gone", "default", "frontend"), hostname("other", "default", "frontend"), "www.example.com", "192.0.2.1"} {
		if response, err := client.Get("http://" + host + "/"); err == nil {
			t.Errorf("%s answers %s", host, response.Status)
		}
	}
}
