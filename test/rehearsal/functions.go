package rehearsal

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/approve"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/execute"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/perceive"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/reason"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/record"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/rollback"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/validate"
)

// functionTimeout is the timeout of every function; the state machine's own
// timeouts are shorter.
const functionTimeout = 15 * time.Minute

// registerFunctions makes the handlers of production, each with an AWS
// configuration that leads to the simulated AWS. Their logs go to a file.
func (s *stage) registerFunctions(ctx context.Context) error {
	file, err := os.Create(filepath.Join(s.o.Dir, "lambda.log"))
	if err != nil {
		return err
	}
	s.files = append(s.files, file)
	log, err := logging.New(io.MultiWriter(file, s.ledger), logging.Options{Level: s.config.Logging.Level, Format: s.config.Logging.Format, Clock: s.clock})
	if err != nil {
		return err
	}
	ctx = metrics.WithSink(log.WithContext(ctx), metrics.NewSink(s.ledger, s.clock))
	for _, f := range []func() error{
		func() error { return register(ctx, s, upgrade.PhaseLease, lease.New) },
		func() error { return register(ctx, s, upgrade.PhasePerceive, perceive.New) },
		func() error { return register(ctx, s, upgrade.PhaseReason, reason.New) },
		func() error { return register(ctx, s, upgrade.PhaseApprove, approve.New) },
		func() error { return register(ctx, s, upgrade.PhaseExecute, execute.New) },
		func() error { return register(ctx, s, upgrade.PhaseValidate, validate.New) },
		func() error { return register(ctx, s, upgrade.PhaseRecord, record.New) },
		func() error { return register(ctx, s, upgrade.PhaseRollback, rollback.New) },
		func() error { return register(ctx, s, upgrade.PhaseReport, report.New) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func register[O any](ctx context.Context, s *stage, phase upgrade.Phase, make start.New[O]) error {
	name := "eks-upgrade-" + string(phase)
	cfg := s.asFunction(name)
	cfg.HTTPClient = s.balancers.client(cfg.HTTPClient)
	handler, err := make(ctx, cfg, s.config, s.clock)
	if err != nil {
		return fmt.Errorf("make function %s: %w", name, err)
	}
	s.world.Lambda().Register(name, handler, functionTimeout)
	return nil
}
