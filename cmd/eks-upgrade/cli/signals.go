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
		cancel(errInterrupted)
		fmt.Fprintf(os.Stderr, "\n%s: stopping everything that was started; press Ctrl-C again to end at once\n", first)
		<-signals
		if restore := a.restore.Load(); restore != nil {
			(*restore)()
		}
		os.Exit(exitInterrupted)
	}()
	return a.run(ctx, os.Args[1:])
}
