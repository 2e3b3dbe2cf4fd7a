package artifacts_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

const bucket = "artifacts"

func newStore(t *testing.T) (*artifacts.Store, *s3.Client) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := w.S3().AddBucket(bucket); err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(w.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	return artifacts.New(client, bucket), client
}

func TestWhatIsPutComesBack(t *testing.T) {
	store, _ := newStore(t)
	want := upgrade.Hop{From: upgrade.Version{Major: 1, Minor: 34}, To: upgrade.Version{Major: 1, Minor: 35}}
	ref, err := store.Put(t.Context(), "hops", want)
	if err != nil {
		t.Fatal(err)
	}
	if hash, _ := upgrade.HashJSON(want); ref.SHA256 != hash || ref.Key != "hops/"+hash+".json" || ref.Bucket != bucket {
		t.Errorf("reference %+v is not made of the content's hash %s", ref, hash)
	}
	got, err := artifacts.Get[upgrade.Hop](t.Context(), store, ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPuttingTheSameTwiceIsTheSameAsOnce(t *testing.T) {
	store, _ := newStore(t)
	first, err := store.PutBytes(t.Context(), "reports", "text/html; charset=utf-8", []byte("<p>"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.PutBytes(t.Context(), "reports", "text/html; charset=utf-8", []byte("<p>"))
	if err != nil {
		t.Fatal(err)
	}
	if first != second || !strings.HasSuffix(first.Key, ".html") {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func TestGetRefusesWhatItCannotTrust(t *testing.T) {
	store, client := newStore(t)
	good, err := store.Put(t.Context(), "hops", upgrade.Hop{})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := store.Put(t.Context(), "hops", map[string]string{"from": "1.34"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &changed.Key, Body: bytes.NewReader([]byte(`{}`))}); err != nil {
		t.Fatal(err)
	}
	unknownField, err := store.Put(t.Context(), "hops", map[string]string{"via": "1.34"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := good
	elsewhere.Bucket = "of-somebody-else"
	missing := good
	missing.Key = "hops/none.json"

	tests := []struct {
		name string
		ref  upgrade.Ref
		code upgrade.Code
	}{
		{"content that was changed", changed, upgrade.CodePlanMismatch},
		{"a field that is not known", unknownField, upgrade.CodeInvalidRequest},
		{"another bucket", elsewhere, upgrade.CodeInvalidRequest},
		{"no such object", missing, upgrade.CodeNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := artifacts.Get[upgrade.Hop](t.Context(), store, tt.ref); upgrade.CodeOf(err) != tt.code {
				t.Errorf("error %v has code %s, want %s", err, upgrade.CodeOf(err), tt.code)
			}
		})
	}
}

func TestReadTakesAnObjectByItsKey(t *testing.T) {
	store, client := newStore(t)
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("scans/1/kubent.json"), Body: bytes.NewReader([]byte("[]"))}); err != nil {
		t.Fatal(err)
	}
	got, err := store.Read(t.Context(), "scans/1/kubent.json")
	if err != nil || string(got) != "[]" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := store.Read(t.Context(), "scans/2/kubent.json"); upgrade.CodeOf(err) != upgrade.CodeNotFound {
		t.Errorf("missing object: %v", err)
	}
}

func TestTheCacheHoldsWhatWasSavedLast(t *testing.T) {
	store, _ := newStore(t)
	cache := store.Cache()
	if data, err := cache.Load(t.Context(), "a/b.json"); data != nil || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	for _, want := range []string{"one", "two"} {
		if err := cache.Save(t.Context(), "a/b.json", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if data, err := cache.Load(t.Context(), "a/b.json"); string(data) != want || err != nil {
			t.Errorf("%q, %v", data, err)
		}
	}
	if data, err := store.Read(t.Context(), artifacts.CachePrefix+"a/b.json"); string(data) != "two" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}
