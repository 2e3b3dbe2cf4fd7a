// Package deployed takes the synthesized template, as `make deploy` would send
// it, into the simulated AWS: CloudFormation makes the roles, functions, rules,
// parameters and state machines of it, every call is judged by the policies in
// it, the functions run as processes from its zips, and its schedule starts an
// upgrade that a person answers by its approval API.
package deployed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/deployment"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/functions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/rehearsal"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
)

const stackName = "EksUpgradeAgent"

// notBefore is how long after the deployment the schedule is due.
const notBefore = 24 * time.Hour

// agent is what is deployed.
type agent struct {
	t          *testing.T
	dist       string // what was built: zips, and the source of the builds
	executable string // the command line, also in dist
	infra      string // the CDK application
	due        time.Time
	outputs    map[string]string
}

// TestAScheduledUpgradeOfTheDeployedAgent is the whole of it.
func TestAScheduledUpgradeOfTheDeployedAgent(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the CDK application needs Node.js")
		}
		t.Skip("the CDK application needs Node.js")
	}
	a := build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	var mu sync.Mutex
	dir := t.TempDir()
	o := rehearsal.Options{Manifests: []string{"../testdata/clusters/online-boutique"}, Dir: dir, Executable: a.executable, Seed: 1, Bake: 3 * time.Minute, Soak: 5 * time.Minute,
		Deploy: a.deploy, Start: a.start, Answer: a.answer,
		Approve: func(_ context.Context, q rehearsal.Approval) (upgrade.ApprovalAnswer, error) {
			return upgrade.ApprovalAnswer{PlanHash: q.PlanHash, Approved: true, By: "test"}, nil
		},
		Events: func(e progress.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind != progress.Requests && e.Kind != progress.State {
				t.Logf("%s %-9s %-16s %-12s %s", e.Time.Format("02 15:04:05"), e.Kind, e.Step, e.Status, e.Text)
			}
		}}
	data, err := rehearsal.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	r := data.Result
	if r.Outcome != upgrade.Succeeded || r.Weights == nil || *r.Weights != upgrade.AllGreen {
		t.Errorf("outcome %s (%s; not read: %v), weights %v", r.Outcome, r.Reason, r.NotRead, r.Weights)
	}
	if data.Requests.Total == 0 || data.Requests.Failed > 0 {
		t.Errorf("%d of %d requests failed: %+v", data.Requests.Failed, data.Requests.Total, data.Failures)
	}
	for _, v := range data.Invariants {
		t.Error(v)
	}
	for _, want := range []string{"eks-upgrade-execute: codebuild.StartBuild", "eks-upgrade provision (CodeBuild): eks.CreateCluster", "eks-upgrade-execute: route53.ChangeResourceRecordSets", "eks-upgrade-execute: eks.DeleteCluster"} {
		if !slices.ContainsFunc(data.Calls, func(c report.Call) bool {
			return c.Error == "" && c.Caller+": "+c.Service+"."+c.Operation == want
		}) {
			t.Errorf("no call %s", want)
		}
	}
	if r.StartedAt.Before(a.due) {
		t.Errorf("it started at %s, before the schedule was due at %s", r.StartedAt, a.due)
	}
	if t.Failed() {
		show(t, dir)
	}
}

// show prints the end of what functions and builds logged.
func show(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"lambda.log", "codebuild.log"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s:\n%s", name, text[max(0, len(text)-8000):])
	}
}

// build builds what `make synth` builds, for this machine and the world's clock.
func build(t *testing.T) *agent {
	t.Helper()
	root := t.TempDir()
	a := &agent{t: t, dist: filepath.Join(root, "dist"), infra: filepath.Join(root, "infra")}
	source := filepath.Join(a.dist, "source")
	a.executable = filepath.Join(source, "eks-upgrade")
	if err := os.MkdirAll(filepath.Join(source, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "", []string{"CGO_ENABLED=0"}, "go", "build", "-o", a.executable, "../../cmd/eks-upgrade")
	run(t, "", []string{"CGO_ENABLED=0"}, "go", "build", "-C", "../../infra", "-o", a.infra, ".")
	if _, err := functions.Build(t.Context(), a.dist, functions.Options{}); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(scripts.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := scripts.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(source, "scripts", name), data, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run runs a command and returns its output.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), dir, env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), env...), &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// deploy synthesizes the stack for the site and deploys it, and then does what
// its outputs tell a person to do.
func (a *agent) deploy(ctx context.Context, site rehearsal.Site) error {
	release := site.Clock.Hold() // the synthesis takes real time
	a.due = site.Clock.Now().Add(notBefore).Truncate(time.Minute)
	dir, err := a.synthesize(ctx, site)
	release()
	if err != nil {
		return err
	}
	if a.outputs, err = deployment.Deploy(ctx, site.AWS, dir, stackName); err != nil {
		return fmt.Errorf("deploy %s: %w", stackName, err)
	}
	a.t.Logf("deployed, with the outputs %v", a.outputs)
	if err := site.ApplyManifest(ctx); err != nil {
		return err
	}
	return site.FunctionsActive(ctx)
}

// synthesize writes cdk.out. It runs the application as the CDK command line
// does.
func (a *agent) synthesize(ctx context.Context, site rehearsal.Site) (string, error) {
	work, err := os.MkdirTemp(filepath.Dir(a.infra), "synth-")
	if err != nil {
		return "", err
	}
	request, err := json.Marshal(site.Request)
	if err != nil {
		return "", err
	}
	settings := map[string]any{
		"account": site.World.Account(), "region": site.World.Region(), "clusters": []string{rehearsal.Cluster, rehearsal.Green},
		"hostedZones": []string{site.HostedZone}, "roles": []string{"shop-cluster", "shop-nodes"}, "accessEntries": []string{rehearsal.Cluster},
		"architecture": map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH], "alertEmails": []string{"platform@example.com"},
		"schedules": []any{map[string]any{"name": "shop-upgrade", "expression": a.due.Format("at(2006-01-02T15:04:05)"), "request": json.RawMessage(request)}},
		"config":    map[string]any{"releaseNotes": map[string]any{"url": "bundled"}},
	}
	data, err := json.Marshal(settings) // JSON is YAML
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "deploy.yaml"), data, 0o600); err != nil {
		return "", err
	}
	var cdk struct {
		Context map[string]any `json:"context"`
	}
	file, err := os.ReadFile("../../cdk.json")
	if err == nil {
		err = json.Unmarshal(file, &cdk)
	}
	if err != nil {
		return "", err
	}
	cdk.Context["dist"] = a.dist
	flags, err := json.Marshal(cdk.Context)
	if err != nil {
		return "", err
	}
	out := filepath.Join(work, "cdk.out")
	_, err = command(ctx, work, []string{"CDK_OUTDIR=" + out, "CDK_CONTEXT_JSON=" + string(flags), "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20", "AWS_EC2_METADATA_DISABLED=true"}, a.infra)
	return out, err
}

// start waits for the schedule.
func (a *agent) start(_ context.Context, site rehearsal.Site, _ upgrade.Request) error {
	site.Clock.Advance(a.due.Sub(site.Clock.Now()))
	return nil
}

// answer answers as the message says, by the command line and the approval API.
func (a *agent) answer(ctx context.Context, site rehearsal.Site, q rehearsal.Approval, reply upgrade.ApprovalAnswer) error {
	messages := site.World.SNS().Messages(a.outputs["AlertsTopic"])
	i := slices.IndexFunc(messages, func(m sns.Message) bool {
		return strings.Contains(m.Body, "#token=") && strings.Contains(m.Body, q.PlanHash)
	})
	if i < 0 {
		return fmt.Errorf("no message of %d asks for plan %s", len(messages), q.PlanHash)
	}
	_, rest, _ := strings.Cut(messages[i].Body, "#token=")
	token, _, _ := strings.Cut(rest, "\n")
	bundle, err := site.World.CABundle()
	if err != nil {
		return err
	}
	env := []string{"AWS_ENDPOINT_URL=" + site.World.URL(), "AWS_REGION=" + site.World.Region(), "AWS_ACCESS_KEY_ID=AKIAPERSON", "AWS_SECRET_ACCESS_KEY=" + world.Secret,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "HTTPS_PROXY=" + site.World.URL(), "AWS_CA_BUNDLE=" + bundle, "SSL_CERT_FILE=" + bundle, "EKS_UPGRADE_APPROVAL_TOKEN=" + token}
	_, err = command(ctx, "", env, a.executable, "approve", "--upgrade", q.Upgrade, "--yes", "--output", "json")
	return err
}
