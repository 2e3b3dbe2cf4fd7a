// Package doctor verifies that the deployed agent has what it needs: its parts
// in the account, the permissions of its roles, its access to clusters, and what
// a request names. It changes nothing. What it could not see is "notChecked",
// never "ok".
package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Status of a finding.
type Status string

// The statuses.
const (
	OK         Status = "ok"         // seen to be right
	Warning    Status = "warning"    // works, and should be looked at
	NotChecked Status = "notChecked" // could not be seen; the remedy says what allows it
	Missing    Status = "missing"    // the agent would fail
)

// Finding is what was found about one thing.
type Finding struct {
	Area   string `json:"area"` // "role eks-upgrade-execute", "cluster shop"
	What   string `json:"what"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // the evidence
	Remedy string `json:"remedy,omitempty"` // of all but ok
}

// Report is all that was found.
type Report struct {
	Findings []Finding `json:"findings"`
	// Manifests are, by cluster, what kubectl apply would give the agent of what it
	// lacks in Kubernetes, and no more.
	Manifests map[string]string `json:"manifests,omitempty"`
}

// Count returns how many findings have a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, f := range r.Findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// Options of Run. AWS, Names and Connect are needed.
type Options struct {
	AWS     aws.Config      // of whoever asks
	Names   access.Names    // of the deployment, with the patterns of deploy.yaml
	Stack   string          // name of the CloudFormation stack; empty: it is not looked at
	Request upgrade.Request // with its defaults; zero: none is looked at
	// Clusters are the clusters to look into; empty: all that EKS knows of those
	// that Names allows.
	Clusters []string
	// Connect reaches the API server of a cluster as whoever asks.
	Connect func(ctx context.Context, cluster string) (Cluster, error)
}

// examination is one run.
type examination struct {
	Options
	api    clients
	report Report
}

// Run examines everything, and goes on where something cannot be seen. It is an
// error only when nothing can: without credentials, or in another account than
// that of the deployment (InvalidRequest).
func Run(ctx context.Context, o Options) (Report, error) {
	e := &examination{Options: o, api: newClients(o.AWS), report: Report{Findings: []Finding{}, Manifests: map[string]string{}}}
	if err := e.identity(ctx); err != nil {
		return Report{}, err
	}
	for _, look := range []func(context.Context){e.stack, e.functions, e.machines, e.storage, e.builds, e.events, e.settings, e.roles, e.clusters, e.request, e.quotas} {
		look(ctx)
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
	}
	return e.report, nil
}

func (e *examination) add(area, what string, status Status, detail, remedy string) {
	e.report.Findings = append(e.report.Findings, Finding{area, what, status, detail, remedy})
}

func (e *examination) ok(area, what, format string, args ...any) {
	e.add(area, what, OK, fmt.Sprintf(format, args...), "")
}

// failed notes that AWS did not answer a question. A resource that is not there
// is missing; what the caller may not see is not checked, and the remedy is the
// statement that allows it; any other error is no evidence of anything.
func (e *examination) failed(area, what string, err error, action, resource, remedy string) {
	code := upgrade.CodeOf(err)
	if awserr.Is(err, "ResourceNotFound") { // of aliases of state machines
		code = upgrade.CodeNotFound
	}
	switch code {
	case upgrade.CodeNotFound:
		e.add(area, what, Missing, "AWS does not know it", remedy)
	case upgrade.CodePermissionDenied:
		e.denied(area, what, err, action, resource)
	default:
		e.add(area, what, NotChecked, err.Error(), "run this again; the error says what AWS did")
	}
}

func (e *examination) denied(area, what string, err error, action, resource string) {
	e.add(area, what, NotChecked, err.Error(), "let whoever runs this do so: "+access.Document([]access.Statement{{Actions: []string{action}, Resources: []string{resource}}}))
}

const deployAgain = "deploy the agent again: make deploy"

// identity finds out who asks. Another account would have none of the agent's
// parts, and every finding would be misleading.
func (e *examination) identity(ctx context.Context) error {
	out, err := e.api.sts.GetCallerIdentity(ctx, nil)
	if err != nil {
		return awserr.Wrap("find out who asks", err)
	}
	account, arn := aws.ToString(out.Account), aws.ToString(out.Arn)
	if e.Names.Account != "" && e.Names.Account != account {
		return upgrade.KindInvalidInput.Field("", "account", fmt.Sprintf("the agent is deployed to %s, and the credentials are of %s", e.Names.Account, account),
			"use credentials of the account of the deployment (AWS_PROFILE), or name its settings")
	}
	e.ok("identity", "caller", "%s in %s", arn, e.Names.Region)
	return nil
}

// matches reports whether a name is one of the patterns, in which a * stands for
// any text.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

func match(pattern, text string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' {
			for j := range len(text) - i + 1 {
				if match(pattern[i+1:], text[i+j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(text) || pattern[i] != text[i] {
			return false
		}
	}
	return len(pattern) == len(text)
}

// Cluster is what is asked of an API server; *kube.Client is one.
type Cluster interface {
	Version(ctx context.Context) (git string, minor upgrade.Version, err error)
	Review(ctx context.Context, groups []string, a kube.Attributes) (allowed bool, err error)
}
