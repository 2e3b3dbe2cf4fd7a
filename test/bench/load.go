package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
)

// load writes objects straight into etcd, by its JSON gateway: creating a hundred
// thousand of them through the API server would take longer than all that is
// measured. Source: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
func load(etcd string, entries iter.Seq[entry]) error {
	type put struct {
		Put struct {
			Key   []byte `json:"key"`
			Value []byte `json:"value"`
		} `json:"requestPut"`
	}
	const most, large = 100, 1 << 20 // etcd takes 128 operations and 1.5 MiB at once
	var batch []put
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		body, err := json.Marshal(map[string]any{"success": batch})
		if err != nil {
			return err
		}
		batch, size = batch[:0], 0
		response, err := http.Post(etcd+"/v3/kv/txn", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd: %s: %s: %w", response.Status, answer, err)
		}
		return nil
	}
	for e := range entries {
		var p put
		p.Put.Key, p.Put.Value = []byte(e.key), e.value
		batch, size = append(batch, p), size+len(e.key)+len(e.value)
		if len(batch) == most || size > large {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
