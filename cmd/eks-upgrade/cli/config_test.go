package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
)

const (
	storedWebhook = "https://hooks.slack.com/services/T0/B0/abcdefghijklmnopqrstuvwx"
	mirrorToken   = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
)

// settings is a world with the agent's key, and a folder for files.
type settingsWorld struct {
	t   *testing.T
	ssm *ssm.Client
	dir string
}

func newSettingsWorld(t *testing.T) *settingsWorld {
	t.Helper()
	w := startedWorld(t)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": w.URL, "AWS_REGION": w.Region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", config.FileVariable: "", config.PathVariable: ""} {
		t.Setenv(name, value)
	}
	keys := kms.NewFromConfig(w.config())
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(defaultKey), TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	return &settingsWorld{t: t, ssm: ssm.NewFromConfig(w.config()), dir: t.TempDir()}
}

func (w *settingsWorld) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *settingsWorld) put(key, value string, kind types.ParameterType) {
	w.t.Helper()
	if _, err := w.ssm.PutParameter(w.t.Context(), &ssm.PutParameterInput{Name: aws.String(config.ParameterName(config.DefaultPath, key)), Value: &value, Type: kind}); err != nil {
		w.t.Fatal(err)
	}
}

// stored returns the parameters, "s3cr3t (SecureString)" by key.
func (w *settingsWorld) stored() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	pages := ssm.NewGetParametersByPathPaginator(w.ssm, &ssm.GetParametersByPathInput{Path: aws.String(config.DefaultPath), Recursive: aws.Bool(true), WithDecryption: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, p := range page.Parameters {
			all[config.KeyOf(config.DefaultPath, *p.Name)] = *p.Value + " (" + string(p.Type) + ")"
		}
	}
	return all
}

func (w *settingsWorld) is(want map[string]string) {
	w.t.Helper()
	got := w.stored()
	for key, value := range want {
		if got[key] != value {
			w.t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("stored: %v, want %v", got, want)
	}
}

// run runs eks-upgrade config and returns what it said. No output ever holds a
// secret.
func (w *settingsWorld) run(code int, stdin string, args ...string) string {
	w.t.Helper()
	var out, stderr bytes.Buffer
	got := Run(w.t.Context(), append([]string{"config"}, args...), strings.NewReader(stdin), &out, &stderr)
	text := out.String() + stderr.String()
	if got != code {
		w.t.Fatalf("%v: exit code %d, want %d:\n%s", args, got, code, text)
	}
	for _, secret := range []string{storedWebhook, mirrorToken, "abcdefghijklmnop"} {
		if strings.Contains(text, secret) {
			w.t.Errorf("%v shows a secret:\n%s", args, text)
		}
	}
	return text
}

func (w *settingsWorld) says(text string, want ...string) {
	w.t.Helper()
	for _, s := range want {
		if !strings.Contains(text, s) {
			w.t.Errorf("%q is not in:\n%s", s, text)
		}
	}
}

const someSettings = "traffic:\n  bake: 20m\n  steps: [50, 100]\nlogging:\n  level: debug\nsecurity:\n  redact: ['a,b']\n"

func TestSettingsArePushedComparedAndPulled(t *testing.T) {
	w := newSettingsWorld(t)
	file := w.file("config.yaml", someSettings)
	w.put("events.bus", "eks-upgrade", types.ParameterTypeString) // the deployment's own
	want := map[string]string{"events.bus": "eks-upgrade (String)", "traffic.bake": "20m (String)", "traffic.steps": "50,100 (String)", "logging.level": "debug (String)", "security.redact": `["a,b"] (String)`}

	w.says(w.run(exitFailed, "", "diff", file), "create", "traffic.bake", "20m")
	w.says(w.run(exitOK, "", "push", file, "--dry-run"), "Changes to be stored below /eks-upgrade/config/: 4.")
	w.is(map[string]string{"events.bus": want["events.bus"]})
	w.says(w.run(exitOK, "", "push", file, "--prune"), "Changes stored below /eks-upgrade/config/: 4.")
	w.is(want)
	w.says(w.run(exitOK, "", "push", file), "Changes stored below /eks-upgrade/config/: 0.")
	w.says(w.run(exitOK, "", "diff", file), "are equal")

	pulled := filepath.Join(w.dir, "pulled.yaml")
	w.says(w.run(exitOK, "", "pull", pulled), "4 settings were written")
	w.says(w.run(exitOK, "", "pull", "--all"), "bus: eks-upgrade")
	w.says(w.run(exitUsage, "", "pull", pulled), "exists", "--force")
	w.run(exitOK, "", "pull", pulled, "--force")
	w.says(w.run(exitOK, "", "diff", pulled), "are equal")

	same := w.file("same.yaml", strings.Replace(someSettings, "20m", "1200s", 1))
	w.says(w.run(exitOK, "", "diff", same), "are equal")
}

func TestOnlyDifferencesAreWritten(t *testing.T) {
	w := newSettingsWorld(t)
	file := w.file("config.yaml", someSettings)
	w.run(exitOK, "", "push", file)
	w.file("config.yaml", strings.Replace(someSettings, "20m", "25m", 1))
	w.says(w.run(exitOK, "", "push", file), "update", "traffic.bake", "20m", "25m", ": 1.")
	for key, version := range map[string]int64{"traffic.bake": 2, "logging.level": 1} {
		p, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(config.ParameterName(config.DefaultPath, key))})
		if err != nil || p.Parameter.Version != version {
			t.Errorf("%s: version %d, %v", key, p.Parameter.Version, err)
		}
	}
}

func TestSecretsAreSecureStringsAndNeverShown(t *testing.T) {
	w := newSettingsWorld(t)
	token := w.file("token.txt", mirrorToken+"\n")
	w.says(w.run(exitOK, storedWebhook, "push", "--secret", "releaseNotes.token=@"+token, "--secret", "notification.webhook=-"), "(secret)", ": 2.")
	want := map[string]string{"releaseNotes.token": mirrorToken + " (SecureString)", "notification.webhook": storedWebhook + " (SecureString)"}
	w.is(want)
	described, err := w.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range described.Parameters {
		if aws.ToString(p.KeyId) != defaultKey {
			t.Errorf("%s is under the key %s", *p.Name, aws.ToString(p.KeyId))
		}
	}

	w.says(w.run(exitOK, "", "show", "--origin", "--path", config.DefaultPath), "(secret, set by parameter /eks-upgrade/config/notification/webhook)")
	w.says(w.run(exitOK, "", "show", "--path", config.DefaultPath, "-o", "json"), `"value": "(secret)"`)
	w.says(w.run(exitOK, "", "show", "--path", config.DefaultPath, "-o", "yaml"), "notification.webhook: (secret, set by parameter")
	w.says(w.run(exitOK, "", "pull"), "# releaseNotes.token: (secret, set by parameter /eks-upgrade/config/releaseNotes/token)")

	file := w.file("config.yaml", "logging: {level: warn}\n")
	w.says(w.run(exitOK, "", "push", file, "--prune", "--yes"), ": 1.") // a file without secrets deletes none
	want["logging.level"] = "warn (String)"
	w.is(want)

	inFile := w.file("config.yaml", "logging: {level: warn}\nreleaseNotes: {token: "+mirrorToken+"}\n")
	w.says(w.run(exitOK, "", "diff", inFile), "are equal")
	w.says(w.run(exitOK, "", "validate", inFile), "warning: releaseNotes.token", "in plain in the file")
	w.run(exitUsage, "", "validate", inFile, "--strict")
	w.file("config.yaml", "logging: {level: warn}\nreleaseNotes: {token: other-token}\n")
	w.says(w.run(exitFailed, "", "diff", inFile), "update", "(secret)")
	w.file("config.yaml", "logging: {level: warn}\nreleaseNotes: {token: ''}\n")
	w.says(w.run(exitOK, "", "push", inFile), "delete")
	delete(want, "releaseNotes.token")
	w.is(want)
}

func TestAWrongTypeIsCorrected(t *testing.T) {
	w := newSettingsWorld(t)
	w.put("releaseNotes.token", mirrorToken, types.ParameterTypeString)
	w.put("logging.level", "debug", types.ParameterTypeSecureString)
	w.says(w.run(exitUsage, "", "show", "--path", config.DefaultPath), "error: releaseNotes.token: is a secret, and the parameter is not a SecureString")
	w.run(exitUsage, "", "pull")
	file := w.file("config.yaml", "logging: {level: debug}\n")
	w.says(w.run(exitOK, mirrorToken, "push", "--secret", "releaseNotes.token=-"), "retype", "releaseNotes.token")
	w.says(w.run(exitOK, "", "push", file), "retype", "logging.level")
	w.is(map[string]string{"releaseNotes.token": mirrorToken + " (SecureString)", "logging.level": "debug (String)"})
}

func TestPruneAsksFirst(t *testing.T) {
	w := newSettingsWorld(t)
	w.run(exitOK, "", "push", w.file("config.yaml", someSettings))
	w.put("tables.lease", "old", types.ParameterTypeString) // nothing knows it
	file := w.file("config.yaml", "logging: {level: debug}\n")
	w.says(w.run(exitUsage, "", "push", file), "error: tables.lease: is not known", `did you mean "tables.leases"?`)
	w.says(w.run(exitUsage, "", "push", file, "--prune"), "--prune: nobody is there to be asked", "--yes")

	var out, stderr bytes.Buffer
	ask := func(answer string) int {
		out.Reset()
		stderr.Reset()
		a := newApp(strings.NewReader(answer), &out, &stderr)
		a.terminal = func(any) bool { return true }
		return a.run(t.Context(), []string{"config", "push", file, "--prune"})
	}
	if code := ask("n\n"); code != exitUsage || len(w.stored()) != 5 {
		t.Errorf("declined: exit code %d, stored %v", code, w.stored())
	}
	if code := ask("y\n"); code != exitOK || !strings.Contains(stderr.String(), "Delete security.redact, tables.lease, traffic.bake, traffic.steps below /eks-upgrade/config/? [y/N]") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	w.is(map[string]string{"logging.level": "debug (String)"})
}

func TestSettingsThatWouldNotFitTogetherAreNotStored(t *testing.T) {
	w := newSettingsWorld(t)
	w.run(exitOK, "", "push", w.file("config.yaml", "kubernetes: {qps: 100, burst: 100}\n"))
	before := w.stored()
	w.says(w.run(exitUsage, "", "push", w.file("config.yaml", "kubernetes: {qps: 10, burst: 50}\ntraffic: {bake: 5m}\nmetrics: {period: 10m}\n")), "traffic.bake", "shorter than metrics.period")
	w.says(w.run(exitUsage, "", "push", w.file("config.yaml", "kubernetes: {burst: 60}\nlogging: {level: debug}\n")), "kubernetes.burst: 60 is less than kubernetes.qps, 100 (parameter")
	w.is(before)
}

func TestWhatPushRefusesToBeTold(t *testing.T) {
	w := newSettingsWorld(t)
	file := w.file("config.yaml", "logging: {level: debug}\n")
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"nothing":                   {[]string{"push"}, []string{"FILE: is missing"}},
		"a secret on the line":      {[]string{"push", "--secret", "releaseNotes.token=abc"}, []string{"stands on the command line", "KEY=@FILE"}},
		"a secret that is none":     {[]string{"push", "--secret", "logging.level=-"}, []string{`"logging.level" is not a secret setting`, "notification.webhook, releaseNotes.token"}},
		"two on the standard input": {[]string{"push", "--secret", "releaseNotes.token=-", "--secret", "notification.webhook=-"}, []string{"two secrets"}},
		"no such file of a secret":  {[]string{"push", "--secret", "releaseNotes.token=@/nowhere"}, []string{"/nowhere"}},
		"an empty secret":           {[]string{"push", "--secret", "releaseNotes.token=-"}, []string{"is empty"}},
		"a path that is none":       {[]string{"push", file, "--path", "config"}, []string{"--path", "/eks-upgrade/config/"}},
		"prune without a file":      {[]string{"push", "--prune", "--secret", "releaseNotes.token=@" + file}, []string{"--prune"}},
		"no such file":              {[]string{"push", "/nowhere.yaml"}, []string{"/nowhere.yaml"}},
		"a file with mistakes":      {[]string{"push", w.file("wrong.yaml", "loging: {level: debug}\nlogging: {level: loud}\n")}, []string{"error: loging.level: is not known", "wrong.yaml:1", "error: logging.level", "wrong.yaml:2"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.says(w.run(exitUsage, "", c.args...), c.want...)
		})
	}
	w.t = t
	w.is(nil)
	w.says(w.run(exitFailed, mirrorToken, "push", "--secret", "releaseNotes.token=-", "--kms-key", "alias/none"), "KMS key", "0 of 1 changes were stored")
}

func TestValidateFindsEverything(t *testing.T) {
	w := newSettingsWorld(t)
	good := w.file("good.yaml", someSettings)
	w.says(w.run(exitOK, "", "validate", good), "good.yaml is valid: 4 settings.")
	w.says(w.run(exitUsage, "", "validate", good, "--complete"), "error: bucket: is missing", "EKS_UPGRADE_AGENT_BUCKET", "error: notification.topic: is missing")
	w.says(w.run(exitOK, "", "validate", "../../../docs/config.example.yaml", "--complete", "--strict"), "is valid")

	bad := w.file("bad.yaml", "traffic: {bake: 1s, stepps: [100]}\nsecurity: {redact: ['"+mirrorToken+"']}\nai: {model: x}\n")
	text := w.run(exitUsage, "", "validate", bad)
	w.says(text, "traffic.bake", "1m to 168h", `did you mean "traffic.steps"?`, "bad.yaml:1", "holds a token of GitHub", "ai.model", "there is nothing to set for models yet")

	var got struct {
		Valid    bool
		Problems []shownProblem
	}
	if err := json.Unmarshal([]byte(w.run(exitUsage, "", "validate", bad, "-o", "json")), &got); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, p := range got.Problems {
		keys = append(keys, p.Key)
		if p.Message == "" || p.Remedy == "" {
			t.Errorf("%+v", p)
		}
	}
	if got.Valid || !slices.Equal(keys, []string{"ai.model", "security.redact", "traffic.bake", "traffic.stepps"}) {
		t.Errorf("valid %t, problems of %v", got.Valid, keys)
	}

	t.Setenv(config.Prefix+"LOGGING_FORMAT", "xml")
	w.says(w.run(exitUsage, "", "validate"), "environment EKS_UPGRADE_AGENT_LOGGING_FORMAT")
	t.Setenv(config.Prefix+"LOGGING_FORMAT", "console")
	w.says(w.run(exitOK, "", "validate"), "the environment is valid: 1 settings.")
}

func TestShowSaysWhatHoldsAndWhy(t *testing.T) {
	w := newSettingsWorld(t)
	t.Setenv(config.FileVariable, w.file("config.yaml", "logging: {level: debug}\nverify: {patience: 7m}\ntraffic: {bake: 12m}\n"))
	t.Setenv(config.Prefix+"TRAFFIC_BAKE", "14m")
	w.put("verify.patience", "8m", types.ParameterTypeString)
	w.put("traffic.bake", "13m", types.ParameterTypeString)

	var got struct{ Settings []shownSetting }
	text := w.run(exitOK, "", "show", "--path", config.DefaultPath, "-o", "json")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, s := range got.Settings {
		if s.Value != nil {
			origins[s.Key], _ = s.Value.(string)
			origins[s.Key] += " " + strings.Fields(s.Origin)[0]
		}
	}
	for key, want := range map[string]string{"logging.level": "debug file", "verify.patience": "8m parameter", "traffic.bake": "14m environment", "logging.format": "json default"} {
		if origins[key] != want {
			t.Errorf("%s: %q, want %q", key, origins[key], want)
		}
	}
	if len(got.Settings) != len(config.Settings()) {
		t.Errorf("%d settings", len(got.Settings))
	}
	w.says(w.run(exitOK, "", "show", "--origin"), "KEY", "ORIGIN", "verify.patience", "7m", "config.yaml:2", "environment EKS_UPGRADE_AGENT_TRAFFIC_BAKE", "(not set here)")
	again := w.file("shown.yaml", w.run(exitOK, "", "show", "-o", "yaml"))
	w.run(exitOK, "", "validate", again)
	if text := w.run(exitOK, "", "show", "--all=false", "-o", "yaml", "--origin"); strings.Contains(text, "format") || !strings.Contains(text, "# file ") {
		t.Errorf("not only what was given, with its origin:\n%s", text)
	}

	t.Setenv(config.Prefix+"TRAFFIC_BAEK", "1m")
	w.says(w.run(exitUsage, "", "show"), "traffic.bake", "error: EKS_UPGRADE_AGENT_TRAFFIC_BAEK: is not known", `did you mean "EKS_UPGRADE_AGENT_TRAFFIC_BAKE"?`)
	w.says(w.run(exitUsage, "", "show", "-o", "xml"), "use one of: table, json, yaml")
}

func TestSchemaIsPrinted(t *testing.T) {
	want, err := os.ReadFile("../../../docs/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	if code := Run(t.Context(), []string{"config", "schema"}, nil, &out, &stderr); code != exitOK || out.String() != string(want) {
		t.Errorf("exit code %d, %d bytes, %s", code, out.Len(), stderr.String())
	}
}
