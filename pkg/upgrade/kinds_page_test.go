package upgrade

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/errors.md")

const errorsPage = "../../docs/errors.md"

// page renders the catalogue for people.
func page() string {
	var b strings.Builder
	b.WriteString(`# Errors

Every error of the agent has a **kind**, from a closed set, and a **code**, which is what Retry and Catch of the state machine name.
In the log of a function the line of a failed call has both, with ` + "`op`, `field`, `cause`, `details` and `remedy`" + `; the execution's history has the
code as the error's name and one line of text. This page is generated from the catalogue in ` + "`pkg/upgrade`" + `
(` + "`go test ./pkg/upgrade -run ErrorsPage -update`" + `).

The remedy here is the general one. The error itself names objects and values, and often knows a better remedy.

## Codes

| code | retried by the state machine | meaning |
| --- | --- | --- |
`)
	meanings := map[Code]string{
		CodeInvalidRequest: "the input is wrong; the error names the field", CodeNotFound: "something that was named does not exist",
		CodePermissionDenied: "AWS or Kubernetes refused the call", CodeThrottled: "called too often", CodeUnavailable: "a service did not answer",
		CodeConflict: "the object is busy or was changed at the same time", CodeLeaseHeld: "another upgrade may change this cluster",
		CodeLeaseLost: "the lease is another's: nothing is changed any more", CodeDrift: "somebody else changed what the upgrade changes: it parks",
		CodeApproval: "the approval is missing, used, expired or of another plan", CodePlanMismatch: "what is stored is not what was approved",
		CodePrecondition: "a condition that must hold before a change does not", CodeStepFailed: "the step cannot succeed; it rolls back",
		CodeStepTimeout: "the step did not finish in its time; it rolls back", CodeInternal: "a bug, or an answer that the agent does not know",
	}
	for _, c := range Codes() {
		retried := "no"
		if c.Retryable() {
			retried = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c, retried, meanings[c])
	}
	for _, a := range Areas() {
		fmt.Fprintf(&b, "\n## %s\n\n| kind | code | what happened | what to do |\n| --- | --- | --- | --- |\n", a.Title)
		for _, d := range Kinds() {
			if d.Kind.Area() == a.Name {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", d.Kind, d.Code, d.Meaning, d.Remedy)
			}
		}
	}
	return b.String()
}

func TestErrorsPageIsTheCatalogue(t *testing.T) {
	if *update {
		if err := os.WriteFile(errorsPage, []byte(page()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorsPage)
	if err != nil || string(got) != page() {
		t.Errorf("docs/errors.md is not the catalogue (error %v); run: go test ./pkg/upgrade -run ErrorsPage -update", err)
	}
}
