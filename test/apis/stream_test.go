package apis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/coder/websocket"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
	names "github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (s *stage) listen(upgradeID string) *agentapi.Listener {
	s.t.Helper()
	l, err := agentapi.Stream{URL: s.stream, Auth: s.auth()}.Listen(s.t.Context(), upgradeID)
	must(s.t, err)
	s.t.Cleanup(func() { _ = l.Close() })
	return l
}

// next reads messages until one says what is wanted.
func (s *stage) next(l *agentapi.Listener, want string) stream.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	for {
		m, err := l.Next(ctx)
		if err != nil {
			s.t.Fatalf("waiting for %q: %v\n%s", want, err, s.log)
		}
		if strings.Contains(string(m.Detail), want) {
			return m
		}
	}
}

func (s *stage) publish(detailType string, detail any) {
	s.t.Helper()
	text, err := json.Marshal(detail)
	must(s.t, err)
	out, err := eventbridge.NewFromConfig(s.cfg).PutEvents(s.t.Context(), &eventbridge.PutEventsInput{Entries: []eb.PutEventsRequestEntry{{EventBusName: aws.String(names.Bus), Source: aws.String(names.Source), DetailType: &detailType, Detail: aws.String(string(text))}}})
	must(s.t, err)
	if out.FailedEntryCount > 0 {
		s.t.Fatal(aws.ToString(out.Entries[0].ErrorMessage))
	}
}

func (s *stage) progress(upgradeID string, e progress.Event) {
	s.t.Helper()
	e.Time = upgrade.At(time.Now())
	s.publish(names.UpgradeProgress, events.Progress{Upgrade: upgradeID, Event: e})
}

func TestWhatThePhasesTellReachesTheListeners(t *testing.T) {
	s := newStage(t)
	one, all, other := s.listen(id), s.listen(""), s.listen("cart-135")
	token := s.ask()
	for _, l := range []*agentapi.Listener{one, all} {
		s.next(l, "people were asked to approve plan")
	}
	q, err := s.approvals().Question(t.Context(), id)
	must(t, err)
	_, err = s.approvals().Answer(t.Context(), id, answerOf(q, token, true))
	must(t, err)
	m := s.next(one, "approved by")
	if m.ID == "" || m.Type != names.UpgradeProgress {
		t.Errorf("%+v", m)
	}
	s.progress("cart-135", progress.Event{Kind: progress.Note, Text: "for the other"})
	if m := s.next(other, "note"); !strings.Contains(string(m.Detail), "for the other") {
		t.Errorf("%s", m.Detail)
	}
}

func TestAConnectionIsMadeForgottenAndAnswered(t *testing.T) {
	s := newStage(t)
	count := func() int { return len(s.world.DynamoDB().Items(s.config.Tables.Connections)) }
	l := s.listen(id)
	if count() != 1 {
		t.Errorf("%d connections", count())
	}
	must(t, l.Ping(t.Context()))
	s.progress(id, progress.Event{Kind: progress.Note, Text: "hello"})
	s.next(l, "hello")
	must(t, l.Close())
	s.eventually("the connection is forgotten", func() bool { return count() == 0 })
}

func TestAListenerWithoutASignatureIsRefused(t *testing.T) {
	s := newStage(t)
	_, resp, err := websocket.Dial(t.Context(), s.stream+"?upgrade="+id, nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("%v, %+v", err, resp)
	}
	auth := s.auth()
	auth.AWS.Credentials = nil
	if _, err := (agentapi.Stream{URL: s.stream, Auth: auth}).Listen(t.Context(), id); upgrade.CodeOf(err) != upgrade.CodePermissionDenied {
		t.Errorf("%v", err)
	}
	if _, err := (agentapi.Stream{URL: "ws://example.com", Auth: s.auth()}).Listen(t.Context(), id); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
		t.Errorf("in the clear: %v", err)
	}
}

func TestARefusedMessageIsAnError(t *testing.T) {
	s := newStage(t)
	l := s.listen(id)
	must(t, l.Say(t.Context(), `{"action":"dance"}`))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := l.Next(ctx); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), "no such action") {
		t.Errorf("%v", err)
	}
}

// watching is a Watch whose connections the test can break.
type watching struct {
	agentapi.Watch
	mu        sync.Mutex
	told      []events.Progress
	listeners []*agentapi.Listener
	end       chan error
	outcome   upgrade.Outcome
}

func (s *stage) watch(upgradeID string, c clock.Clock) *watching {
	s.t.Helper()
	client, err := executions.New(s.t.Context(), sfn.NewFromConfig(s.cfg), sts.NewFromConfig(s.cfg), s.cfg.Region)
	must(s.t, err)
	w := &watching{end: make(chan error, 1)}
	w.Watch = agentapi.Watch{Upgrade: upgradeID, Look: client.Get, Clock: c,
		Listen: func(ctx context.Context, upgradeID string) (*agentapi.Listener, error) {
			l, err := agentapi.Stream{URL: s.stream, Auth: s.auth()}.Listen(ctx, upgradeID)
			if err == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.listeners = append(w.listeners, l)
			}
			return l, err
		},
		Tell: func(p events.Progress) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, p)
		}}
	go func() {
		var err error
		w.outcome, err = w.Run(s.t.Context())
		w.end <- err
	}()
	return w
}

func (w *watching) count(text string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.told {
		if strings.Contains(p.Text, text) {
			n++
		}
	}
	return n
}

func (s *stage) wait(w *watching) {
	s.t.Helper()
	select {
	case err := <-w.end:
		must(s.t, err)
	case <-time.After(30 * time.Second):
		s.t.Fatalf("watching does not end; %+v", w.told)
	}
}

func TestWatchGoesOnAfterTheConnectionIsOver(t *testing.T) {
	s := newStage(t)
	s.ask()
	w := s.watch(id, clock.System{})
	s.eventually("it listens", func() bool { return w.count("listening to the upgrade") == 1 })
	s.progress(id, progress.Event{Kind: progress.Note, Text: "first"})
	s.eventually("it hears", func() bool { return w.count("first") == 1 })
	w.mu.Lock()
	first := w.listeners[0]
	w.mu.Unlock()
	must(t, first.Close()) // as API Gateway does after two hours
	s.eventually("it listens again", func() bool { return w.count("listening again") == 1 })
	if w.count("what happened before was not seen") != 2 || w.count("is in state AwaitApproval") != 2 {
		t.Errorf("%+v", w.told)
	}
	s.progress(id, progress.Event{Kind: progress.Note, Text: "second"})
	s.eventually("it hears", func() bool { return w.count("second") == 1 })
	s.publish(names.UpgradeFinished, events.Finished{Upgrade: id, Cluster: "shop", Outcome: upgrade.RolledBack, Reason: "rolled back: it broke"})
	s.wait(w)
	last := w.told[len(w.told)-1]
	if w.outcome != upgrade.RolledBack || last.Kind != progress.Summary || last.Outcome != upgrade.RolledBack {
		t.Errorf("%s, %+v", w.outcome, last)
	}
}

// Who dies publishes nothing: the execution itself says how it ended.
func TestWatchNoticesAnEndThatNobodyTold(t *testing.T) {
	s := newStage(t)
	s.ask()
	now := clock.NewVirtual(time.Now())
	w := s.watch(id, now)
	s.eventually("it listens", func() bool { return w.count("listening to the upgrade") == 1 })
	_, err := sfn.NewFromConfig(s.cfg).StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: aws.String(strings.Replace(s.machine, "stateMachine", "execution", 1) + ":" + id), Cause: aws.String("enough")})
	must(t, err)
	s.eventually("it looks", func() bool {
		now.Advance(time.Minute)
		return w.count("the execution is ABORTED") == 1
	})
	s.wait(w)
	if w.outcome != upgrade.Failed {
		t.Errorf("outcome %q", w.outcome)
	}
	again := s.watch(id, now) // and it says so at once
	s.wait(again)
	if again.outcome != upgrade.Failed || len(again.told) != 1 {
		t.Errorf("%q, %+v", again.outcome, again.told)
	}
}

func TestWatchOfAnUpgradeThatIsNot(t *testing.T) {
	s := newStage(t)
	w := s.watch("nothing", clock.System{})
	if err := <-w.end; upgrade.CodeOf(err) != upgrade.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func TestWatchKnowsWhatComesTwiceOrLate(t *testing.T) {
	s := newStage(t)
	s.ask()
	w := s.watch(id, clock.System{})
	s.eventually("it listens", func() bool { return w.count("listening to the upgrade") == 1 })
	at := func(seconds int, status progress.Status, text string) {
		s.publish(names.UpgradeProgress, events.Progress{Upgrade: id, Event: progress.Event{Time: upgrade.At(time.Unix(int64(1_800_000_000+seconds), 0)), Kind: progress.Step, Step: "shift-10", Mode: upgrade.Forward, Status: status, Text: text}})
	}
	at(10, progress.Passed, "newer")
	s.eventually("it hears", func() bool { return w.count("newer") == 1 })
	at(5, progress.Waiting, "overtaken")
	at(11, progress.Passed, "newest")
	s.eventually("it hears", func() bool { return w.count("newest") == 1 })
	if w.count("overtaken") != 0 {
		t.Errorf("%+v", w.told)
	}
}

func TestWatchOnTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		outcome upgrade.Outcome
		code    int
		out     []string
	}{
		"lines":        {[]string{id}, upgrade.Succeeded, 0, []string{"listening to the upgrade", "step      2/3 shift-10", "10 % shifted", "weights   blue 90, green 10", "summary   succeeded"}},
		"JSON":         {[]string{id, "--output", "json"}, upgrade.RolledBack, 3, []string{`{"upgrade":"shop-135","time":"`, `"kind":"summary"`, `"outcome":"rolledBack"`}},
		"failed":       {[]string{id}, upgrade.Failed, 1, []string{"summary   failed"}},
		"no such flag": {[]string{id, "--output", "xml"}, "", 2, []string{"use one of: text, plain, json"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.environment()
			s.ask()
			var stdout, stderr safeBuffer
			code := make(chan int, 1)
			go func() {
				code <- cli.Run(t.Context(), append([]string{"watch", "--url", s.stream}, c.args...), &bytes.Buffer{}, &stdout, &stderr)
			}()
			if c.outcome != "" {
				s.eventually("it listens", func() bool { return strings.Contains(stdout.String(), "listening to the upgrade") })
				s.progress(id, progress.Event{Kind: progress.Step, Phase: upgrade.PhaseExecute, Step: "shift-10", Index: 1, Steps: 3, Mode: upgrade.Forward, Status: progress.Done, Text: "10 % shifted \x1b[2J"})
				s.progress(id, progress.Event{Kind: progress.Weights, Weights: &upgrade.Weights{Blue: 90, Green: 10}})
				s.eventually("it hears", func() bool {
					return strings.Contains(stdout.String(), "10 % shifted") && strings.Contains(stdout.String(), "90")
				})
				s.publish(names.UpgradeFinished, events.Finished{Upgrade: id, Cluster: "shop", Outcome: c.outcome, Reason: "so it is"})
			}
			select {
			case got := <-code:
				if got != c.code {
					t.Errorf("exit code %d", got)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
			all := stdout.String() + stderr.String()
			for _, want := range c.out {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in\n%s", want, all)
				}
			}
			if strings.Contains(all, "\x1b[2J") {
				t.Error("a text of a cluster reached the terminal as it is")
			}
		})
	}
}

func TestWatchingEverythingEndsWithTheWatcher(t *testing.T) {
	s := newStage(t)
	s.environment()
	ctx, cancel := context.WithCancelCause(t.Context())
	var stdout, stderr safeBuffer
	code := make(chan int, 1)
	go func() { code <- cli.Run(ctx, []string{"watch", "--url", s.stream}, &bytes.Buffer{}, &stdout, &stderr) }()
	s.eventually("it listens", func() bool { return len(s.world.DynamoDB().Items(s.config.Tables.Connections)) == 1 })
	s.progress("shop-135", progress.Event{Kind: progress.Note, Text: "of the shop"})
	s.progress("cart-135", progress.Event{Kind: progress.Note, Text: "of the cart"})
	s.eventually("it tells them apart", func() bool {
		out := stdout.String()
		return strings.Contains(out, "shop-135  ") && strings.Contains(out, "cart-135  ") && strings.Contains(out, "of the shop") && strings.Contains(out, "of the cart")
	})
	cancel(errors.New("interrupted"))
	select {
	case <-code:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}
