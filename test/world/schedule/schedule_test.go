package schedule

import (
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNextTimes(t *testing.T) {
	for _, c := range []struct {
		name, expression, zone, from string
		want                         []string
	}{
		{"a rate counts from its start", "rate(6 hours)", "UTC", "2026-08-01T13:00:00Z", []string{"2026-08-01T18:00:00Z", "2026-08-02T00:00:00Z"}},
		{"once", "at(2026-08-02T10:00:00)", "UTC", "2026-08-01T12:00:00Z", []string{"2026-08-02T10:00:00Z", ""}},
		{"once, in a time zone", "at(2026-08-02T10:00:00)", "Europe/Berlin", "2026-08-01T12:00:00Z", []string{"2026-08-02T08:00:00Z"}},
		{"once, in the past", "at(2026-07-02T10:00:00)", "UTC", "2026-08-01T12:00:00Z", []string{""}},
		{"working days", "cron(30 9 ? * MON-FRI *)", "UTC", "2026-08-01T12:00:00Z", []string{"2026-08-03T09:30:00Z", "2026-08-04T09:30:00Z"}},
		{"days are numbered from Sunday", "cron(0 0 ? * 1 *)", "UTC", "2026-08-01T12:00:00Z", []string{"2026-08-02T00:00:00Z"}},
		{"the last day of the month", "cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00Z", []string{"2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"}},
		{"the second Tuesday", "cron(0 4 ? * 3#2 *)", "UTC", "2026-08-01T12:00:00Z", []string{"2026-08-11T04:00:00Z", "2026-09-08T04:00:00Z"}},
		{"the nearest weekday", "cron(0 0 15W * ? *)", "UTC", "2026-08-01T12:00:00Z", []string{"2026-08-14T00:00:00Z"}},
		{"a year that ends", "cron(0 0 1 1 ? 2027)", "UTC", "2026-08-01T12:00:00Z", []string{"2027-01-01T00:00:00Z", ""}},
		{"an hour that summer time skips", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-30T00:30:00Z"}},
		{"an hour that winter time has twice", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"seconds are rounded up", "cron(* * * * ? *)", "UTC", "2026-08-01T12:00:01Z", []string{"2026-08-01T12:01:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			e, err := Parse(c.expression, zone)
			if err != nil {
				t.Fatal(err)
			}
			from := at(t, c.from)
			for _, want := range c.want {
				next, ok := e.Next(at(t, "2026-08-01T12:00:00Z"), from)
				if want == "" {
					if ok {
						t.Fatalf("next = %s, want none", next)
					}
					return
				}
				if !ok || !next.Equal(at(t, want)) {
					t.Fatalf("next = %s %v, want %s", next, ok, want)
				}
				from = next.Add(time.Second)
			}
		})
	}
}

func TestRefusedExpressions(t *testing.T) {
	for _, text := range []string{"", "rate(0 minutes)", "rate(5)", "rate(5 weeks)", "rate(99999999999999999 days)", "cron(* * * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 * * ?)", "cron(60 10 * * ? *)",
		"at(tomorrow)", "at(2026-13-01T00:00:00)", "every day"} {
		if _, err := Parse(text, time.UTC); err == nil {
			t.Errorf("%q must be refused", text)
		}
	}
	for text, want := range map[string]bool{"rate(1 hour)": true, "rate(1 hours)": false, "rate(2 hour)": false, "rate(2 days)": true, "cron(0 10 * * ? *)": true} {
		if Plural(text) != want {
			t.Errorf("Plural(%q) = %v", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"rate(5 minutes)", "cron(0/15 8-17 ? * MON-FRI 2026-2030)", "at(2026-08-02T10:00:00)", "cron(0 0 LW * ? *)", "cron(0 0 ? * 6L *)"} {
		f.Add(seed)
	}
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, time.UTC)
		if err != nil {
			return
		}
		if next, ok := e.Next(start, start); ok && next.Before(start) {
			t.Errorf("%q: next %s is before %s", text, next, start)
		}
	})
}
