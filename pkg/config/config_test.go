package config_test

import (
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
		ReleaseNotes: config.ReleaseNotes{URL: "https://raw.githubusercontent.com/kubernetes/kubernetes/master/CHANGELOG", Timeout: minute},
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
	for variable, wrong := range map[string][]string{
		"BUCKET":                {"a", "Upper-Case", "under_score", "a/b"},
		"TOPIC":                 {"eks-upgrade-alerts", "arn:aws:sqs:eu-west-1:123456789012:q"},
		"TABLES_LEASES":         {"ab", "a b c"},
		"TABLES_RECORDS":        {"ab"},
		"TABLES_APPROVALS":      {"ab"},
		"PROJECTS_PROVISION":    {"a", "-ab"},
		"PROJECTS_SCAN":         {"a"},
		"METRICS_NAMESPACE":     {"", ":a", "a b"},
		"RELEASE_NOTES_URL":     {"", "x", "ftp://x/y", "https://", "https://user:password@x/"},
		"VERIFY_HEALTH_MAX_AGE": {"60", "59s", "61m", "-5m"},
		"LOGGING_LEVEL":         {"INFO", "trace"},
		"LOGGING_FORMAT":        {"xml"},
	} {
		for _, value := range wrong {
			if _, err := config.Load(append(required, config.Prefix+variable+"="+value)); err == nil {
				t.Errorf("%s=%q was taken", variable, value)
			}
		}
	}
}

func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile("../../docs/config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example), "a")
	f.Add("a: &a [*a]", "b")
	f.Add("1: {2: 3}", "")
	f.Add("tables.leases: abc\ntables: {leases: def}", "TABLES_LEASES")
	f.Fuzz(func(t *testing.T, file, name string) {
		c, err := config.Load(withFile(t, file, config.Prefix+name+"=abcdef"))
		if err != nil {
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
				t.Errorf("error %v", err)
			}
			return
		}
		if c.Bucket == "" || c.Notification.Topic == "" || c.Tables.Leases == "" || c.Verify.HealthMaxAge <= 0 || c.Logging.Level == "" {
			t.Errorf("a setting is missing in %+v", c)
		}
	})
}
