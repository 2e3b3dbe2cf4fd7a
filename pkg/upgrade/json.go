package upgrade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// Validator is what Decode checks after decoding.
type Validator interface{ Validate() error }

// Decode decodes one JSON value strictly: unknown fields, a second value and
// whatever Validate refuses are InvalidRequest errors that name the field.
func Decode[T any](data []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, decodeError(err, data, reflect.TypeFor[T]())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, invalid("", "there is more after the JSON value", "send exactly one JSON object")
	}
	if check, ok := any(v).(Validator); ok {
		if err := check.Validate(); err != nil {
			return v, err
		}
	}
	return v, nil
}

func decodeError(err error, data []byte, t reflect.Type) error {
	var own *Error
	if errors.As(err, &own) {
		return under(faultyField(data, t), own)
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return invalid(wrongType.Field, fmt.Sprintf("a %s does not fit here", wrongType.Value), fmt.Sprintf("give a %s", wrongType.Type))
	}
	const unknown = "json: unknown field "
	if text := err.Error(); strings.HasPrefix(text, unknown) {
		return invalid(strings.Trim(strings.TrimPrefix(text, unknown), `"`), "this field is not known", "remove it or correct its spelling")
	}
	return invalid("", "not valid JSON: "+err.Error(), "send one JSON object")
}

// faultyField returns the path of the field whose own UnmarshalText or
// UnmarshalJSON failed: encoding/json does not say.
func faultyField(data []byte, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		var fields map[string]json.RawMessage
		if json.Unmarshal(data, &fields) != nil {
			return ""
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			raw, present := fields[name]
			if present && json.Unmarshal(raw, reflect.New(t.Field(i).Type).Interface()) != nil {
				return joinPath(name, faultyField(raw, t.Field(i).Type))
			}
		}
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(data, &items) != nil {
			return ""
		}
		for i, raw := range items {
			if json.Unmarshal(raw, reflect.New(t.Elem()).Interface()) != nil {
				return joinPath(fmt.Sprintf("[%d]", i), faultyField(raw, t.Elem()))
			}
		}
	}
	return ""
}

func joinPath(a, b string) string {
	if b == "" || strings.HasPrefix(b, "[") {
		return a + b
	}
	return a + "." + b
}

// Duration is a time.Duration that is text in JSON: "10m", "1h30m".
type Duration time.Duration

// D returns d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Seconds returns d in whole seconds, rounded up, as Step Functions waits.
func (d Duration) Seconds() int {
	return int((time.Duration(d) + time.Second - 1) / time.Second)
}

// String implements fmt.Stringer.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return invalid("", fmt.Sprintf("%q is not a duration", text), `write it as "90s", "10m" or "1h30m"`)
	}
	*d = Duration(parsed)
	return nil
}

// Time is an instant that is always UTC and RFC 3339 in JSON.
type Time struct{ time.Time }

// At returns t as a Time, in UTC.
func At(t time.Time) Time { return Time{t.UTC()} }

// UnmarshalJSON implements json.Unmarshaler; other zones become UTC.
func (t *Time) UnmarshalJSON(data []byte) error {
	if err := t.Time.UnmarshalJSON(data); err != nil {
		return invalid("", fmt.Sprintf("%s is not a time", data), `write it as RFC 3339: "2026-08-01T12:00:00Z"`)
	}
	t.Time = t.UTC()
	return nil
}
