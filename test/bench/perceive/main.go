// Command perceive does what the function of that name does for a cluster's
// objects, so that its time and memory can be measured: it looks at the cluster,
// makes the snapshot, and stores it where it costs nothing. It reads a JSON of
// Input and writes one of Output.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Input says where the API server is.
type Input struct {
	Host          string
	CA, Cert, Key []byte
	Target        upgrade.Version
	Read          bool // read the snapshot that is stored, as the reason phase does, instead of making one
	File          string
}

// Output says what was seen.
type Output struct {
	Summary    string
	NotChecked []upgrade.NotChecked
	Bytes      int           // of the snapshot
	Look       time.Duration // until all was seen
	Store      time.Duration // encoding and storing it
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var in Input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return err
	}
	store := artifacts.New(&file{name: in.File}, "bucket")
	if in.Read {
		data, err := store.Read(ctx, "")
		if err != nil {
			return err
		}
		began := time.Now()
		snapshot, err := upgrade.Decode[upgrade.Snapshot](data)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(Output{Summary: fmt.Sprintf("%d pods", len(snapshot.Kubernetes.Pods)), Bytes: len(data), Look: time.Since(began)})
	}
	config := &rest.Config{Host: in.Host, TLSClientConfig: rest.TLSClientConfig{CAData: in.CA, CertData: in.Cert, KeyData: in.Key}}
	collector := kubestate.Collector{Table: lifecycle.All(), Newest: lifecycle.Newest(), Connect: func(context.Context, string) (*kube.Client, error) {
		return kube.New(config, "bench", kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	}}
	began := time.Now()
	snapshot, summary, err := collector.Collect(ctx, upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "bench", Target: in.Target}}})
	if err != nil {
		return err
	}
	looked := time.Now()
	s3 := &file{name: in.File}
	if _, err := artifacts.New(s3, "bucket").Put(ctx, "snapshots", snapshot); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(Output{Summary: summary, NotChecked: snapshot.NotChecked, Bytes: s3.size, Look: looked.Sub(began), Store: time.Since(looked)})
}

// file is an S3 of one object.
type file struct {
	name string
	size int
}

// PutObject implements artifacts.S3API.
func (f *file) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	out, err := os.Create(f.name)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(out, in.Body)
	f.size = int(n)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{}, out.Close()
}

// GetObject implements artifacts.S3API.
func (f *file) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	in, err := os.Open(f.name)
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectOutput{Body: in}, nil
}
