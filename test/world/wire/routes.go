package wire

import (
	"net/url"
	"strings"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// route is the method and path of a REST operation.
type route struct {
	operation, method string
	segments          []string          // "{name}" for labels
	query             map[string]string // query parameter -> Go field; nil: the schema says
}

// restRoutes lists the routes of the REST services.
var restRoutes = map[string][]route{
	"eks":     schemaRoutes(eksOperations),
	"route53": route53Routes,
}

// schemaRoutes reads routes from the HTTP traits of operation schemas.
func schemaRoutes(ops map[string]*smithy.Schema) []route {
	var out []route
	for name, s := range ops {
		if h, ok := smithy.SchemaTrait[*traits.HTTP](s); ok {
			out = append(out, newRoute(name, h.Method, h.URI, nil))
		}
	}
	return out
}

func newRoute(operation, method, uri string, query map[string]string) route {
	path, _, _ := strings.Cut(uri, "?")
	return route{operation, method, strings.Split(strings.Trim(path, "/"), "/"), query}
}

// match returns the labels of a path, by label name.
func (r route) match(method string, segments []string) (labels map[string]string, literals int, ok bool) {
	if method != r.method || len(segments) != len(r.segments) {
		return nil, 0, false
	}
	labels = map[string]string{}
	for i, want := range r.segments {
		if label, isLabel := strings.CutPrefix(want, "{"); isLabel {
			text, err := url.PathUnescape(segments[i])
			if err != nil || text == "" {
				return nil, 0, false
			}
			labels[strings.TrimSuffix(label, "}")] = text
			continue
		}
		if want != segments[i] {
			return nil, 0, false
		}
		literals++
	}
	return labels, literals, true
}

// findRoute returns the route that matches with the most literal segments.
func findRoute(service, method, escapedPath string) (best route, labels map[string]string, ok bool) {
	segments := strings.Split(strings.Trim(escapedPath, "/"), "/")
	most := -1
	for _, r := range restRoutes[service] {
		if l, literals, match := r.match(method, segments); match && literals > most {
			best, labels, most, ok = r, l, literals, true
		}
	}
	return best, labels, ok
}

// params pairs query parameters with the Go fields that they fill.
func params(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// route53Routes is taken from the serializers of the SDK's route53 module,
// which carries no schemas.
var route53Routes = []route{
	newRoute("ChangeResourceRecordSets", "POST", "/2013-04-01/hostedzone/{HostedZoneId}/rrset", params()),
	newRoute("ListResourceRecordSets", "GET", "/2013-04-01/hostedzone/{HostedZoneId}/rrset",
		params("name", "StartRecordName", "type", "StartRecordType", "identifier", "StartRecordIdentifier", "maxitems", "MaxItems")),
	newRoute("GetChange", "GET", "/2013-04-01/change/{Id}", params()),
	newRoute("CreateHostedZone", "POST", "/2013-04-01/hostedzone", params()),
	newRoute("GetHostedZone", "GET", "/2013-04-01/hostedzone/{Id}", params()),
	newRoute("DeleteHostedZone", "DELETE", "/2013-04-01/hostedzone/{Id}", params()),
	newRoute("GetHostedZoneCount", "GET", "/2013-04-01/hostedzonecount", params()),
	newRoute("ListHostedZones", "GET", "/2013-04-01/hostedzone",
		params("delegationsetid", "DelegationSetId", "hostedzonetype", "HostedZoneType", "marker", "Marker", "maxitems", "MaxItems")),
	newRoute("ListHostedZonesByName", "GET", "/2013-04-01/hostedzonesbyname",
		params("dnsname", "DNSName", "hostedzoneid", "HostedZoneId", "maxitems", "MaxItems")),
	newRoute("TestDNSAnswer", "GET", "/2013-04-01/testdnsanswer",
		params("hostedzoneid", "HostedZoneId", "recordname", "RecordName", "recordtype", "RecordType", "resolverip", "ResolverIP",
			"edns0clientsubnetip", "EDNS0ClientSubnetIP", "edns0clientsubnetmask", "EDNS0ClientSubnetMask")),
	newRoute("CreateHealthCheck", "POST", "/2013-04-01/healthcheck", params()),
	newRoute("UpdateHealthCheck", "POST", "/2013-04-01/healthcheck/{HealthCheckId}", params()),
	newRoute("GetHealthCheck", "GET", "/2013-04-01/healthcheck/{HealthCheckId}", params()),
	newRoute("GetHealthCheckStatus", "GET", "/2013-04-01/healthcheck/{HealthCheckId}/status", params()),
	newRoute("DeleteHealthCheck", "DELETE", "/2013-04-01/healthcheck/{HealthCheckId}", params()),
	newRoute("ListHealthChecks", "GET", "/2013-04-01/healthcheck", params("marker", "Marker", "maxitems", "MaxItems")),
	newRoute("ListTagsForResource", "GET", "/2013-04-01/tags/{ResourceType}/{ResourceId}", params()),
	newRoute("ListTagsForResources", "POST", "/2013-04-01/tags/{ResourceType}", params()),
	newRoute("ChangeTagsForResource", "POST", "/2013-04-01/tags/{ResourceType}/{ResourceId}", params()),
}
