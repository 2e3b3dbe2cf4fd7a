//go:build !linux && !darwin

package live

import "io"

// hideKeys does nothing here: what is typed shows.
func hideKeys(io.Reader) (show func()) { return func() {} }

// DropTyped does nothing here: what was typed earlier counts.
func DropTyped(io.Reader) error { return nil }
