package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// shapes are secrets by their form; none is real.
var shapes = map[string]string{
	"access key of AWS":        "AKIAIOSFODNN7EXAMPLE",
	"session key of AWS":       "id=ASIAIOSFODNN7EXAMPLE",
	"secret key of AWS":        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"token of GitHub":          "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
	"fine-grained of GitHub":   "github_pat_11ABCDEFG0aBcDeFgHiJkLmNoPqRsTuVwXyZ",
	"token of GitLab":          "glpat-abcdefghij0123456789",
	"token of Slack":           "xoxb-1234567890-abcdefghij",
	"webhook of Slack":         "https://hooks.slack.com/services/T0/B0/x",
	"webhook of Teams":         "https://contoso.webhook.office.com/webhookb2/x",
	"workflow of Teams":        "https://prod-01.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?api-version=2016-06-01&sig=x",
	"webhook of Discord":       "https://discord.com/api/webhooks/1/x",
	"JSON web token":           "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0abc.c2lnbmF0dXJl",
	"token of EKS":             "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0x",
	"private key":              "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
	"password in an address":   "https://bot:hunter2@git.example.com/mirror",
	"signed address":           "https://b.s3.amazonaws.com/k?X-Amz-Signature=abc",
	"random letters":           "q7Jx2LmZ9vRt4KpW8sNd3FhB6",
	"random hexadecimal":       "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	"random among other words": "use q7Jx2LmZ9vRt4KpW8sNd3FhB6 for the mirror",
}

// plain are texts that settings have.
var plainTexts = []string{
	"", "eks-upgrade-artifacts-123456789012-eu-west-1", "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts",
	"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_PlatformAdministratorAccess_*/lead@example.com",
	"https://raw.githubusercontent.com/kubernetes/kubernetes/master/CHANGELOG", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
	"EksUpgradeAgentStack-LeasesTable1A2B3C4D-1ABCDEFGHIJKL", "EKSUpgradeAgent/Ingress", "MyVeryLongApplicationMetricsNamespace2026", "eks-upgrade-agent-provision-project-for-team-42",
	"https://vpce-0123456789abcdef0-a1b2c3d4.execute-api.eu-west-1.vpce.amazonaws.com/live", "10,25,50,75,100", "ACME-[0-9]{8}", `customer "[^"]*"`, "auth0|5f7c8ec7c33c6c004bbafe82", "248289761001", "lead@example.com", "bundled",
}

func TestSecretsAreFoundByTheirForm(t *testing.T) {
	for name, text := range shapes {
		if config.SecretShape(text) == "" {
			t.Errorf("%s was not found: %q", name, text)
		}
	}
	for _, text := range plainTexts {
		if what := config.SecretShape(text); what != "" {
			t.Errorf("%q is taken for %s", text, what)
		}
	}
	for _, s := range config.Settings() {
		for _, text := range []string{config.TextOf(s.Default), s.Example} {
			if what := config.SecretShape(text); what != "" {
				t.Errorf("%s: %q is taken for %s", s.Key, text, what)
			}
		}
	}
}

func TestSecretsAreFoundByTheirName(t *testing.T) {
	for name, want := range map[string]bool{"releaseNotes.token": true, "github.apiKey": true, "EKS_UPGRADE_AGENT_DB_PASSWORD": true, "tls.privateKey": true, "notification.webhook": true, "secrets": true,
		"bucket": false, "tables.leases": false, "tokens.max": false, "keys": false, "security.redact": false} {
		if config.SecretName(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

// A secret that stands where it does not belong is refused in every layer, and
// what refuses it does not show it.
func TestASecretInAnotherSettingIsReportedAndNotShown(t *testing.T) {
	const secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
	for name, environ := range map[string][]string{
		"a list in the file":         withFile(t, "security: {redact: ['"+secret+"']}", required...),
		"a text in the file":         withFile(t, "metrics: {namespace: '"+secret+"'}", required...),
		"an unknown key in the file": withFile(t, "github: {token: '"+secret+"'}", required...),
		"the environment":            append(required, config.Prefix+"SECURITY_APPROVERS="+secret),
		"an unknown variable":        append(required, config.Prefix+"GITHUB_TOKEN="+secret),
		"a value that is not valid":  append(required, config.Prefix+"LOGGING_LEVEL="+secret),
		"a duration":                 append(required, config.Prefix+"TRAFFIC_BAKE="+secret),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(environ)
			if err == nil || strings.Contains(err.Error(), secret[4:]) {
				t.Errorf("error %v", err)
			}
		})
	}
	for _, s := range []string{"RELEASE_NOTES_TOKEN=with space " + secret, "NOTIFICATION_WEBHOOK=ftp://" + secret} {
		if _, err := config.Load(append(required, config.Prefix+s)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
}

func TestASecretInPlainIsNoticed(t *testing.T) {
	c, err := config.Load(withFile(t, "releaseNotes: {token: abc}\n", append(required, config.Prefix+"NOTIFICATION_WEBHOOK=https://chat.example.com/x")...))
	if err != nil {
		t.Fatal(err)
	}
	notices := c.Notices()
	if len(notices) != 2 || notices[0].Key != "notification.webhook" || !strings.Contains(notices[0].Message, "in the environment") || notices[1].Key != "releaseNotes.token" ||
		!strings.Contains(notices[1].Message, "in the file") || !strings.Contains(notices[1].Remedy, "config push --secret releaseNotes.token=@FILE") {
		t.Errorf("%+v", notices)
	}
	overridden, err := config.Load(withFile(t, "releaseNotes: {token: abc}\n", append(required, config.Prefix+"RELEASE_NOTES_TOKEN=")...))
	if err != nil || len(overridden.Notices()) != 0 || overridden.ReleaseNotes.Token != "" {
		t.Errorf("%+v, %v", overridden.Notices(), err)
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	s := config.ReleaseNotes{Token: "s3cr3t"}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s.Token), string(data)} {
		if strings.Contains(text, "s3cr3t") || strings.Contains(text, "733363723374") {
			t.Errorf("printed: %s", text)
		}
	}
	if s.Token.Reveal() != "s3cr3t" || config.Secret("").String() != "" {
		t.Error("it is lost")
	}
}

// stored are parameters.
type stored []config.Parameter

func (s stored) Parameters(context.Context, string) ([]config.Parameter, error) { return s, nil }

func TestAPlainParameterIsNoPlaceForASecret(t *testing.T) {
	path := config.DefaultPath
	read := func(p ...config.Parameter) (config.Config, []error) {
		return config.Read(t.Context(), config.Sources{Path: path, Parameters: stored(p), Partial: true})
	}
	c, problems := read(config.Parameter{Name: path + "releaseNotes/token", Value: "abc", Secure: true}, config.Parameter{Name: path + "traffic/steps", Value: "50,100"})
	if len(problems) > 0 || c.ReleaseNotes.Token.Reveal() != "abc" || len(c.Traffic.Steps) != 2 || len(c.Notices()) > 0 || c.Origin("traffic.steps") != "parameter /eks-upgrade/config/traffic/steps" {
		t.Errorf("%v, %v", c, problems)
	}
	if _, problems = read(config.Parameter{Name: path + "releaseNotes/token", Value: "abc"}); len(problems) != 1 || !strings.Contains(problems[0].Error(), "is not a SecureString") || strings.Contains(problems[0].Error(), "abc") {
		t.Errorf("%v", problems)
	}
	if _, problems = read(config.Parameter{Name: path + "traffic/stepps", Value: "1"}); len(problems) != 1 || !strings.Contains(problems[0].Error(), `did you mean "traffic.steps"?`) {
		t.Errorf("%v", problems)
	}
	if upgrade.CodeOf(problems[0]) != upgrade.CodeInvalidRequest || upgrade.KindOf(problems[0]) != upgrade.KindInvalidConfiguration {
		t.Errorf("%v", problems)
	}
}
