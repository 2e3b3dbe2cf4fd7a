package statemachine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// upgrades plays the upgrade machine: each execution takes an hour and ends as
// its cluster's entry says, well when there is none.
type upgrades struct {
	t     *testing.T
	clk   *clock.Virtual
	fails map[string]bool

	mu      sync.Mutex
	order   []string // clusters, as they began
	names   []string // of the executions
	running int
	most    int
}

// Start implements asl.Tasks.
func (u *upgrades) Start(req asl.TaskRequest, done func(asl.TaskResult)) func() {
	var in struct {
		StateMachineArn, Name string
		Input                 struct{ Cluster string }
	}
	if err := json.Unmarshal(req.Arguments, &in); err != nil {
		u.t.Error(err)
	}
	if !strings.HasSuffix(req.Resource, "states:startExecution.sync:2") || in.StateMachineArn != "arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade:live" {
		u.t.Errorf("%s of %s", req.Resource, in.StateMachineArn)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.order, u.names = append(u.order, in.Input.Cluster), append(u.names, in.Name)
	u.running++
	u.most = max(u.most, u.running)
	u.clk.AfterFunc(time.Hour, func() {
		u.mu.Lock()
		u.running--
		u.mu.Unlock()
		if u.fails[in.Input.Cluster] {
			done(asl.TaskResult{Err: &asl.Error{Name: "States.TaskFailed", Cause: "rolled back"}})
			return
		}
		done(asl.TaskResult{Output: json.RawMessage(`{"ExecutionArn":"arn","Output":{"outcome":"succeeded"}}`)})
	})
	return func() { u.t.Errorf("the upgrade of %s was stopped half way", in.Input.Cluster) }
}

func fleetOf(waves ...string) string { return `{"waves":[` + strings.Join(waves, ",") + `]}` }

func wave(options string, clusters ...string) string {
	var requests []string
	for _, c := range clusters {
		requests = append(requests, `{"cluster":"`+c+`","target":"1.35"}`)
	}
	return `{"requests":[` + strings.Join(requests, ",") + `]` + options + `}`
}

// runFleet runs the document to its end and returns how long it took.
func runFleet(t *testing.T, u *upgrades, input string) (*asl.Execution, time.Duration) {
	t.Helper()
	m, err := asl.Parse(Fleet)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	u.t, u.clk = t, clock.NewVirtual(begin)
	e, err := m.Start(asl.Options{Clock: u.clk, Tasks: u, Input: json.RawMessage(input),
		ExecutionArn: "arn:aws:states:eu-west-1:123456789012:execution:eks-upgrade-fleet:q3", StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade-fleet"})
	if err != nil {
		t.Fatal(err)
	}
	for e.Status() == asl.Running {
		if !u.clk.Next() {
			t.Fatal("the execution stands still")
		}
	}
	return e, u.clk.Now().Sub(begin)
}

func TestFleets(t *testing.T) {
	for name, c := range map[string]struct {
		waves  []string
		fails  []string
		order  []string // sorted within what may run side by side
		most   int
		took   time.Duration
		cause  string // of a failure
		output string
	}{
		"one cluster": {waves: []string{wave("", "a")}, order: []string{"a"}, most: 1, took: time.Hour, output: `{"waves":1,"clusters":1}`},
		"one at a time without another word": {waves: []string{wave("", "a", "b", "c")}, order: []string{"a", "b", "c"}, most: 1, took: 3 * time.Hour,
			output: `{"waves":1,"clusters":3}`},
		"a canary soaks, then two at a time": {waves: []string{wave(`,"soakMinutes":90`, "canary"), wave(`,"maxConcurrency":2,"soakMinutes":90`, "a", "b", "c")},
			order: []string{"canary", "a", "b", "c"}, most: 2, took: time.Hour + 90*time.Minute + 2*time.Hour, output: `{"waves":2,"clusters":4}`},
		"the first failure is the end": {waves: []string{wave("", "a", "b"), wave("", "c")}, fails: []string{"a"}, order: []string{"a"}, most: 1, took: time.Hour,
			cause: "wave 1 of 2: TooManyFailures: 1 of 2 upgrades did not succeed: a"},
		"what runs beside a failure goes on": {waves: []string{wave(`,"maxConcurrency":2,"name":"eu"`, "a", "b", "c")}, fails: []string{"a"}, order: []string{"a", "b"}, most: 2,
			took: time.Hour, cause: "wave 1 of 1 (eu): TooManyFailures: 1 of 3 upgrades did not succeed: a"},
		"tolerated failures": {waves: []string{wave(`,"maxFailures":1`, "a", "b"), wave("", "c")}, fails: []string{"a"}, order: []string{"a", "b", "c"}, most: 1,
			took: 3 * time.Hour, output: `{"waves":2,"clusters":3}`},
		"failures count by wave": {waves: []string{wave(`,"maxFailures":1`, "a", "b"), wave(`,"maxFailures":1`, "c", "d")}, fails: []string{"a", "c", "d"},
			order: []string{"a", "b", "c", "d"}, most: 1, took: 4 * time.Hour, cause: "wave 2 of 2: TooManyFailures: 2 of 2 upgrades did not succeed: c, d"},
	} {
		t.Run(name, func(t *testing.T) {
			u := &upgrades{fails: map[string]bool{}}
			for _, f := range c.fails {
				u.fails[f] = true
			}
			e, took := runFleet(t, u, fleetOf(c.waves...))
			order := slices.Clone(u.order)
			if u.most > 1 {
				slices.Sort(order)
				slices.Sort(c.order)
			}
			if diff := cmp.Diff(c.order, order); diff != "" {
				t.Errorf("clusters:\n%s", diff)
			}
			if u.most != c.most || took != c.took {
				t.Errorf("%d at a time in %s, want %d in %s", u.most, took, c.most, c.took)
			}
			switch {
			case c.cause != "" && (e.Status() != asl.Failed || e.Err().Name != "WaveFailed" || e.Err().Cause != c.cause):
				t.Errorf("%s, %v, want %q", e.Status(), e.Err(), c.cause)
			case c.cause == "" && (e.Status() != asl.Succeeded || string(e.Output()) != c.output):
				t.Errorf("%s, %s, %v", e.Status(), e.Output(), e.Err())
			}
		})
	}
}

func TestFleetsNameTheirExecutionsTheSameEachTime(t *testing.T) {
	long := strings.Repeat("a-cluster-of-a-long-name-", 4)
	var names [2][]string
	for i := range names {
		u := &upgrades{}
		runFleet(t, u, fleetOf(wave("", "a", long[:100], long[:99])))
		names[i] = u.names
	}
	if diff := cmp.Diff(names[0], names[1]); diff != "" {
		t.Error(diff)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names[0])))) != 3 {
		t.Errorf("names %q", names[0])
	}
	for _, n := range names[0] {
		if len(n) > 80 || !strings.HasPrefix(n, "q3-a") {
			t.Errorf("%q is not a name of an execution: %d characters", n, len(n))
		}
	}
}

func TestFleetsRefuseWhatIsWrong(t *testing.T) {
	for input, says := range map[string]string{
		`{}`:                                                          "waves: give a list",
		`{"waves":[]}`:                                                "waves: give a list",
		`{"waves":{"requests":[]}}`:                                   "waves: give a list",
		`{"waves":[7]}`:                                               "a wave is no object",
		`{"waves":[{}]}`:                                              "a wave has no requests",
		`{"waves":[{"requests":[]}]}`:                                 "a wave has no requests",
		`{"waves":[{"requests":[{}]}]}`:                               "names no cluster",
		fleetOf(wave("", "a"), wave("", "a")):                         "a cluster is named twice",
		fleetOf(wave(`,"maxFailure":1`, "a")):                         "the field maxFailure is not known",
		fleetOf(wave(`,"maxFailures":-1`, "a")):                       "waves.maxFailures",
		fleetOf(wave(`,"soakMinutes":"1"`, "a")):                      "waves.soakMinutes",
		fleetOf(wave(`,"maxConcurrency":0`, "a")):                     "waves.maxConcurrency",
		fleetOf(wave(`,"maxConcurrency":1.5`, "a")):                   "waves.maxConcurrency",
		strings.Replace(fleetOf(wave("", "a")), `{`, `{"wave":1,`, 1): "the field wave is not known",
	} {
		u := &upgrades{}
		e, _ := runFleet(t, u, input)
		if e.Status() != asl.Failed || e.Err().Name != "InvalidRequest" || !strings.Contains(e.Err().Cause, says) || len(u.order) > 0 {
			t.Errorf("%s: %s, %v, want %q", input, e.Status(), e.Err(), says)
		}
	}
}

func TestFleetsOfManyClustersStayWithinTheHistory(t *testing.T) {
	var clusters []string
	for i := range 500 {
		clusters = append(clusters, fmt.Sprintf("cluster-%03d", i))
	}
	events := 0
	m, err := asl.Parse(Fleet)
	if err != nil {
		t.Fatal(err)
	}
	u := &upgrades{t: t, clk: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))}
	e, err := m.Start(asl.Options{Clock: u.clk, Tasks: u, Input: json.RawMessage(fleetOf(wave("", clusters...))), OnEvent: func(asl.Event) { events++ },
		ExecutionArn: "arn:aws:states:eu-west-1:123456789012:execution:eks-upgrade-fleet:q3", StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade-fleet"})
	if err != nil {
		t.Fatal(err)
	}
	for e.Status() == asl.Running && u.clk.Next() {
	}
	if e.Status() != asl.Succeeded || len(u.order) != 500 || events > 20000 {
		t.Errorf("%s after %d upgrades and %d events: %v", e.Status(), len(u.order), events, e.Err())
	}
}
