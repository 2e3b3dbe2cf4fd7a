package outcome

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxCause is the length of a cause in a reason, in characters.
const maxCause = 1000

// reason says in one line how the upgrade ended and why.
func reason(r upgrade.Result, cause *upgrade.Cause, stepsRead bool) string {
	why := words(cause)
	switch {
	case r.Outcome == upgrade.Succeeded:
		return succeeded(r)
	case r.Outcome == upgrade.RolledBack:
		return "rolled back: " + why + "; " + traffic(r)
	case !stepsRead:
		return "failed: " + why + "; whether anything was changed is not known, because the records could not be read; " + traffic(r)
	case !changed(r):
		return "failed, and nothing was changed: " + why
	}
	return fmt.Sprintf("failed, and a person is needed: %s; %s; %s; the lease of %s is kept until somebody has looked", why, reached(r), traffic(r), r.Cluster)
}

func succeeded(r upgrade.Result) string {
	verified := 0
	for _, s := range r.Steps {
		if s.Mode == upgrade.Forward && !s.VerifiedAt.IsZero() {
			verified++
		}
	}
	text := fmt.Sprintf("succeeded: Kubernetes %s in %s, %d steps verified; %s", r.Target, r.EndedAt.Sub(r.StartedAt.Time).Round(1e9), verified, traffic(r))
	if r.From != (upgrade.Version{}) {
		text = strings.Replace(text, r.Target.String(), r.From.String()+" to "+r.Target.String(), 1)
	}
	if r.Weights != nil && *r.Weights != upgrade.AllGreen {
		text += "; this is not what the upgrade left: somebody changed the weights since"
	}
	return text
}

func traffic(r upgrade.Result) string {
	if r.Weights == nil {
		return "the traffic weights could not be read"
	}
	return fmt.Sprintf("traffic is at %d %% on %s and %d %% on %s", r.Weights.Blue, r.Cluster, r.Weights.Green, r.Green)
}

// reached names the last step that was begun.
func reached(r upgrade.Result) string {
	last := r.Steps[len(r.Steps)-1] // rollback steps come last
	if last.Mode == upgrade.RollingBack {
		return "it stopped while rolling back, at step " + last.Step
	}
	return "it stopped at step " + last.Step
}

// changed reports whether a step was begun that changes something.
func changed(r upgrade.Result) bool {
	return slices.ContainsFunc(r.Steps, func(s upgrade.StepRecord) bool {
		return s.Kind != upgrade.StepVerify && s.Kind != upgrade.StepSoak
	})
}

// words turns a cause into text for people. Lambda's errors come as JSON, names
// of Step Functions without any text.
func words(c *upgrade.Cause) string {
	if c == nil || (c.Error == "" && c.Text == "") {
		return "no cause was given"
	}
	text := c.Text
	var lambda struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if json.Unmarshal([]byte(text), &lambda) == nil && lambda.Message != "" {
		text = lambda.Message
	}
	switch {
	case text == "" && c.Error == "States.Timeout":
		text = "it did not finish in time"
	case text == "":
		text = c.Error
	case strings.HasPrefix(c.Error, "States.") || c.Error == string(upgrade.CodeInternal):
		text = c.Error + ": " + text
	}
	return logging.Line(text, maxCause)
}
