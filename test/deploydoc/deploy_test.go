package deploydoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/worldcli"
)

const (
	root       = "../.."
	pageFile   = root + "/docs/deploy.md"
	anyoneElse = "administrator" // who needs no policy

	// speed is such that the CDK's sessions, which last an hour, outlast a
	// deployment on a busy machine.
	speed = "20"
)

// says is what a block writes, by one of its commands.
var says = map[string][]string{
	"describe-stacks --stack-name EksUpgradeAgent --query 'Stacks[0].Outputs[]": {"ApprovalURL", "Next5Start", "arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade:live"},
	"sns list-subscriptions-by-topic":                                           {"platform@example.com\tPendingConfirmation"},
	"eks-upgrade access --cluster shop":                                         {"aws eks create-access-entry", "eks-upgrade-execute"},
	"config push config.yaml":                                                   {"upgrade.soak", "2h"},
	"config push --secret":                                                      {"notification.webhook"},
	"start request.yaml --dry-run":                                              {`{"cluster":"shop","target":"1.35"`},
	"scheduler get-schedule":                                                    {"ENABLED\tat(", "Europe/Berlin"},
	"eks-upgrade status":                                                        {"shop-1-35-"},
	"make destroy":                                                              {"destroyed", "These stay"},
}

// TestTheCommandsOfThePage runs every block of the page that can be run without
// an account, in order, in one shell and in a copy of this clone, each as the
// person that the page says with the policy that the page gives. In the end
// nothing of the agent is left.
func TestTheCommandsOfThePage(t *testing.T) {
	page := readPage(t)
	tool := installed(t)
	w := startWorld(t)
	active := w.createCluster(t)
	dir := clone(t)
	sh, err := newShell(dir, t.TempDir(), w.environ(t, tool))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"": "export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none\n", anyoneElse: "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n"}
	said := map[string]bool{}
	for _, b := range page.Blocks {
		if b.NotRun != "" {
			continue
		}
		if _, known := keys[b.As]; !known {
			keys[b.As] = w.createPerson(t, b.As, page.Policies[b.As])
		}
		began := time.Now()
		out, err := sh.run(keys[b.As] + b.Commands)
		if err != nil {
			t.Fatalf("docs/deploy.md:%d, as %q: %v\n%s%s", b.Line, b.As, err, b.Commands, out[max(0, len(out)-8000):])
		}
		t.Logf("docs/deploy.md:%d: %.0f s: %s", b.Line, time.Since(began).Seconds(), strings.SplitN(b.Commands, "\n", 2)[0])
		for command, texts := range says {
			if !strings.Contains(b.Commands, command) {
				continue
			}
			said[command] = true
			for _, text := range texts {
				if !strings.Contains(out, text) {
					t.Errorf("docs/deploy.md:%d: no %q in\n%s", b.Line, text, out[max(0, len(out)-8000):])
				}
			}
		}
		if strings.Contains(b.Commands, "cp docs/deploy.example.yaml deploy.yaml") {
			edit(t, filepath.Join(dir, "deploy.yaml"))
			active()
		}
	}
	if err := sh.close(); err != nil {
		t.Error(err)
	}
	for command := range says {
		if !said[command] {
			t.Errorf("the page has no command %q", command)
		}
	}
	w.isEmpty(t)
}

func readPage(t *testing.T) Page {
	t.Helper()
	text, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	page, err := Read(string(text))
	if err != nil {
		t.Fatalf("docs/deploy.md: %v", err)
	}
	return page
}

// installed finds the AWS CLI; where CI is set, it and the other tools must be
// there.
func installed(t *testing.T) worldcli.Tool {
	t.Helper()
	tool, err := worldcli.FindTool(root + "/Makefile")
	for _, name := range []string{"bash", "git", "make", "npm", "python3"} {
		if _, missing := exec.LookPath(name); missing != nil {
			err = errors.Join(err, missing)
		}
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// clone copies what is tracked, or would be, to a folder.
func clone(t *testing.T) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Skipf("this is no clone: %v", err)
	}
	dir := t.TempDir()
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(filepath.Join(root, name))
		}
		to := filepath.Join(dir, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = os.WriteFile(to, data, info.Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// edit says in deploy.yaml what a person of this machine and day would: its
// processor, and a time that is not over.
func edit(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text)
	for from, to := range map[string]string{
		"\narchitecture: arm64":   "\narchitecture: " + map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH],
		"\nproof: true":           "\nproof: false", // saves a minute of packing; infra/make_test.go has the rest
		"at(2026-12-05T01:00:00)": time.Now().AddDate(2, 0, 0).Format("at(2006-01-02T15:04:05)"),
	} {
		if !strings.Contains(edited, from) {
			t.Fatalf("docs/deploy.example.yaml has no %q", from)
		}
		edited = strings.Replace(edited, from, to, 1)
	}
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
}

// world is a running `eks-upgrade world`.
type world struct{ URL, Account, Region string }

func startWorld(t *testing.T) world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var stderr strings.Builder
	go func() {
		code := cli.Run(ctx, []string{"world", "--addr", "127.0.0.1:0", "--control-plane", "none", "--iam", "--speed", speed, "--output", "json"}, nil, in, &stderr)
		_ = in.CloseWithError(fmt.Errorf("the world has ended with %d", code))
		ended <- code
	}()
	var w world
	if err := json.NewDecoder(out).Decode(&w); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return w
}

// config is the administrator's.
func (w world) config() aws.Config {
	return aws.Config{Region: w.Region, BaseEndpoint: &w.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// environ is the environment of a person at the shell: nothing of the account of
// whoever runs the test.
func (w world) environ(t *testing.T, tool worldcli.Tool) []string {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\nPYTHONPATH="+tool.Dir+" PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore exec python3 "+filepath.Join(tool.Dir, "aws")+` "$@"`+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "EKS_UPGRADE_AGENT_CONFIG") && !strings.HasPrefix(name, "MAKE") && name != "MFLAGS" {
			env = append(env, variable)
		}
	}
	return append(env, "PATH="+bin+":"+os.Getenv("PATH"), "YES=1", "AWS_ENDPOINT_URL="+w.URL, "AWS_REGION="+w.Region, "AWS_DEFAULT_REGION="+w.Region,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
}

// createCluster makes the cluster that the example of the settings names. What it
// returns waits until it is there.
func (w world) createCluster(t *testing.T) (active func()) {
	t.Helper()
	role, err := iam.NewFromConfig(w.config()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("shop-cluster"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	api := eks.NewFromConfig(w.config())
	if _, err := api.CreateCluster(t.Context(), &eks.CreateClusterInput{Name: aws.String("shop"), RoleArn: role.Role.Arn, ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{full.DefaultSubnet(1), full.DefaultSubnet(2)}},
		AccessConfig: &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi}}); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		wait := eks.NewClusterActiveWaiter(api, func(o *eks.ClusterActiveWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
		if err := wait.Wait(t.Context(), &eks.DescribeClusterInput{Name: aws.String("shop")}, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}

// createPerson makes a user with a policy of the page and returns the commands
// that make it the one who calls.
func (w world) createPerson(t *testing.T, name, policy string) string {
	t.Helper()
	if policy == "" {
		t.Fatalf("the page has no policy for %s", name)
	}
	if strings.Contains(policy, "key/KEY") {
		key, err := kms.NewFromConfig(w.config()).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/eks-upgrade")})
		if err != nil {
			t.Fatal(err)
		}
		policy = strings.ReplaceAll(policy, "key/KEY", "key/"+*key.KeyMetadata.KeyId)
	}
	api := iam.NewFromConfig(w.config())
	if _, err := api.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("page"), PolicyDocument: &policy}); err != nil {
		t.Fatalf("the policy of %s: %v", name, err)
	}
	key, err := api.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey)
}

// isEmpty checks that nothing of the agent and of CDK is left in the account.
func (w world) isEmpty(t *testing.T) {
	t.Helper()
	ctx, cfg := t.Context(), w.config()
	left := func(kind string, names []string, err error) {
		if err != nil || len(names) > 0 {
			t.Errorf("%s that are left: %q, %v", kind, names, err)
		}
	}
	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	var names []string
	if err == nil {
		for _, s := range stacks.Stacks {
			names = append(names, *s.StackName)
		}
	}
	left("stacks", names, err)
	tables, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	left("tables", tables.TableNames, nil)
	buckets, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(ctx, &s3.ListBucketsInput{})
	names = nil
	if err == nil {
		for _, b := range buckets.Buckets {
			names = append(names, *b.Name)
		}
	}
	left("buckets", names, err)
	parameters, err := ssm.NewFromConfig(cfg).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
	names = nil
	if err == nil {
		for _, p := range parameters.Parameters {
			names = append(names, *p.Name)
		}
	}
	left("parameters", names, err)
	functions, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	names = nil
	if err == nil {
		for _, f := range functions.Functions {
			names = append(names, *f.FunctionName)
		}
	}
	left("functions", names, err)
	aliases, err := kms.NewFromConfig(cfg).ListAliases(ctx, &kms.ListAliasesInput{})
	names = nil
	if err == nil {
		for _, a := range aliases.Aliases {
			if !strings.HasPrefix(*a.AliasName, "alias/aws/") {
				names = append(names, *a.AliasName)
			}
		}
	}
	left("aliases of keys", names, err)
}

func TestEveryPolicyIsUsedOrSaysWhyNot(t *testing.T) {
	page := readPage(t)
	run := map[string]bool{"approver": true} // nobody is asked without a cluster; test/apis proves it
	for _, b := range page.Blocks {
		run[b.As] = run[b.As] || b.NotRun == ""
	}
	for name, policy := range page.Policies {
		if !run[name] {
			t.Errorf("no block is run as %s, so nothing proves the policy", name)
		}
		if !json.Valid([]byte(policy)) {
			t.Errorf("the policy of %s is no JSON", name)
		}
	}
}
