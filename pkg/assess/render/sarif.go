package render

import (
	"io"
	"net/url"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// The parts of SARIF 2.1.0 that are written. Source:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Automation  sarifAutomation   `json:"automationDetails"`
	Invocations []sarifInvocation `json:"invocations"`
	ColumnKind  string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
	Properties  map[string]any    `json:"properties"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID            string         `json:"id"`
	Short         sarifText      `json:"shortDescription"`
	Full          sarifText      `json:"fullDescription"`
	Help          sarifText      `json:"help"`
	HelpURI       string         `json:"helpUri"`
	Configuration sarifLevel     `json:"defaultConfiguration"`
	Properties    map[string]any `json:"properties"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Ended         string              `json:"endTimeUtc"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Kind         string            `json:"kind"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Suppressions []sarifException  `json:"suppressions,omitempty"`
	Properties   map[string]any    `json:"properties"`
}

type sarifException struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	Name string `json:"name"`
	Full string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

// sourceRoot is the base that GitHub takes for the repository's folder.
const sourceRoot = "%SRCROOT%"

// SARIF writes the assessment as SARIF 2.1.0: rules are those of the
// catalogue, findings in manifests have file and line, those of live objects a logical
// location. What could not be checked is a result of kind "open", unless it
// blocks.
func SARIF(w io.Writer, d assess.Document, rules []assess.Rule) error {
	index := map[string]int{}
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: d.Tool.Name, Version: d.Tool.Version, InformationURI: assess.Repository, Rules: []sarifRule{}}},
		Automation: sarifAutomation{ID: "eks-upgrade/assess/" + strings.Join([]string{nameOr(d.Cluster, "manifests"), d.Target.String()}, "/") + "/"},
		ColumnKind: "utf16CodeUnits", Results: []sarifResult{},
		Properties: map[string]any{"decision": d.Decision, "reason": progress.Clean(d.Reason), "from": d.From.String(), "target": d.Target.String(), "strategy": d.Strategy},
	}
	for i, r := range rules {
		index[r.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: r.ID, Short: sarifText{Text: r.Title}, Full: sarifText{Text: r.Title + ". What to do: " + r.Remedy + "."},
			Help: sarifText{Text: r.Remedy, Markdown: "**What to do:** " + r.Remedy + "\n\n[Source of the rule](" + r.Source + ")"}, HelpURI: r.Page,
			Configuration: sarifLevel{levelOf(r.Severity, false)}, Properties: map[string]any{"tags": []string{string(r.Family)}, "problem.severity": problemOf(r.Severity), "blocks": r.Blocks}})
	}
	invocation := sarifInvocation{Successful: true, Ended: d.MadeAt.UTC().Format("2006-01-02T15:04:05.000Z")}
	for _, n := range d.NotChecked {
		invocation.Notifications = append(invocation.Notifications, sarifNotification{Level: "warning", Message: sarifText{Text: progress.Clean(string(n.Source) + ": " + n.What + " could not be seen: " + n.Why)}})
	}
	run.Invocations = []sarifInvocation{invocation}
	for _, f := range d.Findings {
		run.Results = append(run.Results, resultOf(f, index[f.Check]))
	}
	return encode(w, sarifLog{Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func resultOf(f assess.Finding, index int) sarifResult {
	text := f.Title + ": " + f.Evidence
	if f.Object != nil {
		text = f.Title + ": " + objectText(f.Object) + ": " + f.Evidence
	}
	r := sarifResult{RuleID: f.Check, RuleIndex: index, Kind: "fail", Level: levelOf(f.Severity, f.Blocks), Message: sarifText{Text: progress.Clean(text + ". What to do: " + f.Remedy)},
		Fingerprints: map[string]string{"checkAndObject/v1": f.Fingerprint}, Properties: map[string]any{"severity": f.Severity, "blocks": f.Blocks, "family": f.Family}}
	if f.NotChecked && !f.Blocks {
		r.Kind, r.Level = "open", "none" // any kind but fail has the level none
	}
	if f.Suppressed != nil {
		r.Suppressions = []sarifException{{"external", "accepted", progress.Clean(f.Suppressed.Reason) + ", until " + progress.Clean(f.Suppressed.Until)}}
	}
	var at sarifLocation
	if f.Location != nil {
		at.Physical = &sarifPhysical{Artifact: artifact(f.Location.File), Region: sarifRegion{f.Location.Line}}
	}
	if f.Object != nil {
		r.Properties["object"] = *f.Object
		at.Logical = []sarifLogical{{Name: progress.Clean(f.Object.Name), Full: progress.Clean(strings.Join([]string{f.Object.Namespace, f.Object.APIVersion, f.Object.Kind, f.Object.Name}, "/")), Kind: "resource"}}
	}
	if at.Physical != nil || at.Logical != nil {
		r.Locations = []sarifLocation{at}
	}
	return r
}

// artifact addresses a file: below the working directory relative to the root
// of the sources.
func artifact(file string) sarifArtifact {
	if strings.HasPrefix(file, "/") {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: file}).String()}
	}
	return sarifArtifact{URI: strings.TrimPrefix((&url.URL{Path: file}).String(), "./"), Base: sourceRoot}
}

func levelOf(s upgrade.Severity, blocks bool) string {
	switch {
	case blocks, s.Rank() <= upgrade.High.Rank():
		return "error"
	case s == upgrade.Medium:
		return "warning"
	}
	return "note"
}

// problemOf is the severity as GitHub's code scanning orders rules by it.
func problemOf(s upgrade.Severity) string {
	return map[string]string{"error": "error", "warning": "warning", "note": "recommendation"}[levelOf(s, false)]
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}
