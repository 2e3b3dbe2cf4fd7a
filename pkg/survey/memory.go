package survey

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Memory keeps what was told last, so that each change is told once. It is in
// the table of the records, under "survey#<cluster>": no execution of the state
// machine has a # in its name.
type Memory struct {
	table table.Table
	clock clock.Clock
}

// NewMemory returns the memory in the DynamoDB table of that name.
func NewMemory(api table.API, name string, c clock.Clock) Memory {
	return Memory{table: table.New(api, name), clock: c}
}

type note struct {
	State  string       `json:"state"`
	ToldAt upgrade.Time `json:"toldAt"`
}

func memoryKey(cluster, key string) table.Key {
	return table.Key{"upgrade": "survey#" + cluster, "key": key}
}

// Told returns the state that was told last, "" when nothing was.
func (m Memory) Told(ctx context.Context, cluster, key string) (string, error) {
	n, _, err := table.Get[note](ctx, m.table, memoryKey(cluster, key))
	return n.State, err
}

// Tell notes a state as told.
func (m Memory) Tell(ctx context.Context, cluster, key, state string) error {
	_, err := table.Update(ctx, m.table, memoryKey(cluster, key), func(old note, found bool) (note, bool, error) {
		return note{State: state, ToldAt: upgrade.At(m.clock.Now())}, !found || old.State != state, nil
	})
	return err
}
