package world

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// proxied is a client that has what processes of functions have.
func proxied(t *testing.T, w *World) *http.Client {
	t.Helper()
	file, err := w.CABundle()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	proxy, err := url.Parse(w.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestAPIsAreReachedByTheirHostNames(t *testing.T) {
	w, _ := newWorld(t)
	c := proxied(t, w)
	res, err := c.Get("https://none.execute-api.eu-west-1.amazonaws.com/live/x")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 403 || string(body) != `{"message":"Forbidden"}` {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
	other := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "other") }))
	defer other.Close()
	c.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(other.Certificate())
	if res, err = c.Get(other.URL); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "other" {
		t.Errorf("another host: %s %v", body, err)
	}
}

// TestTheSDKReachesConnections uses the endpoint that templates write.
func TestTheSDKReachesConnections(t *testing.T) {
	w, _ := newWorld(t)
	ctx, apis := t.Context(), apigatewayv2.NewFromConfig(w.AWSConfig())
	api, err := apis.CreateApi(ctx, &apigatewayv2.CreateApiInput{Name: aws.String("a"), ProtocolType: types.ProtocolTypeWebsocket, RouteSelectionExpression: aws.String("$request.body.action")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apis.CreateRoute(ctx, &apigatewayv2.CreateRouteInput{ApiId: api.ApiId, RouteKey: aws.String("$default")}); err != nil {
		t.Fatal(err)
	}
	if _, err := apis.CreateStage(ctx, &apigatewayv2.CreateStageInput{ApiId: api.ApiId, StageName: aws.String("live"), AutoDeploy: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	cfg := w.AWSConfig()
	cfg.HTTPClient = proxied(t, w)
	client := apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String("https://" + *api.ApiId + ".execute-api.eu-west-1.amazonaws.com/live")
	})
	_, err = client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: aws.String("AAAAAAAAAAAAAAA="), Data: []byte("x")})
	wantCode(t, err, "GoneException")
}
