package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	bucket = "eks-upgrade-artifacts-123456789012-eu-west-1"
	topic  = "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts"
)

var required = []string{config.Prefix + "BUCKET=" + bucket, config.Prefix + "NOTIFICATION_TOPIC=" + topic, "PATH=/bin", "EKS_OTHER=1"}

func want() config.Config {
	minute := upgrade.Duration(time.Minute)
	d := upgrade.StandardDefaults()
	return config.Config{
		Bucket:       bucket,
		Tables:       config.Tables{Leases: "eks-upgrade-leases", Records: "eks-upgrade-records", Approvals: "eks-upgrade-approvals", Connections: "eks-upgrade-connections"},
		Notification: config.Notification{Topic: topic},
		Security:     config.Security{Approvers: []string{}, Redact: []string{}},
		Logging:      config.Logging{Level: "info", Format: "json"},
		Upgrade:      config.Upgrade{Soak: d.Soak, Decommission: d.Decommission, Approval: d.Approval},
		Traffic:      config.Traffic{Steps: d.Steps, Bake: d.Bake, TTL: d.TTL, MaxErrorRate: d.MaxErrorRate, MinRequests: d.MinRequests},
		Verify:       config.Verify{HealthMaxAge: 5 * minute, Patience: 5 * minute, ProbeTimeout: minute / 6},
		Kubernetes:   config.Kubernetes{QPS: 50, Burst: 100, RequestTimeout: minute, Parallelism: 8, Slice: minute},
		Terraform:    config.Terraform{Project: "eks-upgrade-provision", Timeout: 60 * minute},
		Metrics:      config.Metrics{Namespace: "EKSUpgradeAgent/Ingress", Period: minute, MaxLag: 5 * minute},
		ReleaseNotes: config.ReleaseNotes{URL: "https://raw.githubusercontent.com/kubernetes/kubernetes/master/CHANGELOG", EKSURL: "https://docs.aws.amazon.com/eks/latest/userguide", Timeout: minute},
	}
}

func withFile(t testing.TB, text string, environ ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{config.FileVariable + "=" + path}, environ...)
}

func same(t *testing.T, want, got config.Config) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config.Config{})); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	got, err := config.Load(required)
	if err != nil {
		t.Fatal(err)
	}
	same(t, want(), got)
}

func TestTheEnvironmentWinsOverTheFileOverTheDefaults(t *testing.T) {
	got, err := config.Load(withFile(t, "tables:\n  leases: file-leases\n  records: file-records\nverify:\n  healthMaxAge: 2m\nlogging:\n  level: debug\n",
		append(required, config.Prefix+"TABLES_LEASES=env-leases", config.Prefix+"VERIFY_HEALTH_MAX_AGE=3m")...))
	if err != nil {
		t.Fatal(err)
	}
	expected := want()
	expected.Tables.Leases, expected.Tables.Records = "env-leases", "file-records"
	expected.Verify.HealthMaxAge, expected.Logging.Level = upgrade.Duration(3*time.Minute), "debug"
	same(t, expected, got)
	for key, origin := range map[string]string{"tables.leases": "environment EKS_UPGRADE_AGENT_TABLES_LEASES", "tables.records": "file /", "tables.approvals": "default",
		"verify.healthMaxAge": "environment EKS_UPGRADE_AGENT_VERIFY_HEALTH_MAX_AGE", "unknown": ""} {
		if !strings.HasPrefix(got.Origin(key), origin) || (origin == "") != (got.Origin(key) == "") {
			t.Errorf("origin of %s is %q, want %q", key, got.Origin(key), origin)
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		says    []string
	}{
		"nothing given":             {nil, []string{"bucket: is missing", "EKS_UPGRADE_AGENT_BUCKET", "topic: is missing"}},
		"misspelled variable":       {append(required, "EKS_UPGRADE_AGENT_TABLE_LEASES=x"), []string{"EKS_UPGRADE_AGENT_TABLE_LEASES", `did you mean "EKS_UPGRADE_AGENT_TABLES_LEASES"?`}},
		"variable that is far off":  {append(required, "EKS_UPGRADE_AGENT_ZZZZZZZZZZZZ=x"), []string{"EKS_UPGRADE_AGENT_ZZZZZZZZZZZZ", "remove it; `eks-upgrade config show` lists the known ones"}},
		"misspelled key":            {withFile(t, "tables:\n  lease: abc", required...), []string{"tables.lease: is not known (file ", `did you mean "tables.leases"?`}},
		"key that is far off":       {withFile(t, "zzzzzzzzzzzz: abc", required...), []string{"zzzzzzzzzzzz: is not known", "remove it"}},
		"case matters":              {withFile(t, "Bucket: abc", required...), []string{"Bucket: is not known", `did you mean "bucket"?`}},
		"number for text":           {withFile(t, "bucket: 7"), []string{"bucket: 7 is not text (file "}},
		"list for text":             {withFile(t, "tables: {leases: [a]}", required...), []string{"tables.leases: [a] is not text"}},
		"text for a group":          {withFile(t, "tables: abc", required...), []string{"tables: is a section, not a setting"}},
		"null":                      {withFile(t, "tables: {leases: }", required...), []string{"tables.leases: has no value"}},
		"no file":                   {append(required, config.FileVariable+"=/nowhere/config.yaml"), []string{"/nowhere/config.yaml", "EKS_UPGRADE_AGENT_CONFIG names the one"}},
		"no YAML":                   {withFile(t, "a: [", required...), []string{"yaml", "docs/config.example.yaml"}},
		"empty value":               {append(required, "EKS_UPGRADE_AGENT_TABLES_LEASES="), []string{`tables.leases: "" is not valid (environment EKS_UPGRADE_AGENT_TABLES_LEASES)`}},
		"two problems, both are in": {append(required, "EKS_UPGRADE_AGENT_VERIFY_HEALTH_MAX_AGE=1s", "EKS_UPGRADE_AGENT_LOGGING_LEVEL=loud"), []string{"verify.healthMaxAge", "1m to 1h", "logging.level", "debug, info"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(c.environ)
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
				t.Fatalf("error %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestReleaseNotesCanBeBundled(t *testing.T) {
	got, err := config.Load(append(required, config.Prefix+"RELEASE_NOTES_URL=bundled"))
	if err != nil || got.ReleaseNotes.URL != config.Bundled {
		t.Errorf("%q, %v", got.ReleaseNotes.URL, err)
	}
}

func TestEachSettingIsChecked(t *testing.T) {
	wrong := map[string][]string{
		"bucket":                    {"", "a", "Upper-Case", "under_score", "a/b"},
		"tables.leases":             {"", "ab", "a b c"},
		"tables.records":            {"ab"},
		"tables.approvals":          {"ab"},
		"tables.connections":        {"ab"},
		"events.bus":                {"a b", "arn:aws:events:eu-west-1:123456789012:event-bus/eks-upgrade"},
		"approval.url":              {"x", "ftp://x/y", "https://", "http://api.example.com", "https://api.example.com/#a"},
		"stream.url":                {"wss://x", "http://api.example.com"},
		"notification.topic":        {"", "eks-upgrade-alerts", "arn:aws:sqs:eu-west-1:123456789012:q"},
		"notification.webhook":      {"x", "http://chat.example.com/x", "https://a b"},
		"security.approvers":        {"*", "**", "lead@example.com,*", "a b"},
		"security.redact":           {"(", "a*", "x,("},
		"logging.level":             {"", "INFO", "trace"},
		"logging.format":            {"xml"},
		"upgrade.soak":              {"", "-1h", "673h", "1", "forever"},
		"upgrade.decommission":      {"", "shrug"},
		"upgrade.approval.mode":     {"maybe"},
		"upgrade.approval.timeout":  {"59s", "337h"},
		"traffic.steps":             {"", "10", "100,100", "50,10,100", "0,100", "101", "ten,100", "50.5,100", "[50,100"},
		"traffic.bake":              {"59s", "169h"},
		"traffic.ttl":               {"0s", "61m"},
		"traffic.maxErrorRate":      {"", "-0.1", "1", "NaN", "Inf", "few"},
		"traffic.minRequests":       {"0", "1.5", "many"},
		"verify.healthMaxAge":       {"60", "59s", "61m", "-5m"},
		"verify.patience":           {"59s", "31m"},
		"verify.probeTimeout":       {"0s", "61s"},
		"kubernetes.qps":            {"0", "1001", "101"}, // 101: more than burst
		"kubernetes.burst":          {"0", "2001", "49"},
		"kubernetes.requestTimeout": {"0s", "5m"},
		"kubernetes.parallelism":    {"0", "65"},
		"kubernetes.slice":          {"4s", "3m1s"},
		"terraform.project":         {"", "a", "-ab"},
		"terraform.timeout":         {"9m", "9h", "10m30s"},
		"metrics.namespace":         {"", ":a", "a b"},
		"metrics.period":            {"59s", "90s", "2h", "11m"}, // 11m: longer than a bake
		"metrics.maxLag":            {"59s", "61m"},
		"releaseNotes.url":          {"", "x", "ftp://x/y", "https://", "https://user:password@x/"},
		"releaseNotes.eksUrl":       {"", "bundled", "ftp://x/y", "https://user:password@x/"},
		"releaseNotes.token":        {"a b", "a\nb"},
		"releaseNotes.timeout":      {"0s", "6m"},
		"rules.key":                 {"rules.yaml", "snapshots/a", "rules/", "rules/a b"},
	}
	for _, s := range config.Settings() {
		if len(wrong[s.Key]) == 0 {
			t.Errorf("%s is not checked", s.Key)
		}
		for _, value := range wrong[s.Key] {
			_, err := config.Load(append(required, config.Variable(s.Key)+"="+value))
			if err == nil || !strings.Contains(err.Error(), s.Key) {
				t.Errorf("%s=%q: %v", s.Key, value, err)
			}
		}
	}
}

func TestTextsOfEveryKindAreRead(t *testing.T) {
	for text, want := range map[string]any{
		"traffic.steps=50,100":             []int{50, 100},
		"traffic.steps=[50, 100]":          []int{50, 100},
		"traffic.steps= 50 , 100 ,":        []int{50, 100},
		"security.redact=ACME-[0-9]+,x":    []string{"ACME-[0-9]+", "x"},
		`security.redact=["a,b","c"]`:      []string{"a,b", "c"},
		"security.redact=[a-z]{9}":         []string{"[a-z]{9}"},
		"security.approvers=":              []string{},
		"upgrade.soak=1h30m":               upgrade.Duration(90 * time.Minute),
		"upgrade.decommission=keep":        "keep",
		"traffic.maxErrorRate=0":           0.0,
		"traffic.minRequests=7":            7,
		"notification.webhook=https://a/b": "https://a/b",
		"approval.url=http://127.0.0.1:80": "http://127.0.0.1:80",
		"stream.url=http://api.localhost":  "http://api.localhost",
	} {
		key, value, _ := strings.Cut(text, "=")
		c, err := config.Load(append(required, config.Variable(key)+"="+value))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		s, _ := config.Find(key)
		if diff := cmp.Diff(want, s.Value(c)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err := s.Parse(config.TextOf(s.Value(c)))
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Errorf("%s does not survive as text %q: %v %s", text, config.TextOf(s.Value(c)), err, diff)
		}
	}
}

func TestParametersAreBetweenTheFileAndTheEnvironment(t *testing.T) {
	environ := withFile(t, "traffic: {bake: 11m, ttl: 11s}\nupgrade: {soak: 11m}\n", append(required, config.PathVariable+"=/agent", config.Prefix+"UPGRADE_SOAK=13m")...)
	c, err := config.LoadWith(t.Context(), environ, stored{{Name: "/agent/traffic/ttl", Value: "12s"}, {Name: "/agent/upgrade/soak", Value: "12m"}})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %s", c.Traffic.Bake, c.Traffic.TTL, c.Upgrade.Soak, c.Origin("traffic.ttl"))
	if got != "11m0s 12s 13m0s parameter /agent/traffic/ttl" {
		t.Error(got)
	}
	requests := c.Requests()
	if requests.Bake != c.Traffic.Bake || requests.TTL != c.Traffic.TTL || requests.Soak != c.Upgrade.Soak || len(requests.Steps) == 0 || requests.Decommission == "" || requests.Approval.Mode == "" || requests.MinRequests == 0 {
		t.Errorf("defaults of requests: %+v", requests)
	}
	if c, err := config.Load(environ); err != nil || c.Traffic.TTL.D() != 11*time.Second {
		t.Errorf("without AWS: %s, %v", c.Traffic.TTL, err)
	}
	if _, err := config.LoadWith(t.Context(), append(environ, config.PathVariable+"=agent"), stored{}); err == nil || !strings.Contains(err.Error(), `"agent" is no path of parameters`) {
		t.Errorf("error %v", err)
	}
}

func TestNamesAreNotShared(t *testing.T) {
	seen := map[string]string{config.FileVariable: "the file", config.PathVariable: "the path"}
	for _, s := range config.Settings() {
		if other := seen[config.Variable(s.Key)]; other != "" {
			t.Errorf("%s and %s are both %s", s.Key, other, config.Variable(s.Key))
		}
		seen[config.Variable(s.Key)] = s.Key
		if key := config.KeyOf("/a/b/", config.ParameterName("/a/b", s.Key)); key != s.Key {
			t.Errorf("the parameter of %s is of %s", s.Key, key)
		}
	}
}

func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile("../../docs/config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example), "TABLES_LEASES", "abcdef", "traffic/bake", "20m")
	f.Add("a: &a [*a]", "b", "", "", "")
	f.Add("1: {2: 3}", "", "\x00", "//", "x")
	f.Add("tables.leases: abc\ntables: {leases: def}", "TRAFFIC_STEPS", "[50,100]", "security/redact", "[a-z]")
	f.Add("traffic: {steps: [1.0, 1e2]}\nmetrics: {period: 1h}", "TRAFFIC_MAX_ERROR_RATE", "0x1p-2", "releaseNotes/token", "ghp_abcdefghijklmnopqrstuvwxyz")
	f.Fuzz(func(t *testing.T, file, name, value, parameter, stored1 string) {
		environ := withFile(t, file, append(required, config.Prefix+name+"="+value, config.PathVariable+"="+config.DefaultPath)...)
		c, err := config.LoadWith(t.Context(), environ, stored{{Name: config.DefaultPath + parameter, Value: stored1, Secure: true}})
		if err != nil {
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
				t.Errorf("error %v", err)
			}
			return
		}
		if err := c.Requests().Validate(); err != nil {
			t.Errorf("requests would fail: %v", err)
		}
		for _, s := range config.Settings() {
			text := config.TextOf(s.Value(c))
			if s.Required && text == "" {
				t.Errorf("%s is missing", s.Key)
			}
			if again, err := s.Parse(text); err != nil || config.TextOf(again) != text {
				t.Errorf("%s does not survive as text %q: %v", s.Key, text, err)
			}
		}
	})
}
