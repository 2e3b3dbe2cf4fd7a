package cluster

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func newFleet(t *testing.T) *Fleet {
	t.Helper()
	assets, err := FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFleet(Options{Assets: assets, Dir: t.TempDir(), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestLauncher(t *testing.T) {
	f := newFleet(t)
	ctx := context.Background()
	t0 := time.Now()
	if _, err := f.CreateCluster(ctx, "shop", "1.34"); err != nil {
		t.Fatal(err)
	}
	t.Logf("created in %v", time.Since(t0))
	config, err := f.RESTConfig("shop")
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	version := func() (v map[string]string) {
		response, err := client.Get(config.Host + "/version")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := version(); v["minor"] != "34" {
		t.Errorf("/version says %v", v)
	}
	t0 = time.Now()
	if err := f.UpgradeCluster(ctx, "shop", "1.35"); err != nil {
		t.Fatal(err)
	}
	t.Logf("upgraded in %v", time.Since(t0))
	if v := version(); v["minor"] != "35" || v["gitVersion"] != GitVersion("1.35") {
		t.Errorf("/version says %v", v)
	}
	t0 = time.Now()
	if err := f.DeleteCluster(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	t.Logf("deleted in %v", time.Since(t0))
}
