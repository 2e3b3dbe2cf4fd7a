package kubestate

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// requestedMetric counts requests to deprecated APIs since the API server
// started. Source:
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (apiserver_requested_deprecated_apis)
const requestedMetric = "apiserver_requested_deprecated_apis"

// maxLine is the length of the longest line of metrics that is read; longer ones
// are passed over.
const maxLine = 16 << 10

// requestedAPIs reads the metric from all that the API server measures, which
// can be tens of MiB, line by line.
func requestedAPIs(r io.Reader) ([]upgrade.RequestedAPI, error) {
	out := []upgrade.RequestedAPI{}
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, long, err := lines.ReadLine()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		begins := strings.HasPrefix(string(line[:min(len(line), len(requestedMetric)+1)]), requestedMetric+"{")
		for long && err == nil {
			_, long, err = lines.ReadLine()
			begins = false
		}
		if begins {
			if api, ok := requestedAPI(string(line[len(requestedMetric)+1:])); ok {
				out = append(out, api)
			}
		}
	}
	slices.SortFunc(out, func(a, b upgrade.RequestedAPI) int {
		return slices.Compare([]string{a.Group, a.Resource, a.Version, a.Subresource}, []string{b.Group, b.Resource, b.Version, b.Subresource})
	})
	return slices.Compact(out), nil
}

// requestedAPI reads labels and value: `group="",resource="endpoints"} 1`. Only
// what has a value of more than 0 was requested.
func requestedAPI(text string) (upgrade.RequestedAPI, bool) {
	labels := map[string]string{}
	for !strings.HasPrefix(text, "}") {
		key, rest, found := strings.Cut(text, `="`)
		if !found {
			return upgrade.RequestedAPI{}, false
		}
		var value strings.Builder
		end := -1
		for i := 0; i < len(rest); i++ {
			if rest[i] == '"' {
				end = i
				break
			}
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			value.WriteByte(rest[i])
		}
		if end < 0 {
			return upgrade.RequestedAPI{}, false
		}
		labels[key] = value.String()
		text = strings.TrimPrefix(rest[end+1:], ",")
	}
	value := strings.Fields(text[1:])
	if len(value) == 0 || value[0] == "0" || labels["version"] == "" || labels["resource"] == "" {
		return upgrade.RequestedAPI{}, false
	}
	removed, _ := upgrade.ParseVersion(labels["removed_release"]) // "" when none is announced
	return upgrade.RequestedAPI{Group: labels["group"], Version: labels["version"], Resource: labels["resource"], Subresource: labels["subresource"], Removed: removed}, true
}
