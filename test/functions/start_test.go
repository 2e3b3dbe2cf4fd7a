package functions

import (
	"bytes"
	"compress/flate"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOnlyTheWorldsFunctionsAskIt proves that what `make build` makes has none
// of the code by which a function tells a simulated time.
func TestOnlyTheWorldsFunctionsAskIt(t *testing.T) {
	const asked = "/_world/"
	for _, c := range []struct {
		o    Options
		want bool
	}{{Options{Names: []string{"lease"}, MachineClock: true}, false}, {Options{Names: []string{"lease"}}, true}} {
		dir := t.TempDir()
		if _, err := Build(t.Context(), dir, c.o); err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(dir, "lease", "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(program, []byte(asked)); got != c.want {
			t.Errorf("built with %+v: has %s: %t", c.o, asked, got)
		}
	}
}

// starts is how often a function is started; the median counts.
const starts = 11

// BenchmarkStart measures, for each function as production has it, but for this
// machine's processor, the size of its zip and the time from the start of its
// process until it asks Lambda for work. It says nothing of Parameter Store,
// which is one call more.
//
//	go test -run xxx -bench Start -benchtime 1x ./test/functions
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	names, err := Build(b.Context(), dir, Options{MachineClock: true})
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			bootstrap := filepath.Join(dir, name, "bootstrap")
			for b.Loop() {
				var took, used []time.Duration
				for range starts {
					wall, cpu := start(b, bootstrap)
					took, used = append(took, wall), append(used, cpu)
				}
				slices.Sort(took)
				slices.Sort(used)
				b.ReportMetric(milliseconds(took[starts/2]), "ms/start")
				b.ReportMetric(milliseconds(used[starts/2]), "cpu-ms/start")
				b.ReportMetric(0, "ns/op") // says nothing
				b.ReportMetric(float64(compressed(b, bootstrap)), "zip-bytes")
			}
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// start returns how long a function takes until it asks for work, and how much of
// the processor's time: on a busy machine that is what to look at.
func start(b *testing.B, bootstrap string) (wall, cpu time.Duration) {
	b.Helper()
	asked := make(chan time.Time, 1)
	over := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- time.Now():
		default:
		}
		<-over
	}))
	c := exec.Command(bootstrap)
	c.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"), "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=not-a-secret",
		"EKS_UPGRADE_AGENT_BUCKET=artifacts", "EKS_UPGRADE_AGENT_NOTIFICATION_TOPIC=arn:aws:sns:eu-west-1:123456789012:alerts",
		"EKS_UPGRADE_AGENT_EVENTS_BUS=eks-upgrade", "EKS_UPGRADE_AGENT_STREAM_URL=https://stream.example.com/live", "EKS_UPGRADE_AGENT_APPROVAL_URL=https://approve.example.com"}
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	begun := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case at := <-asked:
		wall = at.Sub(begun)
		_ = c.Process.Kill() // it has ended otherwise
		<-ended
		cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	case err := <-ended:
		b.Errorf("%s ended: %v\n%s", bootstrap, err, said.String())
	}
	close(over)
	api.Close()
	return wall, cpu
}

func compressed(b *testing.B, file string) int {
	b.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil || w.Close() != nil {
		b.Fatal(err)
	}
	return out.Len()
}
