package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func TestVirtualRunsCallbacksInOrderOfTimeThenOfScheduling(t *testing.T) {
	v := NewVirtual(start)
	var order []string
	add := func(name string, d time.Duration) func() bool {
		return v.AfterFunc(d, func() { order = append(order, name) })
	}
	add("c", 2*time.Second)
	add("a", time.Second)
	add("b", time.Second)
	stop := add("never", time.Second)
	if !stop() || stop() {
		t.Fatal("stop must report true once, then false")
	}
	v.AfterFunc(time.Second, func() { add("nested", 500*time.Millisecond) })
	v.Advance(2 * time.Second)
	want := []string{"a", "b", "nested", "c"}
	if len(order) != len(want) {
		t.Fatalf("order = %v, want %v", order, want)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("order = %v, want %v", order, want)
		}
	}
	if got := v.Now(); !got.Equal(start.Add(2 * time.Second)) {
		t.Errorf("Now = %v", got)
	}
	if v.Next() {
		t.Error("Next must report false when nothing is scheduled")
	}
}

func TestFastClockIsFastOnlyWhileNobodyHoldsIt(t *testing.T) {
	c, err := NewFast(start, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	release := c.Hold()
	fired := make(chan struct{})
	c.AfterFunc(time.Hour, func() { close(fired) })
	held := c.Now()
	if d := held.Sub(start); d > time.Hour {
		t.Fatalf("clock ran %v while it was held", d)
	}
	release()
	release() // a second release must not unbalance the count
	<-fired   // an hour passes in 360 ms
	if d := c.Now().Sub(start); d < time.Hour {
		t.Errorf("timer fired after %v, want at least an hour", d)
	}
}

func TestFastClockJumps(t *testing.T) {
	c, err := NewFast(start, 1)
	if err != nil {
		t.Fatal(err)
	}
	fired := make(chan string, 2)
	c.AfterFunc(time.Hour, func() { fired <- "due" })
	c.AfterFunc(3*time.Hour, func() { fired <- "not due" })
	c.Advance(2 * time.Hour)
	if got := <-fired; got != "due" {
		t.Error(got)
	}
	if d := c.Now().Sub(start); d < 2*time.Hour || d > 3*time.Hour {
		t.Errorf("it is %v later", d)
	}
	select {
	case got := <-fired:
		t.Error(got)
	default:
	}
}

func TestFastClockRefusesSpeedBelowRealTime(t *testing.T) {
	if _, err := NewFast(start, 0.5); err == nil {
		t.Fatal("want an error")
	}
}

func TestFastTimerCanBeStopped(t *testing.T) {
	c, _ := NewFast(start, 1000)
	stop := c.AfterFunc(1000*time.Hour, func() { t.Error("stopped timer ran") })
	if !stop() || stop() {
		t.Fatal("stop must report true once, then false")
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	v := NewVirtual(start)
	cancel()
	if err := Sleep(ctx, v, time.Hour); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
}
