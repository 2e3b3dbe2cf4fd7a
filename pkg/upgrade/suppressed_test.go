package upgrade_test

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestSuppressedFindingsDoNotDecide(t *testing.T) {
	why := &upgrade.Suppressed{Reason: "agreed", Until: "2026-12-31"}
	tests := []struct {
		name     string
		findings []upgrade.Finding
		want     upgrade.Decision
		says     string
	}{
		{"a serious one", []upgrade.Finding{{Severity: upgrade.High, Suppressed: why}}, upgrade.Go, "1 more are suppressed"},
		{"one beside another", []upgrade.Finding{{Severity: upgrade.High, Suppressed: why}, {Severity: upgrade.Low}}, upgrade.Go, "1 findings, none of them serious; 1 more are suppressed"},
		{"a blocking one remains", []upgrade.Finding{{Severity: upgrade.High, Suppressed: why}, {Severity: upgrade.Critical, Blocks: true}}, upgrade.NoGo, "block"},
		{"what could not be seen counts all the same", []upgrade.Finding{{Severity: upgrade.High, NotChecked: true, Suppressed: why}}, upgrade.GoWithApproval, "judgement"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := upgrade.Assessment{Findings: tt.findings}
			a.Judge()
			if a.Decision != tt.want || !strings.Contains(a.Reason, tt.says) {
				t.Errorf("%s: %s", a.Decision, a.Reason)
			}
			if last := a.Findings[len(a.Findings)-1]; tt.name != "what could not be seen counts all the same" && last.Suppressed == nil {
				t.Error("suppressed findings are not the last")
			}
		})
	}
}
