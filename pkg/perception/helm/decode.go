// Package helm perceives releases of Helm 3 from what Helm stores in the cluster:
// one Secret or ConfigMap for each revision. It reads the manifests and forgets
// them; values, which are secret, are never decoded.
package helm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// MaxRelease is how many bytes a revision may have when it is unpacked. A Secret
// has 1 MiB at most; text packs about ten to one.
const MaxRelease = 32 << 20

// Revision is one revision with its manifests.
type Revision struct {
	upgrade.HelmRevision
	Name, Namespace string // of the release
	Manifest        string
	Hooks           []Hook
}

// Hook is an object that Helm makes at an event, such as a test.
type Hook struct {
	Path     string `json:"path"`
	Manifest string `json:"manifest"`
}

// stored is the part of Helm's release that is read.
// Source: https://github.com/helm/helm/blob/v3.19.0/pkg/release/release.go
type stored struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Version   int    `json:"version"`
	Info      struct {
		Status       string `json:"status"`
		LastDeployed string `json:"last_deployed"`
	} `json:"info"`
	Chart struct {
		Metadata struct {
			Name        string `json:"name"`
			Version     string `json:"version"`
			AppVersion  string `json:"appVersion"`
			KubeVersion string `json:"kubeVersion"`
		} `json:"metadata"`
	} `json:"chart"`
	Manifest string `json:"manifest"`
	Hooks    []Hook `json:"hooks"`
}

// Decode reads what Helm stores under the key "release": base64 of JSON, which
// is packed by gzip but in very old releases. The errors tell nothing of the
// content.
// Source: https://github.com/helm/helm/blob/v3.19.0/pkg/storage/driver/util.go
func Decode(data []byte) (Revision, error) {
	var d decoder
	return d.decode(data)
}

// decoder keeps its buffers from one revision to the next.
type decoder struct {
	packed   []byte
	unpacked bytes.Buffer
}

var gzipped = []byte{0x1f, 0x8b, 0x08}

func (d *decoder) decode(data []byte) (Revision, error) {
	if n := base64.StdEncoding.DecodedLen(len(data)); cap(d.packed) < n {
		d.packed = make([]byte, n)
	}
	n, err := base64.StdEncoding.Decode(d.packed[:cap(d.packed)], data)
	if err != nil {
		return Revision{}, upgrade.Detailf("it is not coded as Helm does")
	}
	content := d.packed[:n]
	if bytes.HasPrefix(content, gzipped) {
		if content, err = d.unpack(content); err != nil {
			return Revision{}, err
		}
	}
	if len(content) > MaxRelease {
		return Revision{}, tooLarge()
	}
	var s stored
	if json.Unmarshal(content, &s) != nil {
		return Revision{}, upgrade.Detailf("its content is no release of Helm")
	}
	if s.Name == "" || s.Version < 1 || s.Info.Status == "" {
		return Revision{}, upgrade.Detailf("it has no name, revision or status")
	}
	r := Revision{Name: s.Name, Namespace: s.Namespace, Manifest: s.Manifest, Hooks: s.Hooks}
	r.HelmRevision = upgrade.HelmRevision{Revision: s.Version, Status: s.Info.Status, Chart: s.Chart.Metadata.Name + "-" + s.Chart.Metadata.Version,
		AppVersion: s.Chart.Metadata.AppVersion, KubeVersion: strings.TrimSpace(s.Chart.Metadata.KubeVersion)}
	if at, err := time.Parse(time.RFC3339, s.Info.LastDeployed); err == nil {
		r.UpdatedAt = upgrade.At(at)
	}
	return r, nil
}

func (d *decoder) unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, upgrade.Detailf("it cannot be unpacked")
	}
	d.unpacked.Reset()
	n, err := d.unpacked.ReadFrom(io.LimitReader(z, MaxRelease+1))
	switch {
	case n > MaxRelease:
		d.unpacked = bytes.Buffer{} // gives the memory back
		return nil, tooLarge()
	case err != nil:
		return nil, upgrade.Detailf("it cannot be unpacked")
	}
	return d.unpacked.Bytes(), nil
}

func tooLarge() error { return upgrade.Detailf("it has more than %d MiB unpacked", MaxRelease>>20) }
