package logging_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
)

// eksToken is a made-up token of EKS.
const eksToken = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eQ"

// sample is a text with made-up secrets in it, in the forms of real ones.
type sample struct {
	Name   string
	Text   string
	Secret []string // parts that must go
	Keeps  []string // parts that must stay
}

// corpus reads testdata/secrets.json. There "~~" stands inside what those who
// look for secrets in repositories would take for real.
func corpus(t testing.TB) []sample {
	t.Helper()
	data, err := os.ReadFile("testdata/secrets.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	if err := json.Unmarshal(bytes.ReplaceAll(data, []byte("~~"), nil), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRedactRemovesEverySecret(t *testing.T) {
	for _, c := range corpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			got := logging.Redact(c.Text)
			for _, s := range c.Secret {
				if !strings.Contains(c.Text, s) {
					t.Errorf("%q is not in the text at all", s)
				}
				if strings.Contains(got, s) {
					t.Errorf("%q is still in %q", s, got)
				}
			}
			for _, k := range c.Keeps {
				if !strings.Contains(got, k) {
					t.Errorf("%q is gone from %q", k, got)
				}
			}
		})
	}
}

func TestLinesOfTheCorpusStayJSON(t *testing.T) {
	for _, c := range corpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := logging.New(&out, options)
			if err != nil {
				t.Fatal(err)
			}
			log.Info().Str("detail", c.Text).Str("after", "kept").Msg("x")
			var line map[string]string
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			if line["after"] != "kept" {
				t.Errorf("the redaction ran on into the next field: %q", out.String())
			}
			for _, s := range c.Secret {
				if strings.Contains(out.String(), s) {
					t.Errorf("%q is still in %q", s, out.String())
				}
			}
		})
	}
}

func TestRedactLeavesOrdinaryTextsAlone(t *testing.T) {
	data, err := os.ReadFile("testdata/harmless.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSuffix(text, "\n")
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

func TestPairsInALineOfJSON(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, options)
	if err != nil {
		t.Fatal(err)
	}
	type variable struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	log.Info().Interface("environment", []variable{{"DB_PASSWORD", "hunter2 \"hunter2\""}, {"MODE", "live"}}).Msg("x")
	if text := out.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "live") || !json.Valid(out.Bytes()) {
		t.Error(text)
	}
}

func TestRedactTwiceIsRedactOnce(t *testing.T) {
	for _, c := range corpus(t) {
		if once := logging.Redact(c.Text); logging.Redact(once) != once {
			t.Errorf("%s: %q became %q", c.Name, once, logging.Redact(once))
		}
	}
}

// The time that a line costs matters: each line of each function is redacted.
func BenchmarkRedact(b *testing.B) {
	for name, text := range map[string]string{
		"harmless":  "rolled back: errorRate of shop-green: 12.4% of 310 requests failed in 10m0s (limit 1%)",
		"a secret":  corpus(b)[0].Text,
		"long":      strings.Repeat("node ip-10-0-1-23.eu-west-1.compute.internal is Ready; ", 80),
		"many keys": strings.Repeat(`{"name":"token","key":"value","password":"x"} `, 80),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				logging.Redact(text)
			}
		})
	}
}

func FuzzRedact(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add(c.Text, c.Text)
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
