package parameters_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/parameters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/stored"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

const (
	path   = config.DefaultPath
	secret = "s3cr3t"
)

type store struct {
	*world.World
	t   *testing.T
	ssm *ssm.Client
	key string // ARN
}

func newStore(t *testing.T) *store {
	t.Helper()
	w, err := world.New(world.Options{IAM: true, Clock: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s := &store{World: w, t: t, ssm: ssm.NewFromConfig(w.AWSConfig())}
	keys := kms.NewFromConfig(w.AWSConfig())
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	s.must(err)
	s.key = *key.KeyMetadata.Arn
	_, err = keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/eks-upgrade"), TargetKeyId: key.KeyMetadata.KeyId})
	s.must(err)
	return s
}

func (s *store) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) put(key, value string, kind types.ParameterType) {
	s.t.Helper()
	_, err := s.ssm.PutParameter(s.t.Context(), &ssm.PutParameterInput{Name: aws.String(config.ParameterName(path, key)), Value: &value, Type: kind})
	s.must(err)
}

// as returns the configuration of a role that may do these things.
func (s *store) as(role string, statements ...string) aws.Config {
	s.t.Helper()
	roles := iam.NewFromConfig(s.AWSConfig())
	_, err := roles.CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &role,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	s.must(err)
	if len(statements) > 0 {
		_, err = roles.PutRolePolicy(s.t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("may"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)})
		s.must(err)
	}
	session := s.STS().Issue("arn:aws:iam::123456789012:role/"+role, "test")
	cfg := s.AWSConfig()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(session.AccessKeyID, session.SecretAccessKey, session.SessionToken)
	return cfg
}

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q}`, action, resource)
}

func TestAllPagesAreReadAndDecrypted(t *testing.T) {
	s := newStore(t)
	for i := range 23 { // Parameter Store gives ten a page
		s.put(fmt.Sprintf("tables.t%02d", i), "abc", types.ParameterTypeString)
	}
	_, err := s.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(path + "releaseNotes/token"), Value: aws.String(secret), Type: types.ParameterTypeSecureString, KeyId: &s.key})
	s.must(err)
	_, err = s.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/eks-upgrade/configuration"), Value: aws.String("another's"), Type: types.ParameterTypeString})
	s.must(err)
	all, err := stored.Reader{AWS: s.AWSConfig()}.Parameters(t.Context(), path)
	if err != nil || len(all) != 24 {
		t.Fatalf("%d parameters, %v", len(all), err)
	}
	if want := (config.Parameter{Name: path + "releaseNotes/token", Value: secret, Secure: true}); all[0] != want {
		t.Errorf("%+v", all[0])
	}
	if all, err := (stored.Reader{AWS: s.AWSConfig()}).Parameters(t.Context(), "/nothing/here"); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestThrottlingIsLeftToTheSDK(t *testing.T) {
	s := newStore(t)
	s.put("traffic.bake", "20m", types.ParameterTypeString)
	s.Faults().Add(world.Fault{Service: "ssm", Operation: "GetParametersByPath", Mode: world.Throttle, Count: 2})
	if all, err := (stored.Reader{AWS: s.AWSConfig()}).Parameters(t.Context(), path); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// The error is all that a person has when functions do not start.
func TestAMissingPermissionIsNamed(t *testing.T) {
	s := newStore(t)
	_, err := s.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(path + "releaseNotes/token"), Value: aws.String(secret), Type: types.ParameterTypeSecureString, KeyId: &s.key})
	s.must(err)
	const below = "arn:aws:ssm:eu-west-1:123456789012:parameter/eks-upgrade/config"
	read := allow("ssm:GetParametersByPath", below)
	for _, c := range []struct {
		role  string
		may   []string
		names string // in the error; "": it is read
	}{
		{"everything", []string{read, allow("kms:Decrypt", s.key)}, ""},
		{"nothing", nil, "ssm:GetParametersByPath on arn:aws:ssm:REGION:ACCOUNT:parameter/eks-upgrade/config"},
		{"another-path", []string{allow("ssm:GetParametersByPath", below+"/tables"), allow("kms:Decrypt", s.key)}, "ssm:GetParametersByPath"},
		{"no-key", []string{read}, "kms:Decrypt"},
	} {
		t.Run(c.role, func(t *testing.T) {
			all, err := stored.Reader{AWS: s.as(c.role, c.may...)}.Parameters(t.Context(), path)
			if c.names == "" {
				if err != nil || len(all) != 1 {
					t.Errorf("%v, %v", all, err)
				}
				return
			}
			if upgrade.CodeOf(err) != upgrade.CodePermissionDenied || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestADiffIsWrittenAndThenThereIsNone(t *testing.T) {
	s := newStore(t)
	s.put("traffic.bake", "600s", types.ParameterTypeString)
	s.put("traffic.ttl", "1m", types.ParameterTypeString)
	s.put("releaseNotes.token", secret, types.ParameterTypeString)
	s.put("logging.level", "debug", types.ParameterTypeSecureString)
	s.put("old.key", "x", types.ParameterTypeString)
	wanted := map[string]string{"traffic.bake": "10m", "traffic.ttl": "30s", "releaseNotes.token": secret, "logging.level": "debug", "notification.webhook": "https://chat.example.com/" + secret, "events.bus": ""}
	reader := stored.Reader{AWS: s.AWSConfig()}
	there, err := reader.Parameters(t.Context(), path)
	s.must(err)
	changes := parameters.Diff(path, wanted, there)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s %s->%s", c.Action, c.Key, c.Stored, c.Wanted))
	}
	want := []string{"retype logging.level (secret)->(secret)", "create notification.webhook ->(secret)", "delete old.key x->", "retype releaseNotes.token (secret)->(secret)", "update traffic.ttl 1m->30s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	data, err := json.Marshal(changes)
	if err != nil || strings.Contains(string(data), secret) {
		t.Errorf("%s, %v", data, err)
	}
	for _, c := range changes {
		s.must(parameters.Writer{SSM: s.ssm, Key: "alias/eks-upgrade"}.Apply(t.Context(), c))
	}
	now, err := reader.Parameters(t.Context(), path)
	s.must(err)
	if left := parameters.Diff(path, wanted, now); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	sorted := func(all []config.Parameter) map[string]config.Parameter {
		m := map[string]config.Parameter{}
		for _, p := range all {
			m[p.Name] = p
		}
		return m
	}
	if diff := cmp.Diff(sorted(parameters.After(there, changes)), sorted(now)); diff != "" {
		t.Errorf("After is not what is after it: %s", diff)
	}
}

// interrupting interrupts the program after each deletion.
type interrupting struct {
	parameters.Putter
	interrupt func()
}

func (p interrupting) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput, o ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	defer p.interrupt()
	return p.Putter.DeleteParameter(ctx, in, o...)
}

func TestAnInterruptLosesNoSetting(t *testing.T) {
	s := newStore(t)
	s.put("releaseNotes.token", secret, types.ParameterTypeString)
	there, err := stored.Reader{AWS: s.AWSConfig()}.Parameters(t.Context(), path)
	s.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	changes := parameters.Diff(path, map[string]string{"releaseNotes.token": secret}, there)
	s.must(parameters.Writer{SSM: interrupting{s.ssm, cancel}, Key: "alias/eks-upgrade"}.Apply(ctx, changes[0]))
	if now, err := (stored.Reader{AWS: s.AWSConfig()}).Parameters(t.Context(), path); err != nil || len(now) != 1 || !now[0].Secure || ctx.Err() == nil {
		t.Errorf("%+v, %v", now, err)
	}
}

// Parameter Store does not change a parameter's type: nothing may be lost
// without a word when the second half fails.
func TestATypeThatCouldOnlyHalfBeChangedSaysSo(t *testing.T) {
	s := newStore(t)
	s.put("releaseNotes.token", secret, types.ParameterTypeString)
	there, err := stored.Reader{AWS: s.AWSConfig()}.Parameters(t.Context(), path)
	s.must(err)
	changes := parameters.Diff(path, map[string]string{"releaseNotes.token": secret}, there)
	err = parameters.Writer{SSM: s.ssm, Key: "alias/none"}.Apply(t.Context(), changes[0])
	if err == nil || !strings.Contains(err.Error(), "could not be made again") || !strings.Contains(err.Error(), "push again") || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
}

func TestAMissingPermissionToWriteIsNamed(t *testing.T) {
	s := newStore(t)
	nobody := parameters.Writer{SSM: ssm.NewFromConfig(s.as("nobody")), Key: "alias/eks-upgrade"}
	for name, c := range map[string]struct {
		wanted map[string]string
		stored []config.Parameter
		says   string
	}{
		"a text":     {map[string]string{"traffic.bake": "10m"}, nil, "ssm:PutParameter on arn:aws:ssm:REGION:ACCOUNT:parameter/eks-upgrade/config/traffic/bake"},
		"a secret":   {map[string]string{"releaseNotes.token": secret}, nil, "kms:"},
		"a deletion": {nil, []config.Parameter{{Name: path + "old", Value: "x"}}, "ssm:DeleteParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			err := nobody.Apply(t.Context(), parameters.Diff(path, c.wanted, c.stored)[0])
			if upgrade.CodeOf(err) != upgrade.CodePermissionDenied || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v", err)
			}
		})
	}
}
