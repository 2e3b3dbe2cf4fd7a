package codebuild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// namedPhase is a phase of the buildspec; Phase is nil when it is left out.
type namedPhase struct {
	*Phase
	key string
	typ types.BuildPhaseType
}

func (p Phases) all() []namedPhase {
	return []namedPhase{
		{p.Install, "install", types.BuildPhaseTypeInstall}, {p.PreBuild, "pre_build", types.BuildPhaseTypePreBuild},
		{p.Build, "build", types.BuildPhaseTypeBuild}, {p.PostBuild, "post_build", types.BuildPhaseTypePostBuild},
	}
}

func (p namedPhase) onFailure() string {
	if p.Phase == nil {
		return ""
	}
	return p.OnFailure
}

// script runs commands one after the other in one shell, as CodeBuild does for
// version 0.2. Exported variables and the working folder go on from phase to
// phase through files in the state folder.
const script = `
__cb_state=$1 __cb_succeeding=$2; shift 2
if [ -e "$__cb_state/env" ]; then . "$__cb_state/env"; cd -- "$(<"$__cb_state/pwd")" || exit; fi
export CODEBUILD_BUILD_SUCCEEDING=$__cb_succeeding
trap '__cb_rc=$?; export -p >"$__cb_state/env"; pwd >"$__cb_state/pwd"; command -p env -0 >"$__cb_state/exported"; exit $__cb_rc' EXIT
for __cb_command in "$@"; do
  printf '[Container] Running command %s\n' "$__cb_command"
  printf %s "$__cb_command" >"$__cb_state/command"
  eval "$__cb_command"
  __cb_rc=$?
  if [ "$__cb_rc" -ne 0 ]; then exit "$__cb_rc"; fi
done
`

// commands runs a phase's commands and then, whatever they did, its finally
// block.
func (r *runner) commands(p namedPhase, succeeding bool) *failure {
	if p.Phase == nil {
		return nil
	}
	if len(p.RuntimeVersions) > 0 {
		r.build.logs.printf("[Container] runtime-versions are not installed: the build runs with what is on this machine\n")
	}
	f := r.shell(p.Commands, succeeding)
	if r.ctx.Err() != nil {
		return f
	}
	if last := r.shell(p.Finally, succeeding && f == nil); f == nil {
		f = last
	}
	return f
}

// shell runs commands in a process group of its own. When the build ends early
// or the commands have ended, all of the group is killed: background processes
// do not outlive their phase.
func (r *runner) shell(commands []Command, succeeding bool) *failure {
	if len(commands) == 0 {
		return nil
	}
	flag := map[bool]string{true: "1", false: "0"}[succeeding]
	args := []string{"--noprofile", "--norc", "-c", script, "bash", filepath.Join(r.dir, "state"), flag}
	for _, c := range commands {
		args = append(args, string(c))
	}
	super, _, err := r.service.supervisor()
	if err != nil {
		return fault(err)
	}
	cmd := exec.Command("bash", args...)
	cmd.Dir, cmd.Env = r.src(), r.env
	cmd.Stdout, cmd.Stderr = r.build.logs.file(), r.build.logs.file()
	p, err := super.Start(cmd)
	if err != nil {
		return fault(err)
	}
	// What cannot be killed has ended.
	stop := context.AfterFunc(r.ctx, func() { _ = p.Kill() })
	r.follow(p.Done())
	stop()
	_ = super.Stop(p, 0)
	err = p.Err()
	if err == nil {
		return nil
	}
	command, readErr := os.ReadFile(filepath.Join(r.dir, "state", "command"))
	if readErr != nil {
		return fault(readErr)
	}
	return failed("COMMAND_EXECUTION_ERROR", "Error while executing command: %s. Reason: %v", command, err)
}

// follow hands the log on while commands run.
func (r *runner) follow(done <-chan struct{}) {
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			r.writeLog(false)
		}
	}
}

// environment gathers the variables of the build. Later ones win: buildspec,
// project and StartBuild, CodeBuild's own, Options.Env.
func (r *runner) environment() *failure {
	s, b := r.service, r.build
	_, uuid, _ := strings.Cut(*b.Id, ":")
	vars := map[string]string{
		"PATH": s.opts.Path, "HOME": filepath.Join(r.dir, "home"), "TMPDIR": filepath.Join(r.dir, "tmp"),
		"AWS_REGION": s.opts.Region, "AWS_DEFAULT_REGION": s.opts.Region,
	}
	if _, fixed := s.opts.Env["AWS_ACCESS_KEY_ID"]; !fixed && s.opts.Issue != nil && value(b.ServiceRole) != "" {
		c := s.opts.Issue(*b.ServiceRole, "AWSCodeBuild-"+uuid)
		vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], vars["AWS_SESSION_TOKEN"] = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
	}
	for k, v := range r.spec.Env.Variables {
		vars[k] = v
	}
	for k, name := range r.spec.Env.ParameterStore {
		v, f := r.parameter(name)
		if f != nil {
			return f
		}
		vars[k] = v
	}
	for _, e := range b.Environment.EnvironmentVariables {
		v := *e.Value
		switch e.Type {
		case "", types.EnvironmentVariableTypePlaintext:
		case types.EnvironmentVariableTypeParameterStore:
			var f *failure
			if v, f = r.parameter(v); f != nil {
				return f
			}
		default:
			return failed("CLIENT_ERROR", "environment variable %s: type %s is not simulated", *e.Name, e.Type)
		}
		vars[*e.Name] = v
	}
	for k, v := range map[string]string{
		"ID": *b.Id, "ARN": *b.Arn, "NUMBER": fmt.Sprint(*b.BuildNumber), "IMAGE": value(b.Environment.Image), "SUCCEEDING": "1",
		"URL": fmt.Sprintf("https://%s.console.aws.amazon.com/codebuild/home?region=%s#/builds/%s/view/new", s.opts.Region, s.opts.Region, *b.Id),
	} {
		vars["CODEBUILD_BUILD_"+k] = v
	}
	for k, v := range map[string]string{
		"INITIATOR": value(b.Initiator), "LOG_PATH": uuid, "SRC_DIR": r.src(), "SOURCE_VERSION": value(b.SourceVersion), "SOURCE_REPO_URL": value(b.Source.Location),
		"KMS_KEY_ID": value(b.EncryptionKey), "PROJECT_ARN": s.arn("project", *b.ProjectName), "START_TIME": fmt.Sprint(b.StartTime.UnixMilli()), "CI": "true", "CONTAINER_NAME": "default",
	} {
		vars["CODEBUILD_"+k] = v
	}
	for k, v := range s.opts.Env {
		vars[k] = v
	}
	for k, v := range vars {
		if strings.ContainsRune(v, 0) {
			return failed("CLIENT_ERROR", "environment variable %s contains a NUL character", k)
		}
		r.env = append(r.env, k+"="+v)
	}
	slices.Sort(r.env)
	return nil
}

func (r *runner) parameter(name string) (string, *failure) {
	if r.service.opts.Parameter == nil {
		return "", failed("Decrypted Variables Error", "parameter %s: no parameter store is set", name)
	}
	v, err := r.service.opts.Parameter(r.ctx, name)
	if err != nil {
		return "", failed("Decrypted Variables Error", "parameter %s does not exist or cannot be read: %v", name, err)
	}
	return v, nil
}

// export reads the values of the buildspec's exported-variables.
func (r *runner) export() *failure {
	if len(r.spec.Env.ExportedVariables) == 0 {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(r.dir, "state", "exported"))
	if err != nil {
		return fault(err)
	}
	values := map[string]string{}
	for pair := range bytes.SplitSeq(data, []byte{0}) {
		k, v, _ := strings.Cut(string(pair), "=")
		values[k] = v
	}
	var exported []types.ExportedEnvironmentVariable
	for _, name := range r.spec.Env.ExportedVariables {
		if v, ok := values[name]; ok {
			exported = append(exported, types.ExportedEnvironmentVariable{Name: ptr(name), Value: ptr(v)})
		}
	}
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.build.ExportedEnvironmentVariables = exported
	return nil
}
