package deploy

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Size is what a function gets.
type Size struct {
	MemoryMiB int
	Timeout   time.Duration // after which it is stopped
}

// Sizes returns the sizes by function. Perceive, execute and survey hold the
// objects of a whole cluster; reason holds all snapshots. The time is less than
// any state that invokes a phase waits: a state that gives up invokes it again,
// and two must never act at a time. API Gateway waits for 29 and 30 seconds.
func Sizes() map[string]Size {
	return map[string]Size{
		access.FunctionName(upgrade.PhaseLease):    {512, 50 * time.Second},
		access.FunctionName(upgrade.PhasePerceive): {1024, 590 * time.Second},
		access.FunctionName(upgrade.PhaseReason):   {1024, 290 * time.Second},
		access.FunctionName(upgrade.PhaseApprove):  {512, 110 * time.Second},
		access.FunctionName(upgrade.PhaseExecute):  {1024, 290 * time.Second},
		access.FunctionName(upgrade.PhaseValidate): {512, 290 * time.Second},
		access.FunctionName(upgrade.PhaseRecord):   {512, 50 * time.Second},
		access.FunctionName(upgrade.PhaseRollback): {512, 110 * time.Second},
		access.FunctionName(upgrade.PhaseReport):   {512, 110 * time.Second},
		access.AnswerFunction:                      {512, 28 * time.Second},
		access.StreamFunction:                      {256, 28 * time.Second},
		access.SurveyFunction:                      {512, 590 * time.Second},
	}
}
