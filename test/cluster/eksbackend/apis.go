package eksbackend

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

// DeprecatedAPIs implements eks.APIObserver by the API server's metrics:
// apiserver_requested_deprecated_apis names the APIs, apiserver_request_total
// counts requests. Neither knows user agents.
func (b Backend) DeprecatedAPIs(ctx context.Context, cluster string) ([]eks.APIUse, error) {
	config, err := b.RESTConfig(cluster)
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("eksbackend: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("eksbackend: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("eksbackend: metrics of %s: %w", cluster, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("eksbackend: metrics of %s: %s", cluster, response.Status)
	}
	return deprecatedAPIs(response.Body)
}

var label = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// deprecatedAPIs reads metrics in Prometheus's text format. APIs that no version
// is known to remove are left out.
func deprecatedAPIs(metrics io.Reader) ([]eks.APIUse, error) {
	requests := map[string]int{}
	var uses []eks.APIUse
	lines := bufio.NewScanner(metrics)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		deprecated := strings.HasPrefix(line, "apiserver_requested_deprecated_apis{")
		if !deprecated && !strings.HasPrefix(line, "apiserver_request_total{") {
			continue
		}
		labels := map[string]string{}
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			labels[m[1]] = m[2]
		}
		path := "/apis/" + labels["group"] + "/" + labels["version"] + "/" + labels["resource"]
		if labels["group"] == "" {
			path = "/api/" + labels["version"] + "/" + labels["resource"]
		}
		if deprecated {
			if release := labels["removed_release"]; release != "" && labels["subresource"] == "" {
				uses = append(uses, eks.APIUse{Path: path, RemovedIn: release})
			}
			continue
		}
		count, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("eksbackend: metrics: %q: %w", line, err)
		}
		requests[path] += int(count)
	}
	for i := range uses {
		uses[i].Requests = max(requests[uses[i].Path], 1)
	}
	return uses, lines.Err()
}
