package lambda

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Idle environments are not used again after idleLife, and there are never more
// of them than maxIdle: each can be a process.
const (
	idleLife = 10 * time.Minute // on the clock
	maxIdle  = 64
	// AWS ends environments after some hours, used or not: their credentials do
	// not last for ever.
	longestLife = 8 * time.Hour
)

// environment is an execution environment: it runs one invocation at a time and
// has a log stream and credentials of its own.
type environment struct {
	s          *Service
	number     int
	function   string
	v          *version
	key        Credentials
	group      string
	stream     string
	invocation string      // the last one's key
	current    *invocation // nil while idle
	begun      time.Time
	used       time.Time
	dead       bool
	process    *process // nil until the first start, and for a handler in process
}

// take returns the environment of a version that was used last, or a new one.
func (s *Service) take(t target) *environment {
	now := s.o.Clock.Now()
	v := t.v
	for n := len(v.idle); n > 0; n = len(v.idle) {
		env := v.idle[n-1]
		v.idle = v.idle[:n-1]
		if now.Sub(env.used) <= idleLife && now.Sub(env.begun) <= longestLife && !env.ended() {
			return env
		}
		s.discard(env)
	}
	s.started++
	env := &environment{s: s, number: s.started, function: t.f.name, v: v, begun: now}
	id := sha256.Sum256(fmt.Appendf(nil, "%s/%d", t.f.name, env.number))
	env.group = value(v.config.LoggingConfig.LogGroup)
	env.stream = fmt.Sprintf("%s/[%s]%x", now.Format("2006/01/02"), *v.config.Version, id[:16])
	if v.handler == nil {
		env.key = s.credentials(env)
		s.callers[env.key.AccessKeyID] = env
	}
	return env
}

// credentials issues those of the function's role, for one environment: by them
// the world knows which environment calls.
func (s *Service) credentials(env *environment) Credentials {
	if s.o.Issue == nil {
		return Credentials{fmt.Sprintf("ASIAWORLDLAMBDA%05d", env.number), "not-a-secret", "lambda"}
	}
	return s.o.Issue(value(env.v.config.Role), env.function)
}

// put takes an environment back after an invocation.
func (s *Service) put(env *environment, killed bool) {
	env.current, env.used = nil, s.o.Clock.Now()
	if killed || s.closed || env.v.retired || env.ended() {
		s.discard(env)
		return
	}
	env.v.idle = append(env.v.idle, env)
	s.trim()
}

// trim ends the environments that were idle longest when there are too many.
func (s *Service) trim() {
	for {
		idle := 0
		var oldest *environment
		for env := range s.live {
			if env.current != nil {
				continue
			}
			idle++
			if oldest == nil || env.used.Before(oldest.used) || (env.used.Equal(oldest.used) && env.number < oldest.number) {
				oldest = env
			}
		}
		if idle <= maxIdle {
			return
		}
		for i, env := range oldest.v.idle {
			if env == oldest {
				oldest.v.idle = append(oldest.v.idle[:i:i], oldest.v.idle[i+1:]...)
				break
			}
		}
		s.discard(oldest)
	}
}

// retire ends the environments of a version that is not invoked any more; those
// in use end after their invocation.
func (s *Service) retire(v *version) {
	if v == nil || v.retired {
		return
	}
	v.retired = true
	for _, env := range v.idle {
		s.discard(env)
	}
	v.idle = nil
}

// discard ends an environment that runs nothing.
func (s *Service) discard(env *environment) {
	env.dead = true
	delete(s.live, env)
	if env.process != nil {
		env.process.end()
	}
}

// ended reports whether there is nothing left to reuse.
func (env *environment) ended() bool {
	return env.dead || (env.process != nil && env.process.ended())
}

// kill ends the environment's process at once; it returns when it is gone.
func (env *environment) kill() {
	if p := env.running(); p != nil {
		p.end()
	}
}

// running returns the environment's process, if it has one by now.
func (env *environment) running() *process {
	env.s.mu.Lock()
	defer env.s.mu.Unlock()
	return env.process
}

func (env *environment) maxMemory() int64 {
	if p := env.running(); p != nil {
		return p.peak.Load()
	}
	return 0
}

// log writes a line of the platform or of the function.
func (env *environment) log(inv *invocation, line string) {
	if inv != nil {
		env.s.mu.Lock()
		inv.tail = append(append(inv.tail, line...), '\n')
		inv.tail = inv.tail[max(0, len(inv.tail)-maxTail):]
		env.s.mu.Unlock()
	}
	if env.s.o.Logs != nil {
		env.s.o.Logs.Write(env.group, env.stream, env.s.o.Clock.Now(), line+"\n")
	}
}

// variables are the environment variables of a process: AWS's, the function's,
// and where the simulated AWS is. Nothing of this program's own leaks in.
// Source: "Defined runtime environment variables".
func (env *environment) variables(api, task, temp string) ([]string, error) {
	c := env.v.config
	vars := map[string]string{
		"_HANDLER": value(c.Handler), "AWS_REGION": env.s.o.Region, "AWS_DEFAULT_REGION": env.s.o.Region,
		"AWS_LAMBDA_FUNCTION_NAME": env.function, "AWS_LAMBDA_FUNCTION_VERSION": *c.Version, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(value(c.MemorySize)),
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": env.group, "AWS_LAMBDA_LOG_STREAM_NAME": env.stream,
		"AWS_LAMBDA_RUNTIME_API": api, "LAMBDA_TASK_ROOT": task, "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"AWS_ACCESS_KEY_ID": env.key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": env.key.SecretAccessKey, "AWS_SESSION_TOKEN": env.key.SessionToken,
		"PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "LD_LIBRARY_PATH": task + ":" + path.Join(task, "lib"), "LANG": "en_US.UTF-8", "TZ": ":UTC",
		"TMPDIR": temp, "AWS_EC2_METADATA_DISABLED": "true",
	}
	if env.s.o.Endpoint != nil {
		vars["AWS_ENDPOINT_URL"] = env.s.o.Endpoint()
	}
	if env.s.o.CABundle != nil {
		bundle, err := env.s.o.CABundle()
		if err != nil {
			return nil, err
		}
		vars["AWS_CA_BUNDLE"], vars["HTTPS_PROXY"] = bundle, vars["AWS_ENDPOINT_URL"]
	}
	maps.Copy(vars, env.s.o.Environment)
	if c.Environment != nil {
		for k, v := range c.Environment.Variables {
			vars[k] = v
		}
	}
	var out []string
	for k, v := range vars {
		out = append(out, k+"="+strings.ToValidUTF8(v, "\uFFFD"))
	}
	slices.Sort(out)
	return out, nil
}
