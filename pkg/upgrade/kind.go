package upgrade

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind says exactly what went wrong, where a Code says only what to do about
// it: "execution.buildFailed", "traffic.drift". The part before the dot is the
// Area. The set is closed: each kind is declared once, in kinds.go or
// kinds_shared.go, and an error is made by a method of its kind.
type Kind string

// KindDefinition is what is known of a kind before it happens.
type KindDefinition struct {
	Kind    Kind
	Code    Code   // the contract with the state machine
	Meaning string // what happened, in general
	Remedy  string // what a person can do, when the error knows nothing better
}

// declared holds the kinds in the order of their declaration.
var declared []KindDefinition

func declare(kind Kind, code Code, meaning, remedy string) Kind {
	declared = append(declared, KindDefinition{Kind: kind, Code: code, Meaning: meaning, Remedy: remedy})
	return kind
}

// Kinds lists every kind, by area.
func Kinds() []KindDefinition {
	all := slices.Clone(declared)
	slices.SortStableFunc(all, func(a, b KindDefinition) int {
		return slices.Index(areaNames(), a.Kind.Area()) - slices.Index(areaNames(), b.Kind.Area())
	})
	return all
}

// Definition returns what is known of the kind. One that is not declared is
// KindUnexpected.
func (k Kind) Definition() KindDefinition {
	i := slices.IndexFunc(declared, func(d KindDefinition) bool { return d.Kind == k })
	if i < 0 {
		return KindUnexpected.Definition()
	}
	return declared[i]
}

// Area returns the part of the agent that the kind belongs to: "traffic".
func (k Kind) Area() string {
	area, _, _ := strings.Cut(string(k), ".")
	return area
}

// Errorf returns an error of the kind; op says what was being done. A %w verb
// in format sets the cause. The remedy is the kind's, unless the cause has one,
// which is nearer to what happened.
func (k Kind) Errorf(op, format string, args ...any) *Error {
	d := k.Definition()
	e := Errorf(d.Code, op, format, args...)
	e.Kind = d.Kind
	if own, ok := errors.AsType[*Error](e.Err); !ok || own.Remedy == "" {
		e.Remedy = d.Remedy
	}
	return e
}

// Field returns an error of the kind about a field of an input, given as a
// JSON path.
func (k Kind) Field(op, field, message, remedy string) *Error {
	d := k.Definition()
	return &Error{Kind: d.Kind, Code: d.Code, Op: op, Field: field, Message: message, Remedy: remedy}
}

// Detailf returns a part of an explanation, for the caller to put into an error
// of a kind.
func Detailf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// KindOf returns the kind of the first *Error in err's chain that has one,
// KindUnexpected for any other error and "" for nil.
func KindOf(err error) Kind {
	for e := err; e != nil; {
		own, ok := errors.AsType[*Error](e)
		if !ok {
			break
		}
		if own.Kind != "" {
			return own.Kind
		}
		e = own.Err
	}
	if err == nil {
		return ""
	}
	return KindUnexpected
}

// Details are what is known around an error, for its log line: names and
// numbers, never content.
type Details map[string]string

// Bounds of Details: a log line stays one line.
const (
	maxDetails     = 12
	maxDetailValue = 200 // bytes
)

// With adds a detail and returns e. Long values are cut, and more details than
// fit are left out.
func (e *Error) With(name string, value any) *Error {
	if e.Details == nil {
		e.Details = Details{}
	}
	if _, known := e.Details[name]; known || len(e.Details) < maxDetails {
		text := fmt.Sprint(value)
		if len(text) > maxDetailValue {
			text = strings.ToValidUTF8(text[:maxDetailValue], "") + " ..."
		}
		e.Details[name] = text
	}
	return e
}

// DetailsOf joins the details of all errors in err's chain; of two with one
// name the outer counts.
func DetailsOf(err error) Details {
	all := Details{}
	for {
		own, ok := errors.AsType[*Error](err)
		if !ok {
			return all
		}
		for name, v := range own.Details {
			if _, known := all[name]; !known {
				all[name] = v
			}
		}
		err = own.Err
	}
}
