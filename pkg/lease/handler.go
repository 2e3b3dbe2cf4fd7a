package lease

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Handler is the first and the last state of an upgrade.
type Handler struct {
	leases   *Store
	defaults upgrade.Defaults
}

// NewHandler returns the handler of the lease phase. What a request leaves out
// is taken from the defaults.
func NewHandler(leases *Store, defaults upgrade.Defaults) *Handler {
	return &Handler{leases: leases, defaults: defaults}
}

// Handle acquires the lease and answers with the run, releases it, or keeps it
// from everybody until a person has looked at the cluster. Acquire is where a person's request is decoded: what is wrong in it is an
// InvalidRequest that names the field.
func (h *Handler) Handle(ctx context.Context, in upgrade.LeaseInput) (upgrade.LeaseOutput, error) {
	switch in.Action {
	case upgrade.LeaseAcquire:
		return h.acquire(ctx, in)
	case upgrade.LeaseRelease, upgrade.LeaseKeep:
		if in.Run == nil {
			return upgrade.LeaseOutput{}, invalid("run", "is missing", "give the run that acquire answered with")
		}
		if in.Action == upgrade.LeaseRelease {
			return upgrade.LeaseOutput{}, h.leases.Release(ctx, in.Run.Request.Cluster, in.Run.ID, in.Run.Generation)
		}
		return upgrade.LeaseOutput{}, h.leases.MarkDirty(ctx, in.Run.Request.Cluster, in.Run.ID, in.Run.Generation, "it stopped in a state that is not clean")
	}
	return upgrade.LeaseOutput{}, invalid("action", `"`+string(in.Action)+`" is not known`, "use one of: acquire, release, keep")
}

func (h *Handler) acquire(ctx context.Context, in upgrade.LeaseInput) (upgrade.LeaseOutput, error) {
	switch {
	case in.ID == "":
		return upgrade.LeaseOutput{}, invalid("id", "is missing", "give the execution name")
	case in.StartedAt.IsZero():
		return upgrade.LeaseOutput{}, invalid("startedAt", "is missing", "give the start of the execution")
	case len(in.Request) == 0:
		return upgrade.LeaseOutput{}, invalid("request", "is missing", "say what to upgrade")
	}
	request, err := h.defaults.DecodeRequest(in.Request)
	if err != nil {
		return upgrade.LeaseOutput{}, err
	}
	held, err := h.leases.Acquire(ctx, request.Cluster, in.ID)
	if err != nil {
		return upgrade.LeaseOutput{}, err
	}
	return upgrade.LeaseOutput{Run: &upgrade.Run{ID: in.ID, Request: request, Generation: held.Generation, StartedAt: in.StartedAt}}, nil
}

func invalid(field, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("lease", field, message, remedy)
}
