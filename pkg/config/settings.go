package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Setting is one key: what it does, its default and what is valid. The loader,
// the JSON Schema and the reference are all made from it.
type Setting struct {
	Key      string
	About    string // what it does, one or two sentences
	Kind     Kind
	Default  any      // of the kind's Go type; nil: none
	Required bool     // there must be a value
	Resource bool     // names something that a deployment makes, and gives to its functions by the environment
	Secret   bool     // the value is never shown, and is a SecureString among parameters
	Choices  []string // the only texts that are valid
	Pattern  string   // a text, or each text of a list, matches it as a whole; an optional text may be empty too
	Least    any      // of the kind's Go type; nil: no limit
	Most     any
	Example  string // a valid value as text, where there is no default
	Remedy   string // what to give

	check func(value any) string // says what else is wrong; nil: nothing can be
	field func(*Config) any      // pointer to where the value goes
}

const (
	tablePattern   = `[A-Za-z0-9_.-]{3,255}`           // DynamoDB developer guide, naming rules
	projectPattern = `[A-Za-z0-9][A-Za-z0-9_-]{1,149}` // CodeBuild API reference, CreateProject name
	textPattern    = `[!-~]+`                          // printable, without spaces
)

const (
	second = upgrade.Duration(time.Second)
	minute = upgrade.Duration(time.Minute)
	hour   = upgrade.Duration(time.Hour)
)

var requests = upgrade.StandardDefaults()

var settings = []Setting{
	{Key: "bucket", Kind: Text, Resource: true, Required: true, field: func(c *Config) any { return &c.Bucket },
		About:   "S3 bucket of snapshots, plans and reports.",
		Pattern: `[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`, Example: "eks-upgrade-artifacts-123456789012-eu-west-1", Remedy: "give the name of the agent's S3 bucket"},

	{Key: "tables.leases", Kind: Text, Resource: true, Default: "eks-upgrade-leases", field: func(c *Config) any { return &c.Tables.Leases },
		About: "DynamoDB table of the leases: who may change which cluster.", Pattern: tablePattern, Required: true, Remedy: "give the name of a DynamoDB table"},
	{Key: "tables.records", Kind: Text, Resource: true, Default: "eks-upgrade-records", field: func(c *Config) any { return &c.Tables.Records },
		About: "DynamoDB table of what every upgrade did.", Pattern: tablePattern, Required: true, Remedy: "give the name of a DynamoDB table"},
	{Key: "tables.approvals", Kind: Text, Resource: true, Default: "eks-upgrade-approvals", field: func(c *Config) any { return &c.Tables.Approvals },
		About: "DynamoDB table of the open approvals, with their task tokens.", Pattern: tablePattern, Required: true, Remedy: "give the name of a DynamoDB table"},
	{Key: "tables.connections", Kind: Text, Resource: true, Default: "eks-upgrade-connections", field: func(c *Config) any { return &c.Tables.Connections },
		About: "DynamoDB table of those who listen to the progress stream.", Pattern: tablePattern, Required: true, Remedy: "give the name of a DynamoDB table"},

	{Key: "events.bus", Kind: Text, Resource: true, Default: "", field: func(c *Config) any { return &c.Events.Bus },
		About:   "EventBridge bus on which the agent publishes its progress. Empty: it publishes nothing.",
		Pattern: `[A-Za-z0-9._/-]{1,256}`, Example: "eks-upgrade", Remedy: "give the name of an EventBridge bus"},
	{Key: "approval.url", Kind: Text, Resource: true, Default: "", field: func(c *Config) any { return &c.Approval.URL }, check: ifSet(secureAddress),
		About:   "Base URL of the approval API, for the links in approval requests. Empty: they tell the way by the command line only.",
		Pattern: textPattern, Example: "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", Remedy: "give an https address"},
	{Key: "stream.url", Kind: Text, Resource: true, Default: "", field: func(c *Config) any { return &c.Stream.URL }, check: ifSet(secureAddress),
		About:   "Callback URL (@connections) of the WebSocket API that streams progress. Empty: nothing is streamed.",
		Pattern: textPattern, Example: "https://f6g7h8i9j0.execute-api.eu-west-1.amazonaws.com/live", Remedy: "give an https address"},

	{Key: "notification.topic", Kind: Text, Resource: true, Required: true, field: func(c *Config) any { return &c.Notification.Topic },
		About:   "ARN of the SNS topic for people: approval requests and alerts.",
		Pattern: `arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}`, Example: "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts", Remedy: "give the ARN of the SNS topic that people listen to"},
	{Key: "notification.webhook", Kind: Text, Default: "", Secret: true, field: func(c *Config) any { return &c.Notification.Webhook }, check: ifSet(secureAddress),
		About:   `URL of a chat's incoming webhook (Slack, Teams, Mattermost ...) that gets what people get by SNS, as {"text": ...}. Who has the URL can post, so it is a secret. Empty: none.`,
		Pattern: textPattern, Remedy: "give an https address"},

	{Key: "security.approvers", Kind: Texts, Default: []string{}, field: func(c *Config) any { return &c.Security.Approvers }, check: everyText(approver),
		About:   "Who may answer by the approval API: ARNs of IAM identities, OIDC subjects or e-mail addresses; * stands for any characters. Only what begins with arn: lets IAM identities in. Empty: whoever the API's authorizer lets in.",
		Pattern: `[!-~]{1,1000}`, Example: "arn:aws:sts::123456789012:assumed-role/platform-lead/*,lead@example.com", Remedy: "give ARNs, OIDC subjects or e-mail addresses, each without spaces"},
	{Key: "security.redact", Kind: Texts, Default: []string{}, field: func(c *Config) any { return &c.Security.Redact }, check: everyText(expression),
		About:   "Regular expressions (RE2) of texts that logs and error messages must not show, besides the secrets that the agent knows by their form.",
		Example: `["ACME-[0-9]{8}"]`, Remedy: "give regular expressions in the syntax of RE2 that match some text"},

	{Key: "logging.level", Kind: Text, Default: "info", Required: true, field: func(c *Config) any { return &c.Logging.Level },
		About: "What is logged: this level and those above it.", Choices: []string{"debug", "info", "warn", "error"}},
	{Key: "logging.format", Kind: Text, Default: "json", Required: true, field: func(c *Config) any { return &c.Logging.Format },
		About: "How lines are written: json for machines, console for people.", Choices: []string{"json", "console"}},

	{Key: "upgrade.soak", Kind: Duration, Default: requests.Soak, field: func(c *Config) any { return &c.Upgrade.Soak },
		About: "How long green is watched under all the traffic before blue goes, when a request does not say.", Least: upgrade.Duration(0), Most: upgrade.Duration(upgrade.MaxWaiting), Remedy: "give 0s to 672h"},
	{Key: "upgrade.decommission", Kind: Text, Default: string(requests.Decommission), Required: true, field: func(c *Config) any { return &c.Upgrade.Decommission },
		About: "What becomes of blue at the end, when a request does not say.", Choices: []string{string(upgrade.DestroyBlue), string(upgrade.KeepBlue)}},
	{Key: "upgrade.approval.mode", Kind: Text, Default: string(requests.Approval.Mode), Required: true, field: func(c *Config) any { return &c.Upgrade.Approval.Mode },
		About: "When a person is asked, when a request does not say: always (required), or when the assessment has findings that need it (onFindings).", Choices: []string{string(upgrade.ApprovalRequired), string(upgrade.ApprovalOnFindings)}},
	{Key: "upgrade.approval.timeout", Kind: Duration, Default: requests.Approval.Timeout, field: func(c *Config) any { return &c.Upgrade.Approval.Timeout },
		About: "How long an approval request is open, when a request does not say. After it the upgrade ends without a change.", Least: minute, Most: 336 * hour, Remedy: "give 1m to 336h"},

	{Key: "traffic.steps", Kind: Integers, Default: requests.Steps, field: func(c *Config) any { return &c.Traffic.Steps },
		About: "Green's percentages of the traffic, in order, when a request does not say.", Least: 1, Most: 100, Remedy: "give rising percentages that end with 100"},
	{Key: "traffic.bake", Kind: Duration, Default: requests.Bake, field: func(c *Config) any { return &c.Traffic.Bake },
		About: "How long each step of the traffic is observed, when a request does not say.", Least: minute, Most: 168 * hour, Remedy: "give 1m to 168h: metrics have a resolution of one minute"},
	{Key: "traffic.ttl", Kind: Duration, Default: requests.TTL, field: func(c *Config) any { return &c.Traffic.TTL },
		About: "TTL of the weighted record sets, when a request does not say.", Least: second, Most: hour, Remedy: "give 1s to 1h: clients keep the old answer for as long"},
	{Key: "traffic.maxErrorRate", Kind: Number, Default: requests.MaxErrorRate, field: func(c *Config) any { return &c.Traffic.MaxErrorRate },
		About: "Share of failed requests that a bake tolerates, when a request does not say.", Least: 0.0, Most: 0.99, Remedy: "give a share from 0 to 0.99"},
	{Key: "traffic.minRequests", Kind: Integer, Default: requests.MinRequests, field: func(c *Config) any { return &c.Traffic.MinRequests },
		About: "Fewer requests than this in a bake are no evidence, when a request does not say.", Least: 1, Most: 1_000_000_000, Remedy: "give 1 or more: no request is no evidence"},

	{Key: "verify.healthMaxAge", Kind: Duration, Default: 5 * minute, field: func(c *Config) any { return &c.Verify.HealthMaxAge },
		About: "An older verdict on a cluster is stale: the cluster is looked at again before it gets traffic.", Least: minute, Most: hour, Remedy: "give 1m to 1h"},
	{Key: "verify.patience", Kind: Duration, Default: 5 * minute, field: func(c *Config) any { return &c.Verify.Patience },
		About: "How long a cluster that is to get traffic, or to stay alone, may be not healthy before the step fails: pods restart now and then.", Least: minute, Most: 30 * minute, Remedy: "give 1m to 30m"},
	{Key: "verify.probeTimeout", Kind: Duration, Default: 10 * second, field: func(c *Config) any { return &c.Verify.ProbeTimeout },
		About: "How long an endpoint may take to answer a probe: longer, and users have gone.", Least: second, Most: minute, Remedy: "give 1s to 1m"},

	{Key: "kubernetes.qps", Kind: Integer, Default: 50, field: func(c *Config) any { return &c.Kubernetes.QPS },
		About: "Requests a second that the agent sends to one API server.", Least: 1, Most: 1000, Remedy: "give 1 to 1000"},
	{Key: "kubernetes.burst", Kind: Integer, Default: 100, field: func(c *Config) any { return &c.Kubernetes.Burst },
		About: "Requests that may be sent at once before kubernetes.qps holds.", Least: 1, Most: 2000, Remedy: "give 1 to 2000, and no less than kubernetes.qps"},
	{Key: "kubernetes.requestTimeout", Kind: Duration, Default: minute, field: func(c *Config) any { return &c.Kubernetes.RequestTimeout },
		About: "How long one request to an API server may take.", Least: second, Most: 4 * minute, Remedy: "give 1s to 4m"},
	{Key: "kubernetes.parallelism", Kind: Integer, Default: 8, field: func(c *Config) any { return &c.Kubernetes.Parallelism },
		About: "How many objects are delivered to green at a time.", Least: 1, Most: 64, Remedy: "give 1 to 64"},
	{Key: "kubernetes.slice", Kind: Duration, Default: minute, field: func(c *Config) any { return &c.Kubernetes.Slice },
		About: "How long one call of the function delivers workloads before it reports progress. The function's own timeout is 5 minutes.", Least: 5 * second, Most: 3 * minute, Remedy: "give 5s to 3m"},

	{Key: "terraform.project", Kind: Text, Resource: true, Default: "eks-upgrade-provision", Required: true, field: func(c *Config) any { return &c.Terraform.Project },
		About: "CodeBuild project that makes green clusters.", Pattern: projectPattern, Remedy: "give the name of a CodeBuild project"},
	{Key: "terraform.timeout", Kind: Duration, Default: hour, field: func(c *Config) any { return &c.Terraform.Timeout },
		About: "How long making a green cluster may take, in whole minutes: the build and the step.", Least: 10 * minute, Most: 8 * hour, check: wholeMinutes, Remedy: "give 10m to 8h, in whole minutes"},

	{Key: "metrics.namespace", Kind: Text, Default: "EKSUpgradeAgent/Ingress", Required: true, field: func(c *Config) any { return &c.Metrics.Namespace },
		About: "CloudWatch namespace of the metrics Requests and Errors, with the dimension Cluster, that a bake is judged by.", Pattern: `[A-Za-z0-9._/#-][A-Za-z0-9._/#:-]{0,254}`, Remedy: "give a CloudWatch namespace"},
	{Key: "metrics.period", Kind: Duration, Default: minute, field: func(c *Config) any { return &c.Metrics.Period },
		About: "Resolution of these metrics, in whole minutes. A bake is no shorter.", Least: minute, Most: hour, check: wholeMinutes, Remedy: "give 1m to 1h, in whole minutes"},
	{Key: "metrics.maxLag", Kind: Duration, Default: 5 * minute, field: func(c *Config) any { return &c.Metrics.MaxLag },
		About: "How old the newest data may be. Older data say nothing about now, and are no pass.", Least: minute, Most: hour, Remedy: "give 1m to 1h"},

	{Key: "releaseNotes.url", Kind: Text, Default: "https://raw.githubusercontent.com/kubernetes/kubernetes/master/CHANGELOG", Required: true, field: func(c *Config) any { return &c.ReleaseNotes.URL }, check: releaseNotesAddress,
		About:   "Folder of the Kubernetes changelogs (CHANGELOG-<version>.md): GitHub's, or a mirror. \"bundled\": those that come with the agent, and EKS's too; nothing is fetched.",
		Pattern: textPattern, Remedy: `give an http or https address, or "bundled"`},
	{Key: "releaseNotes.eksUrl", Kind: Text, Default: "https://docs.aws.amazon.com/eks/latest/userguide", Required: true, field: func(c *Config) any { return &c.ReleaseNotes.EKSURL }, check: address,
		About:   "Folder of the EKS user guide, with kubernetes-versions-standard.html and kubernetes-versions-extended.html: AWS's, or a mirror. No token is sent.",
		Pattern: textPattern, Remedy: "give an http or https address"},
	{Key: "releaseNotes.token", Kind: Text, Default: "", Secret: true, field: func(c *Config) any { return &c.ReleaseNotes.Token },
		About: "Bearer token for releaseNotes.url. Empty: none is sent.", Pattern: `[!-~]{1,1000}`, Remedy: "give the token alone, without spaces"},
	{Key: "releaseNotes.timeout", Kind: Duration, Default: minute, field: func(c *Config) any { return &c.ReleaseNotes.Timeout },
		About: "How long reading one changelog or page, of up to 4 MB, may take.", Least: second, Most: 5 * minute, Remedy: "give 1s to 5m"},

	{Key: "rules.key", Kind: Text, Default: "", field: func(c *Config) any { return &c.Rules.Key },
		About:   "Key of the rules file in the bucket: lifecycles of your own APIs, and findings that shall not count (docs/rules.md). Empty: there is none.",
		Pattern: `rules/[A-Za-z0-9._/-]{1,200}`, Example: "rules/rules.yaml", Remedy: "put the file below rules/ of the bucket and give its key"},
}

// emptySections are known and have no settings yet.
var emptySections = map[string]string{
	"ai": "there is nothing to set for models yet; the monthly budget for them is a setting of the deployment (deploy.yaml)",
}

// Settings returns every setting, in the order in which people read them.
func Settings() []Setting { return slices.Clone(settings) }

// Find returns the setting of a key.
func Find(key string) (Setting, bool) {
	if i := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key }); i >= 0 {
		return settings[i], true
	}
	return Setting{}, false
}

// isSection reports whether there are settings below a key.
func isSection(key string) bool {
	return emptySections[key] != "" || slices.ContainsFunc(settings, func(s Setting) bool { return strings.HasPrefix(s.Key, key+".") })
}

// Limits says which numbers or durations are allowed, "10m to 8h"; "" if there
// are no limits.
func (s Setting) Limits() string {
	if s.Least == nil || s.Most == nil {
		return ""
	}
	return TextOf(s.Least) + " to " + TextOf(s.Most)
}

// remedy is what to give.
func (s Setting) remedy() string {
	if len(s.Choices) > 0 {
		return "use one of: " + strings.Join(s.Choices, ", ")
	}
	return s.Remedy
}

// read makes a value of what a layer holds, or says what is wrong with it.
func (s Setting) read(raw any, textual bool) (any, string) {
	shown := fmt.Sprintf("%v", raw)
	if text, ok := raw.(string); ok {
		shown = fmt.Sprintf("%q", text)
	}
	if s.Secret || SecretShape(shown) != "" {
		shown = "the value"
	}
	value, ok := s.Kind.parse(raw, textual)
	if !ok {
		return nil, fmt.Sprintf("%s is not %s", shown, s.Kind.article())
	}
	if !s.valid(value) {
		return nil, shown + " is not valid"
	}
	if s.check != nil {
		if wrong := s.check(value); wrong != "" {
			return nil, shown + " " + wrong
		}
	}
	return value, ""
}

func (s Setting) valid(value any) bool {
	switch v := value.(type) {
	case string:
		switch {
		case v == "":
			return !s.Required
		case len(s.Choices) > 0:
			return slices.Contains(s.Choices, v)
		}
		return s.Pattern == "" || whole(s.Pattern).MatchString(v)
	case []string:
		return !slices.ContainsFunc(v, func(item string) bool { return item == "" || s.Pattern != "" && !whole(s.Pattern).MatchString(item) })
	case []int:
		return !slices.ContainsFunc(v, func(n int) bool { return !between(n, s.Least, s.Most) })
	case int:
		return between(v, s.Least, s.Most)
	case float64:
		return between(v, s.Least, s.Most)
	case upgrade.Duration:
		return between(v, s.Least, s.Most)
	}
	return false
}

func between[T int | float64 | upgrade.Duration](v T, least, most any) bool {
	if least, ok := least.(T); ok && v < least {
		return false
	}
	if most, ok := most.(T); ok && v > most {
		return false
	}
	return true
}

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

// Parse makes a value of the setting of a text, as parameters and the
// environment hold it. The error is InvalidRequest and names the key.
func (s Setting) Parse(text string) (any, error) {
	value, wrong := s.read(text, true)
	if wrong != "" {
		return nil, problem(s.Key, "", wrong, s.remedy())
	}
	return value, nil
}

// set stores a value of the setting's kind in the configuration.
func (s Setting) set(c *Config, value any) {
	field := reflect.ValueOf(s.field(c)).Elem()
	field.Set(reflect.ValueOf(value).Convert(field.Type()))
}

// Value returns the value of the setting in a configuration, of the kind's Go
// type. It reveals secrets.
func (s Setting) Value(c Config) any {
	field := reflect.ValueOf(s.field(&c)).Elem()
	if field.Kind() == reflect.String {
		return field.String()
	}
	return field.Interface()
}
