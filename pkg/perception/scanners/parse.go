package scanners

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// kubentItem is one result of "kubent --output json", version 0.7.
// Source: https://github.com/doitintl/kube-no-trouble/blob/master/pkg/judge/judge.go
type kubentItem struct {
	Name        string
	Namespace   string // "<undefined>" where there is none
	Kind        string
	APIVersion  string `json:"ApiVersion"`
	RuleSet     string // "Deprecated APIs removed in 1.22"
	ReplaceWith string
	Since       string // release in which the replacement appeared
	Labels      any    // of the object, or "<undefined>"; not read
}

var (
	kubentRule   = regexp.MustCompile(`removed in v?([0-9]+\.[0-9]+)\b`)
	kubentFuture = regexp.MustCompile(`removed in (?:the )?future`) // "Deprecated APIs to be removed in future"
)

// kubernetes is pluto's name of the component that Kubernetes is.
const kubernetes = "k8s"

// ParseKubent reads kubent's JSON, strictly: an unknown field or a rule set that
// names no release is an error, since something would be overlooked otherwise.
func ParseKubent(data []byte) ([]upgrade.ScanFinding, error) {
	items, err := upgrade.Decode[[]kubentItem](data)
	if err != nil {
		return nil, err
	}
	out := []upgrade.ScanFinding{}
	for i, x := range items {
		if x.Name == "" || x.Kind == "" || x.APIVersion == "" {
			return nil, upgrade.Detailf("result %d names no object", i)
		}
		var removed upgrade.Version
		if m := kubentRule.FindStringSubmatch(x.RuleSet); m != nil {
			if removed, err = upgrade.ParseVersion(m[1]); err != nil {
				return nil, fmt.Errorf("result %d: %w", i, err)
			}
		} else if !kubentFuture.MatchString(x.RuleSet) {
			return nil, upgrade.Detailf("result %d: the rule set %q names no release", i, x.RuleSet)
		}
		namespace := x.Namespace
		if namespace == "<undefined>" {
			namespace = ""
		}
		out = append(out, upgrade.ScanFinding{
			Object:    upgrade.ObjectRef{APIVersion: x.APIVersion, Kind: x.Kind, Namespace: namespace, Name: x.Name},
			Component: kubernetes, Removed: removed, Replacement: replacement(x.ReplaceWith, x.Kind), Rule: x.RuleSet,
		})
	}
	return out, nil
}

// plutoOutput is what "pluto --output json" prints, version 5.
// Source: https://github.com/FairwindsOps/pluto/blob/master/pkg/api/versions.go
type plutoOutput struct {
	Items  []plutoItem       `json:"items"`
	Target map[string]string `json:"target-versions"`
}

type plutoItem struct {
	Name      string `json:"name"`
	FilePath  string `json:"filePath"`
	Namespace string `json:"namespace"`
	API       struct {
		Version              string `json:"version"`
		Kind                 string `json:"kind"`
		DeprecatedIn         string `json:"deprecated-in"`
		RemovedIn            string `json:"removed-in"`
		Replacement          string `json:"replacement-api"`
		ReplacementAvailable string `json:"replacement-available-in"`
		Component            string `json:"component"`
	} `json:"api"`
	Deprecated           bool `json:"deprecated"`
	Removed              bool `json:"removed"`
	ReplacementAvailable bool `json:"replacementAvailable"`
}

// ParsePluto reads pluto's JSON, strictly. Components other than Kubernetes
// have versions of their own, which are shown and not compared.
func ParsePluto(data []byte) ([]upgrade.ScanFinding, error) {
	printed, err := upgrade.Decode[plutoOutput](data)
	if err != nil {
		return nil, err
	}
	if printed.Target == nil {
		return nil, upgrade.Detailf("it names no target versions: it is no output of pluto")
	}
	out := []upgrade.ScanFinding{}
	for i, x := range printed.Items {
		if x.Name == "" || x.API.Kind == "" || x.API.Version == "" {
			return nil, upgrade.Detailf("item %d names no object", i)
		}
		found := upgrade.ScanFinding{
			Object:      upgrade.ObjectRef{APIVersion: x.API.Version, Kind: x.API.Kind, Namespace: x.Namespace, Name: x.Name},
			Component:   x.API.Component,
			Replacement: replacement(x.API.Replacement, x.API.Kind), File: x.FilePath,
			Rule: fmt.Sprintf("%s: deprecated in %s, removed in %s", x.API.Component, orNone(x.API.DeprecatedIn), orNone(x.API.RemovedIn)),
		}
		if x.API.Component == kubernetes {
			if found.Deprecated, err = release(x.API.DeprecatedIn); err != nil {
				return nil, fmt.Errorf("item %d: deprecated-in: %w", i, err)
			}
			if found.Removed, err = release(x.API.RemovedIn); err != nil {
				return nil, fmt.Errorf("item %d: removed-in: %w", i, err)
			}
		}
		out = append(out, found)
	}
	return out, nil
}

// release parses "v1.26.0"; "" is the zero Version.
func release(s string) (upgrade.Version, error) {
	if s == "" {
		return upgrade.Version{}, nil
	}
	return upgrade.ParseBuildVersion(s)
}

func replacement(apiVersion, kind string) string {
	if apiVersion == "" || strings.HasPrefix(apiVersion, "<") { // kubent: "<removed>"
		return ""
	}
	return apiVersion + " " + kind
}

func orNone(s string) string {
	if s == "" {
		return "no release yet"
	}
	return s
}
