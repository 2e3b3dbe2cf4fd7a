package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func outcomeText(o upgrade.Outcome) string {
	switch o {
	case upgrade.RolledBack:
		return "rolled back"
	case "":
		return "no outcome"
	}
	return progress.Clean(string(o))
}

// fact is one line of what matters most.
type fact struct{ Name, Value string }

func facts(d Data) []fact {
	r := d.Result
	versions := "to " + r.Target.String()
	if r.From != (upgrade.Version{}) {
		versions = r.From.String() + " → " + r.Target.String()
	}
	var out []fact
	if r.Cluster != "" {
		out = append(out, fact{"Upgrade", progress.Clean(r.Upgrade)},
			fact{"Cluster", fmt.Sprintf("%s %s, new cluster %s", progress.Clean(r.Cluster), versions, progress.Clean(r.Green))})
	}
	out = append(out, fact{"Took", took(d)}, fact{"Requests", requestText(d.Requests)}, fact{"Traffic", weightText(r.Weights)})
	var clusters []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		clusters = append(clusters, progress.Clean(name)+" "+r.Versions[name].String())
	}
	if len(clusters) > 0 {
		out = append(out, fact{"At the end", strings.Join(clusters, ", ")})
	}
	if a := r.Approval; a != nil {
		out = append(out, fact{"Approval", approvalText(*a)})
	}
	if d.Cost != nil {
		out = append(out, fact{"Cost", fmt.Sprintf("the agent itself would cost about $%.2f on AWS", d.Cost.USD)})
	}
	if len(d.Injected) > 0 {
		out = append(out, fact{"Injected", progress.Clean(strings.Join(d.Injected, ", "))})
	}
	return out
}

func took(d Data) string {
	r := d.Result
	s := "unknown"
	if !r.StartedAt.IsZero() && !r.EndedAt.IsZero() {
		s = durationText(r.EndedAt.Sub(r.StartedAt.Time))
	}
	if d.Real > 0 && d.Speed > 0 {
		s += fmt.Sprintf(" of simulated time, %s on this machine", durationText(d.Real))
	}
	return s
}

// durationText returns "1h 12m", "3m 20s" or "1.2s".
func durationText(d time.Duration) string {
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	switch {
	case d < 0:
		return "unknown"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%dm %02ds", d/time.Minute, d%time.Minute/time.Second), " 00s")
	default:
		d = d.Round(time.Minute)
		return strings.TrimSuffix(fmt.Sprintf("%dh %02dm", d/time.Hour, d%time.Hour/time.Minute), " 00m")
	}
}

func requestText(r progress.RequestCount) string {
	if r.Total == 0 {
		return "none were sent"
	}
	s := fmt.Sprintf("%s sent, %s failed", number(r.Total), number(r.Failed))
	if r.Failed > 0 {
		s += " (" + percent(r.Failed, r.Total) + ")"
	}
	return s
}

// percent never rounds a failure away.
func percent(part, total int64) string {
	p := 100 * float64(part) / float64(total)
	if p < 0.001 {
		return "less than 0.001 %"
	}
	return fmt.Sprintf("%.3g %%", p)
}

// number groups digits: "12,345".
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func weightText(w *upgrade.Weights) string {
	if w == nil {
		return "unknown: the weights could not be read"
	}
	return fmt.Sprintf("blue %d %%, green %d %%", w.Blue, w.Green)
}

func approvalText(a upgrade.ApprovalRecord) string {
	verb := "declined by "
	if a.Approved {
		verb = "given by "
	}
	s := verb + progress.Clean(a.By)
	if a.Reason != "" {
		s += " (" + progress.Clean(a.Reason) + ")"
	}
	return s
}
