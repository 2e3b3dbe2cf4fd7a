package records

import (
	"context"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// PutApproval records a person's answer to a plan, once. The same answer again
// is no error; another answer to the same plan is a Conflict: nobody changes
// an answer afterwards. UsedAt is not part of an answer and is dropped.
func (s *Store) PutApproval(ctx context.Context, a upgrade.ApprovalRecord) error {
	a.UsedAt = upgrade.Time{}
	_, err := table.Update(ctx, s.table, approvalKey(a.Upgrade, a.PlanHash), func(old upgrade.ApprovalRecord, found bool) (upgrade.ApprovalRecord, bool, error) {
		if found && (old.Approved != a.Approved || old.By != a.By || old.Reason != a.Reason || !old.ExpiresAt.Equal(a.ExpiresAt.Time)) {
			return old, false, upgrade.KindAlreadyAnswered.Errorf("record approval", "the plan was already answered by %s (approved: %t)", old.By, old.Approved).
				WithRemedy("start a new upgrade to ask again")
		}
		return a, !found, nil
	})
	return err
}

// Approval returns the answer to a plan.
func (s *Store) Approval(ctx context.Context, upgradeID, planHash string) (a upgrade.ApprovalRecord, found bool, err error) {
	a, version, err := table.Get[upgrade.ApprovalRecord](ctx, s.table, approvalKey(upgradeID, planHash))
	return a, version > 0, err
}

// UseApproval uses the approval of a plan and returns it with the time of use.
// It must exist, say yes and not have expired at now; otherwise the error has
// the code Approval. An approval is for one plan of one upgrade, and both are
// its key: a second use can only be the same handler that runs again after a
// crash, and gets the first use's answer even when the approval has expired
// meanwhile.
func (s *Store) UseApproval(ctx context.Context, upgradeID, planHash string, now time.Time) (upgrade.ApprovalRecord, error) {
	refuse := func(format string, args ...any) error {
		return upgrade.KindApprovalUnusable.Errorf("use approval", format, args...).WithRemedy("start a new upgrade and approve its plan in time")
	}
	return table.Update(ctx, s.table, approvalKey(upgradeID, planHash), func(a upgrade.ApprovalRecord, found bool) (upgrade.ApprovalRecord, bool, error) {
		switch {
		case !found:
			return a, false, refuse("plan %.12s has no approval", planHash)
		case !a.Approved:
			return a, false, refuse("plan %.12s was refused by %s", planHash, a.By)
		case !a.UsedAt.IsZero():
			return a, false, nil
		case !now.Before(a.ExpiresAt.Time):
			return a, false, refuse("the approval of plan %.12s expired at %s", planHash, a.ExpiresAt.Format(time.RFC3339))
		}
		a.UsedAt = upgrade.At(now)
		return a, true, nil
	})
}

func approvalKey(upgradeID, planHash string) table.Key {
	return keyOf(upgradeID, "approval#%s", planHash)
}
