package progress

import (
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapes are terminal sequences: CSI, the string sequences (OSC, DCS, APC,
// PM, SOS) with their end, and the short ones. Source: ECMA-48, sections 5.3
// to 5.6.
var escapes = regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]|\x1b[P\]X^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]`)

// Clean makes text that comes from a cluster or a page safe to print on one
// line of a terminal: escape sequences, control characters and invisible
// formatting (such as the marks that reverse the direction of text) are
// dropped, and runs of white space become one space.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, string(utf8.RuneError)), "")
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isClean reports whether s is plain ASCII with single spaces inside only: the
// common case.
func isClean(s string) bool {
	if s == "" {
		return true
	}
	previous := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || (c == ' ' && previous == ' ') {
			return false
		}
		previous = c
	}
	return previous != ' '
}

// CleanAll returns a copy of v in which every text is safe to show, at any depth
// of structs, pointers, slices and maps.
func CleanAll[T any](v T) T {
	return cleanValue(reflect.ValueOf(v)).Interface().(T)
}

func cleanValue(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(Clean(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(cleanValue(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(cleanValue(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8 {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(cleanValue(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for _, key := range v.MapKeys() {
				out.SetMapIndex(cleanValue(key), cleanValue(v.MapIndex(key)))
			}
		}
	}
	return out
}
