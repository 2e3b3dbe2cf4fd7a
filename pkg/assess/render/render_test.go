package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess/render"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var update = flag.Bool("update", false, "write the golden files and docs/checks.md")

// hostile is what somebody who may create objects can write into an event.
const hostile = "</style><script>alert(1)</script>\x1b[2J\u202e ]]> & 'x' \"y\""

// rules are a small catalogue, so that golden files do not follow the real one.
func rules() []assess.Rule {
	return []assess.Rule{
		rule("perception-complete", checks.Perception, "Something could not be seen", upgrade.High, checks.BlocksAlways),
		rule("removed-apis", checks.APIs, "Objects use an API version that the target removes", upgrade.Critical, checks.BlocksAlways),
		rule("pdb-blocks-drain", checks.Disruption, "A disruption budget allows no disruption", upgrade.High, checks.BlocksInPlace),
		rule("single-replica", checks.Workloads, "A workload has one replica", upgrade.Low, checks.BlocksNever),
		rule("grace-zero", checks.Workloads, "Pods are killed without grace", upgrade.Medium, checks.BlocksNever),
		rule("insights", checks.ControlPlane, "EKS insights warn", upgrade.High, checks.BlocksNever),
	}
}

func rule(id string, family checks.Family, title string, s upgrade.Severity, b checks.Blocks) assess.Rule {
	return assess.Rule{ID: id, Family: family, Title: title, Severity: s, Blocks: b, Needs: []assess.Need{{Part: "kubernetes.nodes", What: "the nodes"}},
		Source: "https://kubernetes.io/docs/" + id, Remedy: "mend it", Page: assess.Page + "#" + id}
}

// document is an assessment with one of everything.
func document() assess.Document {
	v := func(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }
	d := assess.Document{Schema: "1", Tool: assess.Tool{Name: "eks-upgrade", Version: "v1.2.3"}, Decision: upgrade.NoGo, Reason: "2 of 12 findings block the upgrade; the first: removed-apis: still written by helm",
		Cluster: "shop", From: v(34), Target: v(35), Strategy: upgrade.InPlace, MadeAt: upgrade.At(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)),
		Sources: []assess.SourceReport{
			{Source: upgrade.SourceAWS, Status: assess.Partly, Summary: "EKS 1.34 ACTIVE, 2 node groups", Took: upgrade.Duration(1200 * time.Millisecond)},
			{Source: upgrade.SourceKubernetes, Status: assess.Seen, Summary: "Kubernetes v1.34.2-eks-2d5f9a1, 3 nodes", Took: upgrade.Duration(800 * time.Millisecond)},
			{Source: upgrade.SourceReleaseNotes, Status: assess.Unread, Summary: "no answer"},
			{Source: upgrade.SourceScanners, Status: assess.NotAsked, Summary: "not looked at"},
		},
		Manifests:  []string{"deploy/"},
		NotChecked: []assess.Unseen{{Source: upgrade.SourceAWS, NotChecked: upgrade.NotChecked{Part: "aws.quotas", What: "the quotas", Why: "AccessDenied: not authorized to perform servicequotas:ListServiceQuotas", Remedy: "allow it"}}},
	}
	add := func(r assess.Rule, object *upgrade.ObjectRef, evidence, remedy string, change func(*assess.Finding)) {
		f := assess.Finding{Finding: upgrade.Finding{Check: r.ID, Title: r.Title, Severity: r.Severity, Object: object, Evidence: evidence, Remedy: remedy, Source: r.Source, Blocks: r.Blocks != checks.BlocksNever}, Family: r.Family, Fingerprint: fmt.Sprintf("%032x", len(d.Findings))}
		if change != nil {
			change(&f)
		}
		d.Findings = append(d.Findings, f)
	}
	c := rules()
	ref := func(api, kind, name string) *upgrade.ObjectRef {
		return &upgrade.ObjectRef{APIVersion: api, Kind: kind, Namespace: "default", Name: name}
	}
	add(c[1], ref("autoscaling/v2beta2", "HorizontalPodAutoscaler", "web"), "still written by helm", "write it as autoscaling/v2", func(f *assess.Finding) { f.Location = &assess.Location{File: "deploy/web hpa.yaml", Line: 12} })
	add(c[2], ref("policy/v1", "PodDisruptionBudget", "db"), "0 of 1 pods may be disrupted"+hostile, "add a replica", nil)
	add(c[0], nil, "aws: the quotas could not be seen: AccessDenied", "allow it", func(f *assess.Finding) { f.Blocks, f.NotChecked, f.Severity = false, true, upgrade.Medium })
	add(c[5], nil, "the insight \"Kubelet version skew\" warns", "update the nodes", nil)
	for i := range 8 {
		add(c[3], ref("apps/v1", "Deployment", fmt.Sprintf("svc-%d", i)), "one replica: a drain stops it", "run two", nil)
	}
	for _, r := range c {
		o := assess.Outcome{CheckOutcome: upgrade.CheckOutcome{Check: r.ID, Status: upgrade.CheckPassed}, Family: r.Family, Title: r.Title, Severity: r.Severity, Blocks: r.Blocks}
		for _, f := range d.Findings {
			if f.Check == r.ID {
				o.Status, o.Findings = upgrade.CheckFound, o.Findings+1
			}
		}
		if r.ID == "grace-zero" {
			o.Status, o.Why = upgrade.CheckNotChecked, "not seen: the workloads"
		}
		d.Checks = append(d.Checks, o)
	}
	second := upgrade.Duration(time.Second)
	d.Drain = &upgrade.DrainForecast{Duration: 900 * second, Assumptions: []string{"a new node is Ready after 2m"}, NotSimulated: []string{"2 nodes of Karpenter, which replaces them by drift"},
		Groups: []upgrade.DrainGroup{{Name: "general", Strategy: "DEFAULT", AtOnce: 1, Surge: 1, Nodes: 1, Duration: 900 * second, Moved: 3, Blocked: 1,
			Batches: []upgrade.DrainBatch{{Nodes: []string{"ip-10-0-0-1"}, Start: 120 * second, Duration: 780 * second, Moved: 3,
				Waits: []upgrade.DrainWait{{Node: "ip-10-0-0-1", Pod: upgrade.ObjectName{Namespace: "shop", Name: "web-0"}, Budget: upgrade.ObjectName{Namespace: "shop", Name: "web"}, Waited: 30 * second}}}}}},
		Risks: []upgrade.DrainRisk{{What: "pods that nobody makes again", Count: 1, First: upgrade.ObjectName{Namespace: "shop", Name: "debug"}}}}
	d.Drain.FirstBlock = &upgrade.DrainBlock{Kind: upgrade.BlockedByBudget, At: 900 * second, Group: "general", Node: "ip-10-0-0-1", Pod: &upgrade.ObjectName{Namespace: "default", Name: "db-0"}, Reason: "disruption budget db allows no eviction" + hostile}
	d.Drain.Groups[0].Blocks = []upgrade.DrainBlock{*d.Drain.FirstBlock}
	d.Outside = []assess.Outside{{Object: upgrade.ObjectRef{APIVersion: "rds.amazonaws.com", Kind: "DBInstance", Name: "orders"}, Engine: "postgres", Version: "16.3", Status: "available",
		UsedBy: []assess.Use{{Object: *ref("apps/v1", "Deployment", "web"), Why: []string{"host orders.abc.eu-west-1.rds.amazonaws.com"}}}},
		{Object: upgrade.ObjectRef{APIVersion: "elasticache.amazonaws.com", Kind: "CacheCluster", Name: "old"}, UsedBy: []assess.Use{}, LetsIn: []string{"sg-1"}}}
	d.Inside = []assess.Inside{{Object: *ref("apps/v1", "Deployment", "web"), DependsOn: upgrade.Dependencies{Services: []string{"web"}, Secrets: []string{"db", hostile}}}}
	d.Checks[0].Status, d.Checks[0].Why = upgrade.CheckNotChecked, "aws: the quotas could not be seen"
	d.Counts = assess.Counts{Findings: 12, Blocking: 2, Judgement: 2, Passed: 0, Found: 4, NotChecked: 2,
		BySeverity: map[upgrade.Severity]int{upgrade.Critical: 1, upgrade.High: 2, upgrade.Medium: 1, upgrade.Low: 8, upgrade.Info: 0}}
	return d
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", file, diff)
	}
}

func TestFormats(t *testing.T) {
	for name, write := range map[string]func(io.Writer, assess.Document) error{
		"table":      func(w io.Writer, d assess.Document) error { return render.Table(w, d, render.Style{Width: 100}) },
		"table-wide": func(w io.Writer, d assess.Document) error { return render.Table(w, d, render.Style{All: true}) },
		"json":       render.JSON,
		"sarif":      func(w io.Writer, d assess.Document) error { return render.SARIF(w, d, rules()) },
		"junit":      func(w io.Writer, d assess.Document) error { return render.JUnit(w, d, assess.FailSerious) },
		"html":       render.HTML,
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out, document()); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// Nothing that an object says reaches the terminal, a page or a parser as more
// than text.
func TestTextOfOthersStaysText(t *testing.T) {
	d := document()
	d.Cluster, d.Reason, d.Findings[0].Remedy, d.Findings[0].Location.File, d.Findings[0].Source = hostile, hostile, hostile, hostile, "javascript:alert(1)"
	d.Findings[0].Object.Name, d.Sources[0].Summary, d.NotChecked[0].Why, d.Checks[4].Why = hostile, hostile, hostile, hostile
	var table, page, junit, sarif bytes.Buffer
	for _, err := range []error{render.Table(&table, d, render.Style{Width: 80}), render.HTML(&page, d), render.JUnit(&junit, d, assess.FailAny), render.SARIF(&sarif, d, rules())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"table": table.String(), "page": page.String(), "JUnit": junit.String()} {
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: a control character is in it", name)
		}
	}
	if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "javascript:") || strings.Count(page.String(), "</style>") != 1 {
		t.Error("the page has a foreign element")
	}
	if err := xml.Unmarshal(junit.Bytes(), &struct{}{}); err != nil {
		t.Error(err)
	}
	validate(t, "testdata/sarif-schema-2.1.0.json", sarif.Bytes())
}

func validate(t *testing.T, schema string, data []byte) {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(instance); err != nil {
		t.Errorf("%#v", err)
	}
}

func TestSARIFIsValid(t *testing.T) {
	for name, d := range map[string]assess.Document{"everything": document(), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := render.SARIF(&out, d, assess.Catalogue()); err != nil {
				t.Fatal(err)
			}
			validate(t, "testdata/sarif-schema-2.1.0.json", out.Bytes())
			var log struct {
				Runs []struct {
					Tool struct {
						Driver struct {
							Rules []struct{ ID, HelpURI string }
						}
					}
					Results []struct {
						RuleID    string
						RuleIndex int
						Locations []struct {
							PhysicalLocation struct {
								ArtifactLocation struct{ URI string }
								Region           struct{ StartLine int }
							}
						}
					}
				}
			}
			if err := json.Unmarshal(out.Bytes(), &log); err != nil {
				t.Fatal(err)
			}
			if got := len(log.Runs[0].Results); got != len(d.Findings) {
				t.Errorf("%d results of %d findings", got, len(d.Findings))
			}
			if len(d.Findings) > 0 {
				if l := log.Runs[0].Results[0].Locations[0].PhysicalLocation; l.ArtifactLocation.URI != "deploy/web%20hpa.yaml" || l.Region.StartLine != 12 {
					t.Errorf("location %+v", l)
				}
			}
		})
	}
}

func TestJUnitFailsByTheThreshold(t *testing.T) {
	for on, want := range map[assess.FailOn][2]int{assess.FailNever: {0, 2}, assess.FailBlocks: {2, 2}, assess.FailSerious: {4, 1}, assess.FailAny: {5, 1}} {
		var out bytes.Buffer
		if err := render.JUnit(&out, document(), on); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Tests    int `xml:"tests,attr"`
		}
		if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tests != 6 || [2]int{got.Failures, got.Skipped} != want {
			t.Errorf("%s: %+v, want %v", on, got, want)
		}
	}
}

func TestLinesFitTheTerminal(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		var out bytes.Buffer
		if err := render.Table(&out, document(), render.Style{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width && !strings.Contains(line, "https://") {
				t.Errorf("%d columns in %d: %q", n, width, line)
			}
		}
	}
}

func TestTheCatalogueIsDocumented(t *testing.T) {
	var page bytes.Buffer
	if err := render.Markdown(&page, assess.Catalogue()); err != nil {
		t.Fatal(err)
	}
	const file = "../../../docs/checks.md"
	if *update {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page.Bytes()) {
		t.Error("docs/checks.md is stale: go test ./pkg/assess/render -run Catalogue -update")
	}
	for _, c := range checks.All() {
		if n := len(regexp.MustCompile(`(?m)^### `+regexp.QuoteMeta(c.ID)+`$`).FindAll(have, -1)); n != 1 {
			t.Errorf("%d anchors of %s", n, c.ID)
		}
		if c.Family.Subject() == "" {
			t.Errorf("%s: family %q has no subject", c.ID, c.Family)
		}
	}
	if len(assess.Catalogue()) != len(checks.All()) {
		t.Error("a check has a family that is not among checks.Families()")
	}
}

func TestRules(t *testing.T) {
	var out bytes.Buffer
	if err := render.Rules(&out, rules(), render.Style{Width: 100}); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\n")
	if err := render.Explain(&out, rules()[2], render.Style{Width: 100}); err != nil {
		t.Fatal(err)
	}
	golden(t, "rules", out.Bytes())
}
