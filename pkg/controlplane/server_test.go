package controlplane_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

func programs(t *testing.T) controlplane.Programs {
	t.Helper()
	p, err := controlplane.Find("")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheServerIsOfTheVersionAskedForAndLeavesNothing(t *testing.T) {
	p, dir := programs(t), t.TempDir()
	began := time.Now()
	s, err := controlplane.Start(t.Context(), p, "1.35", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began))
	client, err := rest.HTTPClientFor(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Get(s.Config().Host + "/version")
	if err != nil {
		t.Fatal(err)
	}
	var version struct{ Minor, GitVersion string }
	if err := json.NewDecoder(response.Body).Decode(&version); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if p.Bundled && version.Minor != "35" {
		t.Errorf("version %+v, want minor 35", version)
	}
	anonymous, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: s.Config().CAData}})
	if err != nil {
		t.Fatal(err)
	}
	if response, err = anonymous.Get(s.Config().Host + "/api/v1/namespaces"); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("who has no certificate gets %s", response.Status)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAStartThatIsCancelledLeavesNothing(t *testing.T) {
	p, dir := programs(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := controlplane.Start(ctx, p, "1.35", dir); err == nil {
		t.Error("no error")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAVersionThatItCannotEmulateEndsTheStart(t *testing.T) {
	p := programs(t)
	began := time.Now()
	if _, err := controlplane.Start(t.Context(), p, "1.20", t.TempDir()); err == nil {
		t.Error("no error")
	}
	t.Logf("after %v", time.Since(began))
	if minor, err := p.Minor(); err != nil || minor < 30 {
		t.Errorf("minor %d, %v", minor, err)
	}
}
