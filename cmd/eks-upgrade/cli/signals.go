package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs the program with the process's own arguments and files. The first
// Ctrl-C (or SIGTERM) ends the work in order, the second one ends the program
// at once: what it started ends with it, because the control planes' reaper
// watches for the end of this process.
func Main() int {
	a := newApp(os.Stdin, os.Stdout, os.Stderr)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first := <-signals
		go func() {
			defer cancel(errInterrupted)
			if live := a.live.Load(); live != nil {
				_ = live.Close() // or it would draw over the next line; whoever made it closes it too, and gets the error
			}
			fmt.Fprintf(os.Stderr, "\n%s: stopping everything that was started; press Ctrl-C again to end at once\n", first)
		}()
		<-signals
		if live := a.live.Load(); live != nil {
			live.Abort()
		}
		os.Exit(exitInterrupted)
	}()
	return a.run(ctx, os.Args[1:])
}
