package records

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxState leaves room below DynamoDB's limit of 400 KB for an item.
const maxState = 256 << 10

// PutState keeps what an executor must remember between two calls: the last
// write holds. Values have no secrets.
func (s *Store) PutState(ctx context.Context, upgradeID, key string, v json.RawMessage) error {
	if !json.Valid(v) || len(v) > maxState {
		return upgrade.KindStateUnwritable.Errorf("record state "+key, "%d bytes that are not JSON of up to %d bytes", len(v), maxState)
	}
	_, err := table.Update(ctx, s.table, keyOf(upgradeID, "state#%s", key), func(old json.RawMessage, found bool) (json.RawMessage, bool, error) {
		return v, !found || !bytes.Equal(old, v), nil
	})
	return err
}

// State returns what PutState kept.
func (s *Store) State(ctx context.Context, upgradeID, key string) (v json.RawMessage, found bool, err error) {
	v, version, err := table.Get[json.RawMessage](ctx, s.table, keyOf(upgradeID, "state#%s", key))
	return v, version > 0, err
}
