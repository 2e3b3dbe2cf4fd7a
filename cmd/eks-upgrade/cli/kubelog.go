package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"k8s.io/klog/v2"
)

// logKubernetes sends what the Kubernetes client libraries log to a file in
// dir, instead of over the picture in the terminal. closeLog ends that, and leaves no empty file: what they
// log afterwards, of connections that break off, is of no use to anybody.
func logKubernetes(dir string) (closeLog func() error, err error) {
	file, err := os.OpenFile(filepath.Join(dir, "kubernetes-client.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	klog.LogToStderr(false)
	klog.SetOutput(file)
	return func() error {
		klog.Flush()
		klog.SetOutput(io.Discard)
		info, err := file.Stat()
		if err == nil && info.Size() == 0 {
			err = os.Remove(file.Name())
		}
		return errors.Join(err, file.Close())
	}, nil
}
