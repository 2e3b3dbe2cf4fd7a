package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// The elements of JUnit's XML, as CI systems read it. Source:
// https://github.com/testmoapp/junitxml
type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Timestamp  string     `xml:"timestamp,attr"`
	Properties []property `xml:"properties>property"`
	Cases      []testCase `xml:"testcase"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testCase struct {
	Name    string    `xml:"name,attr"`
	Class   string    `xml:"classname,attr"`
	File    string    `xml:"file,attr,omitempty"` // of the first finding, where manifests were read
	Failure *problem  `xml:"failure,omitempty"`
	Skipped *problem  `xml:"skipped,omitempty"`
	Output  *verbatim `xml:"system-out,omitempty"` // findings that do not fail it
}

type problem struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

type verbatim struct {
	Text string `xml:",cdata"`
}

// JUnit writes a suite for each family with a case for each check. A case fails
// when one of its findings does by failOn, and is skipped when the check could
// not be made.
func JUnit(w io.Writer, d assess.Document, failOn assess.FailOn) error {
	all := suites{Name: "eks-upgrade assess: " + progress.Clean(subject(d))}
	for _, family := range checks.Families() {
		s := suite{Name: string(family), Timestamp: d.MadeAt.UTC().Format("2006-01-02T15:04:05"), Properties: []property{
			{"cluster", progress.Clean(d.Cluster)}, {"from", d.From.String()}, {"target", d.Target.String()}, {"strategy", string(d.Strategy)}, {"decision", string(d.Decision)}}}
		for _, o := range d.Checks {
			if o.Family != family {
				continue
			}
			c := caseOf(d, o, failOn)
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Skipped != nil:
				s.Skipped++
			}
			s.Cases = append(s.Cases, c)
		}
		if s.Tests > 0 {
			all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
			all.Suites = append(all.Suites, s)
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func caseOf(d assess.Document, o assess.Outcome, failOn assess.FailOn) testCase {
	c := testCase{Name: o.Check + ": " + o.Title, Class: "eks-upgrade." + string(o.Family)}
	var failed, others []assess.Finding
	for _, f := range d.Findings {
		switch {
		case f.Check != o.Check:
		case failOn.Fails(f):
			failed = append(failed, f)
		default:
			others = append(others, f)
		}
	}
	switch {
	case len(failed) > 0:
		first := failed[0]
		message := progress.Clean(first.Evidence)
		if first.Object != nil {
			message = progress.Clean(objectText(first.Object)) + ": " + message
		}
		if n := len(failed) - 1; n > 0 {
			message += fmt.Sprintf(" (and %d more)", n)
		}
		if first.Location != nil {
			c.File = progress.Clean(first.Location.File)
		}
		kind := string(first.Severity)
		if first.Blocks {
			kind += ", blocks"
		}
		c.Failure = &problem{Type: kind, Message: message, Text: "\n" + listing(failed)}
	case o.Status == upgrade.CheckNotChecked:
		c.Skipped = &problem{Message: "not checked: " + progress.Clean(o.Why)}
	}
	if len(others) > 0 {
		c.Output = &verbatim{"\n" + listing(others)}
	}
	return c
}

// listing writes findings as lines of text.
func listing(all []assess.Finding) string {
	var b strings.Builder
	for _, f := range all {
		weight := string(f.Severity)
		if f.Blocks {
			weight += ", blocks"
		}
		what := ""
		if f.Object != nil {
			what = objectText(f.Object)
			if at := locationText(f.Location); at != "" {
				what += " (" + at + ")"
			}
			what += ": "
		}
		if f.Suppressed != nil {
			weight += ", suppressed"
			what += progress.Clean(suppressedText(*f.Suppressed)) + " "
		}
		fmt.Fprintf(&b, "[%s] %s\n  → %s\n", weight, progress.Clean(what+f.Evidence), progress.Clean(f.Remedy))
	}
	return b.String()
}
