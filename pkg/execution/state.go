package execution

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// States keeps what an executor must remember between two calls, as JSON under
// a key of the upgrade. Values are small and hold no secrets.
type States interface {
	PutState(ctx context.Context, upgradeID, key string, v json.RawMessage) error
	State(ctx context.Context, upgradeID, key string) (v json.RawMessage, found bool, err error)
}

// LoadState reads a state; it is the zero T when there is none.
func LoadState[T any](ctx context.Context, states States, upgradeID, key string) (T, error) {
	var none T
	data, found, err := states.State(ctx, upgradeID, key)
	if err != nil || !found {
		return none, err
	}
	return upgrade.Decode[T](data)
}

// SaveState writes a state.
func SaveState(ctx context.Context, states States, upgradeID, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return upgrade.KindStateUnwritable.Errorf("save state "+key, "%w", err)
	}
	return states.PutState(ctx, upgradeID, key, data)
}

// Token derives the idempotency token of one change: the same upgrade, step
// and intent always give the same token, so that a repeated call is the same
// call to AWS. 64 hexadecimal digits, as long as the shortest limit in use.
func Token(upgradeID, step, intent string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{upgradeID, step, intent}, "\x00")))
	return hex.EncodeToString(sum[:])
}
