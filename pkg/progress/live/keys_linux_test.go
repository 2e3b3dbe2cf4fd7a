package live_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
)

// pseudoTerminal returns both ends: what a person types into, and what a
// program reads.
func pseudoTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals: ", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func TestWhatIsTypedDoesNotShow(t *testing.T) {
	person, program := pseudoTerminal(t)
	echoes := func() bool {
		state, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return state.Lflag&unix.ECHO != 0
	}
	show := live.HideKeys(program)
	if echoes() {
		t.Error("what is typed shows")
	}
	if _, err := io.WriteString(person, "token\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := io.ReadFull(program, line); err != nil || string(line) != "token\n" {
		t.Errorf("%q, %v", line, err)
	}
	show()
	if !echoes() {
		t.Error("the terminal stays dumb")
	}
}

func TestWhatWasTypedBeforeAnswersNothing(t *testing.T) {
	person, program := pseudoTerminal(t)
	if _, err := io.WriteString(person, "y\n"); err != nil {
		t.Fatal(err)
	}
	arrived := []unix.PollFd{{Fd: int32(program.Fd()), Events: unix.POLLIN}} //nolint:gosec // files have small numbers
	for {
		if _, err := unix.Poll(arrived, -1); err == nil {
			break
		} else if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
	if err := live.DropTyped(program); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(person, "n\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 2)
	if _, err := io.ReadFull(program, line); err != nil || string(line) != "n\n" {
		t.Errorf("%q, %v", line, err)
	}
}
