//go:build linux || darwin

package live

import (
	"io"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// HideKeys stops the terminal from printing what is typed, which would break
// the picture, and returns how to undo it. Ctrl-C stays a signal.
func HideKeys(in io.Reader) (show func()) {
	f, ok := in.(term.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return func() {}
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return func() {} // then keys show: a matter of looks only
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return func() {}
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, before) } // nothing can be done if the terminal is gone
}

// DropTyped forgets what was typed into the terminal in and not read yet, so
// that it answers no question that was not asked yet.
func DropTyped(in io.Reader) error {
	f, ok := in.(term.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return nil
	}
	fd := int(f.Fd())
	state, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	return unix.IoctlSetTermios(fd, setTermiosDrop, state)
}
