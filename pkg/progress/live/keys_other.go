//go:build !linux && !darwin

package live

import "io"

// HideKeys does nothing here: what is typed shows.
func HideKeys(io.Reader) (show func()) { return func() {} }

// DropTyped does nothing here: what was typed earlier counts.
func DropTyped(io.Reader) error { return nil }
