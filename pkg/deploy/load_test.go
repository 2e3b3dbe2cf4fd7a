package deploy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const example = "../../docs/deploy.example.yaml"

const least = `
account: "123456789012"
region: eu-west-1
clusters: [shop, "shop-green*"]
hostedZones: [Z1]
roles: [team/shop-nodes]
`

func load(t testing.TB, text string, overrides map[string]string) (deploy.Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return deploy.Load(path, overrides)
}

func TestDefaults(t *testing.T) {
	got, err := load(t, least, nil)
	want := deploy.Settings{
		Account: "123456789012", Region: "eu-west-1", Clusters: []string{"shop", "shop-green*"}, HostedZones: []string{"Z1"}, Roles: []string{"team/shop-nodes"},
		Architecture: "arm64", Proof: true, ReservedConcurrency: 5, LogRetentionDays: 180, NoncurrentDays: 90, AccountLogging: true, Dashboard: true, StuckHours: 48,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestTheExampleIsReadAndShowsEverySetting(t *testing.T) {
	got, err := deploy.Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Schedules) != 1 || got.Schedules[0].Upgrade().Green != "shop-green" || got.Schedules[0].Upgrade().Approval.Timeout.D() != 24*time.Hour {
		t.Errorf("schedules %+v", got.Schedules)
	}
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range deploy.Keys() {
		name := key[strings.LastIndex(key, ".")+1:]
		if !strings.Contains(string(data), name+":") {
			t.Errorf("%s is not in the example", key)
		}
	}
}

// What the example comments out must be true too.
func TestTheExampleWithoutItsCommentsIsRead(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		bare := strings.TrimLeft(line, " ")
		inner, commented := strings.CutPrefix(bare, "# ")
		key, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(inner), "- "), ":")
		if commented && strings.Contains(inner, ":") && known(key) && !strings.Contains(inner, "securityGroups") {
			lines[i] = line[:len(line)-len(bare)] + inner
		}
	}
	got, err := load(t, strings.Join(lines, "\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.VPC.Inside() || !got.Approvals.OIDC.Given() || len(got.Spokes) != 1 || len(got.EndOfSupport) != 1 || got.EndOfSupport[0].Upgrade().Cluster != "shop" {
		t.Errorf("a comment was not read: %+v", got)
	}
}

func known(name string) bool {
	return slices.ContainsFunc(deploy.Keys(), func(key string) bool { return key == name || strings.HasSuffix(key, "."+name) })
}

func TestOverridesWinAndAreReadAsTheirKeyWants(t *testing.T) {
	got, err := load(t, least, map[string]string{"account": "012345678901", "clusters": "a, b", "roles": "[x]", "reservedConcurrency": "0", "dashboard": "false",
		"vpc.id": "vpc-01234567", "vpc.subnets": "subnet-01234567", "vpc.egress": "10.0.0.0/16", "tags": "{a: b}"})
	if err != nil {
		t.Fatal(err)
	}
	want := deploy.Settings{
		Account: "012345678901", Region: "eu-west-1", Clusters: []string{"a", "b"}, HostedZones: []string{"Z1"}, Roles: []string{"x"}, Tags: map[string]string{"a": "b"},
		Architecture: "arm64", Proof: true, LogRetentionDays: 180, NoncurrentDays: 90, AccountLogging: true, StuckHours: 48,
		VPC: deploy.VPC{ID: "vpc-01234567", Subnets: []string{"subnet-01234567"}, Egress: []string{"10.0.0.0/16"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestConfigIsFlattened(t *testing.T) {
	got, err := load(t, least+"config:\n  verify: {healthMaxAge: 3m}\n  traffic: {steps: [50, 100], maxErrorRate: 0.5}\n  security: {redact: ['a,b']}\n", nil)
	want := map[string]string{"verify.healthMaxAge": "3m", "traffic.steps": "50,100", "traffic.maxErrorRate": "0.5", "security.redact": `["a,b"]`}
	if diff := cmp.Diff(want, got.Parameters()); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

const request = `{cluster: shop, target: "1.35", traffic: {hostedZone: Z1, record: a.example.com, service: web/frontend}}`

func TestWhatIsWrongIsNamed(t *testing.T) {
	schedule := func(pairs ...string) string {
		return least + strings.NewReplacer(pairs...).Replace("schedules: [{name: weekly, expression: rate(7 days), request: "+request+"}]")
	}
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"nothing given":                  {"", []string{"account: is missing", "region: is missing", "clusters: is missing; name the EKS clusters", "hostedZones: is missing", "roles: is missing"}},
		"an account without quotes":      {strings.Replace(least, `"123456789012"`, "123456789012", 1), []string{"account: 123456789012 is not text; put it in quotes"}},
		"a short account":                {strings.Replace(least, "123456789012", "12345", 1), []string{`account: "12345" is not valid`}},
		"a zone for a region":            {strings.Replace(least, "eu-west-1", "eu-west-1a", 1), []string{`region: "eu-west-1a" is not valid`}},
		"all clusters":                   {strings.Replace(least, "[shop,", `["*",`, 1), []string{`clusters[0]: "*" is not valid`}},
		"a cluster twice":                {strings.Replace(least, "[shop,", `[shop, shop,`, 1), []string{`clusters[1]: "shop" is named twice`}},
		"an ARN for a cluster":           {strings.Replace(least, "[shop,", `["arn:aws:eks:eu-west-1:1:cluster/x",`, 1), []string{"clusters[0]"}},
		"a domain for a zone":            {strings.Replace(least, "[Z1]", "[example.com]", 1), []string{`hostedZones[0]: "example.com" is not valid`}},
		"all roles":                      {strings.Replace(least, "team/shop-nodes", `"*"`, 1), []string{`roles[0]: "*" is not valid`}},
		"text for a list":                {strings.Replace(least, "[Z1]", "Z1", 1), []string{"hostedZones: source data must be an array"}},
		"misspelled key":                 {least + "archtecture: arm64", []string{`archtecture: is not known; did you mean "architecture"?`}},
		"misspelled key in a group":      {least + "vpc: {subnet: [a]}", []string{`vpc.subnet: is not known; did you mean "vpc.subnets"?`}},
		"misspelled key in a list":       {schedule("expression", "expresion"), []string{`schedules[0].expresion: is not known; did you mean "schedules[].expression"?`}},
		"key that is far off":            {least + "zzzzzzzzzzzzzzzz: 1", []string{"zzzzzzzzzzzzzzzz: is not known; remove it; there are: accessEntries,"}},
		"case matters":                   {least + "Tags: {}", []string{`Tags: is not known; did you mean "tags"?`}},
		"another architecture":           {least + "architecture: arm", []string{"architecture", "arm64, x86_64"}},
		"negative concurrency":           {least + "reservedConcurrency: -1", []string{"reservedConcurrency: -1 is out of range; give 0 to 1000"}},
		"text for a number":              {least + "stuckHours: soon", []string{"stuckHours"}},
		"text for true":                  {least + "dashboard: perhaps", []string{"dashboard: perhaps is not true or false"}},
		"a retention that AWS lacks":     {least + "logRetentionDays: 100", []string{"logRetentionDays: CloudWatch Logs cannot keep logs for 100 days"}},
		"artifacts that go too soon":     {least + "artifactDays: 7", []string{"artifactDays", "give 90 or more"}},
		"a tag of AWS":                   {least + "tags: {\"aws:x\": y}", []string{"tags.aws:x"}},
		"no e-mail address":              {least + "alertEmails: [team]", []string{`alertEmails[0]: "team" is not an e-mail address`}},
		"an address with a name":         {least + `alertEmails: ["Team <team@example.com>"]`, []string{"alertEmails[0]"}},
		"a negative budget":              {least + "budget: {monthlyUSD: -1}", []string{"budget.monthlyUSD"}},
		"an issuer without https":        {least + "approvals: {oidc: {issuer: \"http://x/\", audience: [a]}}", []string{"approvals.oidc.issuer"}},
		"an issuer without audience":     {least + "approvals: {oidc: {issuer: \"https://x/\"}}", []string{"approvals.oidc.audience: is missing"}},
		"an audience without issuer":     {least + "approvals: {oidc: {audience: [a]}}", []string{"approvals.oidc.issuer: is missing"}},
		"a subnet without VPC":           {least + "vpc: {subnets: [subnet-01234567]}", []string{"vpc.id: is missing"}},
		"a VPC without subnets":          {least + "vpc: {id: vpc-01234567, egress: [10.0.0.0/8]}", []string{"vpc.subnets: is missing"}},
		"a VPC without a way out":        {least + "vpc: {id: vpc-01234567, subnets: [subnet-01234567]}", []string{"vpc.egress: is missing"}},
		"no CIDR block":                  {least + "vpc: {id: vpc-01234567, subnets: [subnet-01234567], egress: [10.0.0.1/8]}", []string{`vpc.egress[0]: "10.0.0.1/8"`}},
		"two kinds of groups":            {least + "vpc: {id: vpc-01234567, subnets: [subnet-01234567], egress: [10.0.0.0/8], securityGroups: [sg-01234567]}", []string{"vpc.egress: is for a security group of the stack"}},
		"a schedule without a name":      {schedule("name: weekly, ", ""), []string{"schedules[0].name: is missing"}},
		"another language of time":       {schedule("rate(7 days)", "weekly"), []string{"schedules[0].expression"}},
		"a day that does not exist":      {schedule("rate(7 days)", "at(2026-02-30T01:00:00)"), []string{"schedules[0].expression"}},
		"an unknown time zone":           {schedule("request:", "timezone: Mars/Base, request:"), []string{`schedules[0].timezone: "Mars/Base"`}},
		"a window that is too long":      {schedule("request:", "windowMinutes: 2000, request:"), []string{"schedules[0].windowMinutes"}},
		"a request without a target":     {schedule(`target: "1.35", `, ""), []string{"schedules[0].request"}},
		"a request with an unknown key":  {schedule("target:", "tarjet:"), []string{"schedules[0].request"}},
		"a cluster that is not allowed":  {schedule("cluster: shop", "cluster: other"), []string{`schedules[0].request.cluster: the cluster "other" is not in clusters`}},
		"a zone that is not allowed":     {schedule("hostedZone: Z1", "hostedZone: Z2"), []string{"schedules[0].request.traffic.hostedZone"}},
		"support of another cluster":     {least + "endOfSupport: [{cluster: other, request: " + request + "}]", []string{"endOfSupport[0].request.cluster"}},
		"an entry with a *":              {least + `accessEntries: ["shop*"]`, []string{"accessEntries[0]"}},
		"an entry that is not allowed":   {least + "accessEntries: [other]", []string{`the cluster "other" is not in clusters`}},
		"a spoke that is the hub":        {least + `spokes: [{account: "123456789012", externalId: abc, clusters: [a], hostedZones: [Z1], roles: [r]}]`, []string{"is the account of the hub"}},
		"a spoke without an external id": {least + `spokes: [{account: "210987654321", clusters: [a], hostedZones: [Z1], roles: [r]}]`, []string{"spokes[0].externalId: is missing"}},
		"a spoke twice":                  {least + `spokes: [&s {account: "210987654321", externalId: abc, clusters: [a], hostedZones: [Z1], roles: [r]}, *s]`, []string{`spokes[1].account: "210987654321" is named twice`}},
		"a secret":                       {least + "config: {notification: {webhook: 'https://chat.example.com/x'}}", []string{"config.notification.webhook: is a secret", "config push --secret notification.webhook=@FILE"}},
		"a setting that is not known":    {least + "config: {traffic: {baek: 20m}}", []string{"config.traffic.baek: is not known", `did you mean "traffic.bake"?`}},
		"a setting that is wrong":        {least + "config: {traffic: {bake: 1s}}", []string{"config.traffic.bake", "give 1m to 168h"}},
		"a resource of its own":          {least + "config: {bucket: another}", []string{"config.bucket: names something that this deployment makes itself"}},
		"two problems, both are in":      {least + "stuckHours: 0\nnoncurrentDays: 0", []string{"stuckHours", "noncurrentDays"}},
		"unknown and of the wrong type":  {least + "stuckHour: 1\nalertEmails: 7", []string{"stuckHour: is not known", "alertEmails: source data must be an array"}},
		"no YAML":                        {"a: [", []string{"deploy.example.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.text, nil)
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
				t.Fatalf("error %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("it does not say %q:\n%s", s, err)
				}
			}
		})
	}
}

func TestNoFileIsSaid(t *testing.T) {
	_, err := deploy.Load("/nowhere/deploy.yaml", nil)
	if err == nil || !strings.Contains(err.Error(), "copy docs/deploy.example.yaml to deploy.yaml") {
		t.Errorf("error %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data), "vpc.id", "vpc-01234567")
	f.Add(least, "schedules", "[{name: a}]")
	f.Add("a: &a [*a]", "", "")
	f.Add("vpc: 1\nschedules: {a: b}", "vpc", "x: y")
	f.Add("config: {1: {2: [3]}}", "config.a", "{b: c}")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		s, err := load(t, text, map[string]string{key: value})
		if err != nil {
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
				t.Errorf("error %v", err)
			}
			return
		}
		if s.Account == "" || len(s.Clusters) == 0 || s.Architecture == "" {
			t.Errorf("a setting is missing in %+v", s)
		}
	})
}
