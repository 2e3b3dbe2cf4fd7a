package worldcli

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

var update = flag.Bool("update", false, "write the answers into testdata/sessions")

// tool finds the CLI. Without it there is nothing to test; where CI is set it
// must be there.
func tool(t *testing.T) Tool {
	t.Helper()
	found, err := FindTool("../../Makefile")
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// newWorld starts a world of its own for a session, so that sessions can run
// side by side and ids repeat.
func newWorld(t *testing.T) (*world.World, *clock.Virtual, map[string]string) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC))
	w, err := world.New(world.Options{Clock: clk, Seed: 1, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	services := full.Add(w, full.Options{Seed: 1, TempDir: t.TempDir()})
	if err := services.AddDefaultVPC(w.Region()); err != nil {
		t.Fatal(err)
	}
	w.Lambda().Register("hello", func(in struct{ Name string }) (string, error) {
		if in.Name == "" {
			return "", errors.New("nobody to greet")
		}
		return "hello, " + in.Name, nil
	}, time.Minute)

	t.Cleanup(func() {
		services.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, clk, map[string]string{"AWS_ENDPOINT_URL": w.URL(), "AWS_DEFAULT_REGION": w.Region(), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
}

func TestSessions(t *testing.T) {
	cli := tool(t)
	scripts, err := filepath.Glob("testdata/sessions/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("sessions: %q, %v", scripts, err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("testdata/files")); err != nil {
				t.Fatal(err)
			}
			w, clk, env := newWorld(t)
			running, err := cli.Start(dir, env)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := running.Close(); err != nil {
					t.Error(err)
				}
			})
			s := &Session{CLI: running, Clock: clk, Dir: dir, Vars: map[string]string{"AWS_ENDPOINT_URL": w.URL()}}
			got, err := s.Replay(string(script))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(script), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", path, d)
			}
		})
	}
}

// The sessions load the CLI once; people start it for every command.
func TestTheCommandItself(t *testing.T) {
	cli := tool(t)
	_, _, env := newWorld(t)
	out, err := cli.Once(t.TempDir(), env, "sts", "get-caller-identity", "--query", "Account", "--output", "text")
	if err != nil || strings.TrimSpace(out) != "123456789012" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		`aws s3 ls`:               {"aws", "s3", "ls"},
		`a 'b c' "d 'e' \"f\""`:   {"a", "b c", `d 'e' "f"`},
		`x='{"a": "b\n"}'`:        {`x={"a": "b\n"}`},
		`a ''  b\ c`:              {"a", "", "b c"},
		`--name="two words" last`: {"--name=two words", "last"},
	} {
		if got, err := Split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
	if _, err := Split(`a 'b`); err == nil {
		t.Error("a quote that is not closed was taken")
	}
}
