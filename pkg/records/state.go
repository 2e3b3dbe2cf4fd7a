package records

import (
	"context"
	"encoding/json"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
)

// PutState keeps a small JSON value that an executor must remember between two
// calls, under "state#<key>". The last write holds.
func (s *Store) PutState(ctx context.Context, upgradeID, key string, v json.RawMessage) error {
	_, err := table.Update(ctx, s.table, keyOf(upgradeID, "state#%s", key), func(json.RawMessage, bool) (json.RawMessage, bool, error) {
		return v, true, nil
	})
	return err
}

// State returns the value that was last put under the key.
func (s *Store) State(ctx context.Context, upgradeID, key string) (v json.RawMessage, found bool, err error) {
	v, version, err := table.Get[json.RawMessage](ctx, s.table, keyOf(upgradeID, "state#%s", key))
	return v, version > 0, err
}
