package cli

import (
	"context"
	"errors"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
)

// Options of a rehearsal.
type Options struct {
	From, Target upgrade.Version
	Manifests    []string
	Inject       []string
	Speed        float64
	Rate         int
	Seed         int64
	Bake, Soak   time.Duration
	Dir          string
	Executable   string
	Approve      func(context.Context, Approval) (upgrade.ApprovalAnswer, error)
	Events       func(progress.Event)
}

// Approval is what a person is asked.
type Approval struct {
	Upgrade    string
	PlanHash   string
	Plan       upgrade.Plan
	Assessment upgrade.Assessment
	ExpiresAt  time.Time
}

// Injection is a fault that can be put in.
type Injection struct {
	Name, Description string
	Expect            upgrade.Outcome
}

// Injections lists the faults.
func Injections() []Injection { return nil }

// Rehearse rehearses an upgrade.
func Rehearse(context.Context, Options) (report.Data, error) {
	return report.Data{}, errors.New("this build has no rehearsal")
}

func findPrograms() error {
	_, err := cluster.FindAssets()
	return err
}
