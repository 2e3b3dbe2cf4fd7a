package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// setting is one key: where its value goes, its default and what is valid.
type setting struct {
	key      string
	fallback string // default; empty: the setting is required
	field    func(*Config) any
	valid    func(value string) bool
	remedy   string
}

var settings = []setting{
	{"bucket", "", func(c *Config) any { return &c.Bucket }, matches(`[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`), "give the name of the agent's S3 bucket"},
	{"topic", "", func(c *Config) any { return &c.Topic }, matches(`arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}`), "give the ARN of the SNS topic that people listen to"},
	{"tables.leases", "eks-upgrade-leases", func(c *Config) any { return &c.Tables.Leases }, table, "give the name of a DynamoDB table"},
	{"tables.records", "eks-upgrade-records", func(c *Config) any { return &c.Tables.Records }, table, "give the name of a DynamoDB table"},
	{"tables.approvals", "eks-upgrade-approvals", func(c *Config) any { return &c.Tables.Approvals }, table, "give the name of a DynamoDB table"},
	{"projects.provision", "eks-upgrade-provision", func(c *Config) any { return &c.Projects.Provision }, project, "give the name of a CodeBuild project"},
	{"projects.scan", "eks-upgrade-scan", func(c *Config) any { return &c.Projects.Scan }, project, "give the name of a CodeBuild project"},
	{"metrics.namespace", "EKSUpgradeAgent/Ingress", func(c *Config) any { return &c.Metrics.Namespace }, matches(`[A-Za-z0-9._/#-][A-Za-z0-9._/#:-]{0,254}`), "give a CloudWatch namespace"},
	{"releaseNotes.url", "https://raw.githubusercontent.com/kubernetes/kubernetes/master/CHANGELOG", func(c *Config) any { return &c.ReleaseNotes.URL }, func(v string) bool { return v == Bundled || webAddress(v) }, `give an http or https address, or "bundled"`},
	{"verify.healthMaxAge", "5m", func(c *Config) any { return &c.Verify.HealthMaxAge }, within(time.Minute, time.Hour), "give 1m to 1h"},
	{"logging.level", "info", func(c *Config) any { return &c.Logging.Level }, matches(`debug|info|warn|error`), "use one of: debug, info, warn, error"},
	{"logging.format", "json", func(c *Config) any { return &c.Logging.Format }, matches(`json|console`), "use one of: json, console"},
}

var (
	table   = matches(`[A-Za-z0-9_.-]{3,255}`)           // DynamoDB developer guide, naming rules
	project = matches(`[A-Za-z0-9][A-Za-z0-9_-]{1,149}`) // CodeBuild API reference, CreateProject name
)

func matches(pattern string) func(string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString
}

func within(least, most time.Duration) func(string) bool {
	return func(value string) bool {
		d, err := time.ParseDuration(value)
		return err == nil && d >= least && d <= most
	}
}

func webAddress(value string) bool {
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// apply sets the field of c, or says what is wrong with the value.
func (s setting) apply(c *Config, value any, origin string) error {
	if value == nil {
		return problem(s.key, "", "is missing", fmt.Sprintf("%s, in the configuration file or as %s", s.remedy, variable(s.key)))
	}
	text, ok := value.(string)
	if !ok {
		return problem(s.key, origin, fmt.Sprintf("%v is not text", value), s.remedy)
	}
	if !s.valid(text) {
		return problem(s.key, origin, fmt.Sprintf("%q is not valid", text), s.remedy)
	}
	switch field := s.field(c).(type) {
	case *string:
		*field = text
	case *upgrade.Duration:
		return field.UnmarshalText([]byte(text))
	}
	return nil
}

func defaults() map[string]any {
	values := map[string]any{}
	for _, s := range settings {
		if s.fallback == "" {
			continue
		}
		parent, name, nested := strings.Cut(s.key, ".")
		if !nested {
			values[s.key] = s.fallback
			continue
		}
		if values[parent] == nil {
			values[parent] = map[string]any{}
		}
		values[parent].(map[string]any)[name] = s.fallback
	}
	return values
}

func known(key string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.key == key })
}

// variable returns the environment variable of a key.
func variable(key string) string {
	var b strings.Builder
	b.WriteString(Prefix)
	for _, r := range key {
		switch {
		case r == '.':
			b.WriteByte('_')
		case unicode.IsUpper(r):
			b.WriteByte('_')
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

// suggestion names the setting that was probably meant, as spell writes it.
// The names are compared without the prefix that all variables share.
func suggestion(name string, spell func(key string) string) string {
	bare := strings.ToLower(strings.TrimPrefix(name, Prefix))
	best, bestDistance := "", len(bare)/2+1 // farther than half the name is no misspelling
	var all []string
	for _, s := range settings {
		candidate := spell(s.key)
		all = append(all, candidate)
		if d := distance(bare, strings.ToLower(strings.TrimPrefix(candidate, Prefix))); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return "remove it; the known names are: " + strings.Join(all, ", ")
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is the Levenshtein distance of two texts, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
