package logging_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
)

// Made-up secrets in the forms of real ones.
const (
	secretKey    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	sessionToken = "IQoJb3JpZ2luX2VjEJr//////////wEaCWV1LXdlc3QtMSJHMEUCIQDexample5Zk9vKq2abcdefghijklmnopqrstuvwxyz0123456789+/example=="
	eksToken     = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eQ"
	taskToken    = "AQCEAAAAKgAAAAMAAAAAAAAAAbGRXWw0example0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz+/=="
	webToken     = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMyJ9.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
	signature    = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
)

// corpus lists texts with the secrets in them.
var corpus = map[string]struct {
	text   string
	secret []string
	keeps  []string
}{
	"EKS token in a header":         {"Get \"https://A.gr7.eu-west-1.eks.amazonaws.com/api\": Authorization: Bearer " + eksToken, []string{eksToken[11:]}, []string{"gr7.eu-west-1.eks", "Authorization"}},
	"EKS token alone":               {"token " + eksToken + " expired", []string{eksToken[11:]}, []string{"expired"}},
	"bearer token":                  {"curl -H 'Authorization: Bearer abcdef0123456789ABCDEF' https://x", []string{"abcdef0123456789"}, []string{"https://x", "curl"}},
	"bearer token of a Go header":   {"map[Accept:[*/*] Authorization:[Bearer abcdef0123456789ABCDEF] User-Agent:[eks]]", []string{"abcdef0123456789"}, []string{"User-Agent:[eks]"}},
	"basic auth":                    {"Authorization: Basic dXNlcjpodW50ZXIyaHVudGVyMg==", []string{"dXNlcjpodW50"}, []string{"Authorization"}},
	"short opaque authorization":    {`{"authorization":"s3cr3t"}`, []string{"s3cr3t"}, []string{"authorization"}},
	"signed request":                {"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/eu-west-1/eks/aws4_request, SignedHeaders=host, Signature=" + signature, []string{signature}, nil},
	"service account token":         {"token: " + webToken, []string{webToken[40:]}, nil},
	"environment of a build":        {"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=" + secretKey + " AWS_SESSION_TOKEN=" + sessionToken + " AWS_REGION=eu-west-1", []string{secretKey, sessionToken[20:]}, []string{"AWS_REGION=eu-west-1"}},
	"credentials file":              {"[default]\naws_secret_access_key = " + secretKey + "\naws_session_token = " + sessionToken + "\nregion = eu-west-1", []string{secretKey, sessionToken[20:]}, []string{"[default]", "region = eu-west-1"}},
	"answer of STS":                 {`{"Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"` + secretKey + `","SessionToken":"` + sessionToken + `","Expiration":"2026-08-01T12:00:00Z"}}`, []string{secretKey, sessionToken[20:]}, []string{"ASIAEXAMPLE", "2026-08-01T12:00:00Z"}},
	"answer of STS in XML":          {"<SessionToken>" + sessionToken + "</SessionToken>", []string{sessionToken[20:]}, nil},
	"Go struct":                     {"aws.Credentials{AccessKeyID:\"ASIAEXAMPLE\", SecretAccessKey:\"" + secretKey + "\", SessionToken:\"" + sessionToken + "\", Source:\"EnvConfig\"}", []string{secretKey, sessionToken[20:]}, []string{"EnvConfig"}},
	"escaped JSON in JSON":          {`{"error":"{\"SecretAccessKey\":\"` + secretKey + `\",\"next\":\"kept\"}"}`, []string{secretKey}, []string{"kept"}},
	"presigned URL":                 {"GET https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260801&X-Amz-Expires=60&X-Amz-Security-Token=abc%2Fdef&X-Amz-Signature=" + signature + ": 403", []string{signature, "abc%2Fdef", "AKID%2F"}, []string{"b.s3.amazonaws.com/k", "X-Amz-Expires=60", "403"}},
	"presigned URL escaped by Go":   {`{"url":"https://sts.amazonaws.com/?Action=GetCallerIdentity\u0026X-Amz-Signature=` + signature + `\u0026x=1"}`, []string{signature}, []string{"GetCallerIdentity"}},
	"password in a URL":             {"clone https://bot:hunter2hunter2@git.example.com/shop.git failed", []string{"hunter2"}, []string{"git.example.com/shop.git", "bot"}},
	"password in a config":          {"password: hunter2hunter2\nuser: bot", []string{"hunter2"}, []string{"user: bot"}},
	"password in JSON":              {`{"grafanaAdminPassword":"hunter2hunter2","user":"bot"}`, []string{"hunter2"}, []string{`"user":"bot"`}},
	"task token in JSON":            {`{"taskToken":"` + taskToken + `","run":"shop-135"}`, []string{taskToken[10:]}, []string{"shop-135"}},
	"task token in a command":       {"aws stepfunctions send-task-success --task-token " + taskToken + " --task-output file://a.json", []string{taskToken[10:]}, []string{"--task-output file://a.json"}},
	"private key":                   {"read -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabcdef\n-----END RSA PRIVATE KEY----- done", []string{"MIIEpAIBAAKCAQEA", "abcdef"}, []string{"read", "done"}},
	"private key that is cut":       {"-----BEGIN PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA", []string{"MIIEpAIBAAKCAQEA"}, nil},
	"token of a forge":              {"remote: ghp_abcdefghijklmnopqrstuvwxyz0123456789", []string{"abcdefghijklmnop"}, nil},
	"environment, quoted by printf": {`env "GITHUB_TOKEN"="abcdefghijklmnopqrstuvwxyz"`, []string{"abcdefghijklm"}, []string{"GITHUB_TOKEN"}},
}

func TestRedactRemovesEverySecret(t *testing.T) {
	for name, c := range corpus {
		t.Run(name, func(t *testing.T) {
			got := logging.Redact(c.text)
			for _, s := range c.secret {
				if strings.Contains(got, s) {
					t.Errorf("%q is still in %q", s, got)
				}
			}
			for _, k := range c.keeps {
				if !strings.Contains(got, k) {
					t.Errorf("%q is gone from %q", k, got)
				}
			}
		})
	}
}

func TestLinesOfTheCorpusStayJSON(t *testing.T) {
	for name, c := range corpus {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := logging.New(&out, options)
			if err != nil {
				t.Fatal(err)
			}
			log.Info().Str("detail", c.text).Str("after", "kept").Msg("x")
			var line map[string]string
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			if line["after"] != "kept" {
				t.Errorf("the redaction ran on into the next field: %q", out.String())
			}
			for _, s := range c.secret {
				if strings.Contains(out.String(), s) {
					t.Errorf("%q is still in %q", s, out.String())
				}
			}
		})
	}
}

func TestRedactLeavesOrdinaryTextsAlone(t *testing.T) {
	for _, text := range []string{
		"rolled back: errorRate of shop-green: 12.4% of 310 requests failed in 10m0s (limit 1%)",
		`{"plan":{"bucket":"eks-upgrade-artifacts-123456789012-eu-west-1","key":"plans/` + signature + `.json","sha256":"` + signature + `"}}`,
		"ClientRequestToken " + signature,
		"arn:aws:iam::123456789012:role/eks-upgrade-execute is not authorized to perform: route53:ChangeResourceRecordSets",
		"the token is missing; Bearer authentication failed",
		"secret/tls-cert in namespace shop was not read",
		"https://docs.aws.amazon.com/eks/latest/userguide/rollback.html:12 user@example.com",
	} {
		if got := logging.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestFieldsWithASecretsName(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, options)
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Str("taskToken", "a b, c").Str("Authorization", "a b, c").Strs("apiKeys", []string{"a b, c", "a b, c"}).Str("key", "kept").Msg("x")
	if text := out.String(); strings.Contains(text, "a b") || !strings.Contains(text, "kept") || !json.Valid(out.Bytes()) {
		t.Error(text)
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"a\n\tb  c":                   "a b c",
		"\x1b[31mred\x00":             "[31mred",
		"\u202egnp.exe":               "gnp.exe",
		"a\xffb":                      "a?b",
		"password: hunter2hunter2":    "password: [REDACTED]",
		strings.Repeat("é", 50) + "x": strings.Repeat("é", 50) + " ...",
	} {
		if got := logging.Line(text, 50); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, c := range corpus {
		f.Add(c.text, c.text)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := logging.Redact(before + " " + eksToken + " " + after); !strings.Contains(before+after, eksToken[11:]) && strings.Contains(got, eksToken[11:]) {
			t.Errorf("the token is still in %q", got)
		}
		var out bytes.Buffer
		log, err := logging.New(&out, options)
		if err != nil {
			t.Fatal(err)
		}
		log.Info().Str("detail", before).Str("after", "kept").Msg(after)
		var line map[string]string
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["after"] != "kept" {
			t.Errorf("%q makes the line %q", before, out.String())
		}
	})
}
