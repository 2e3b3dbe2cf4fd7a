package route53

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// What AWS's health checkers wait for and read (source: "How Amazon Route 53
// determines whether a health check is healthy").
const (
	connectTimeout = 4 * time.Second
	answerTimeout  = 2 * time.Second
	searchedBytes  = 5120
)

// Prober checks an endpoint once and says what it saw, in the words of
// GetHealthCheckStatus. It must come back within seconds.
type Prober interface {
	Probe(types.HealthCheckConfig) (healthy bool, status string)
}

// network probes endpoints over the network. Unlike AWS's checkers it reaches
// private and loopback addresses: that is where the world's endpoints are.
type network struct {
	lookup func(name string) []string // IPv4 addresses by DNS
}

// Probe implements Prober.
func (n network) Probe(c types.HealthCheckConfig) (bool, string) {
	ip := value(c.IPAddress)
	if ip == "" {
		found := n.lookup(value(c.FullyQualifiedDomainName))
		if len(found) == 0 {
			return false, "Failure: DNS resolution failed: No answer for " + value(c.FullyQualifiedDomainName)
		}
		ip = found[0]
	}
	address := net.JoinHostPort(ip, strconv.Itoa(int(value(c.Port))))
	if c.Type == types.HealthCheckTypeTcp {
		conn, err := net.DialTimeout("tcp", address, connectTimeout)
		if err != nil {
			return false, failed(err)
		}
		_ = conn.Close() // it was only to be opened
		return true, "Success: TCP connect succeeded"
	}
	return get(c, address)
}

// get sends the HTTP request of a health check to an address.
func get(c types.HealthCheckConfig, address string) (bool, string) {
	host := value(c.FullyQualifiedDomainName)
	if host == "" {
		host = value(c.IPAddress)
	}
	target := url.URL{Scheme: "http", Host: address}
	standard := int32(80)
	if strings.HasPrefix(string(c.Type), "HTTPS") {
		target.Scheme, standard = "https", 443
	}
	path := "/" + strings.TrimPrefix(value(c.ResourcePath), "/")
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout+answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String()+path, nil)
	if err != nil {
		return false, "Failure: " + err.Error()
	}
	req.Host = host
	if value(c.Port) != standard {
		req.Host = net.JoinHostPort(host, strconv.Itoa(int(value(c.Port))))
	}
	req.Header.Set("User-Agent", "Amazon-Route53-Health-Check-Service (ref 00000000-0000-0000-0000-000000000000; report http://amzn.to/1vsZADi)")
	// Certificates are not verified: "Route 53 doesn't validate SSL/TLS certificates".
	secure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // as Route 53 does
	if value(c.EnableSNI) {
		secure.ServerName = host
	}
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext, TLSClientConfig: secure,
		ResponseHeaderTimeout: answerTimeout, DisableKeepAlives: true,
	}
	res, err := transport.RoundTrip(req) // redirects are not followed: they are a success
	if err != nil {
		return false, failed(err)
	}
	defer res.Body.Close()
	status := "HTTP Status Code " + res.Status
	if code, text, ok := strings.Cut(res.Status, " "); ok {
		status = fmt.Sprintf("HTTP Status Code %s, %s", code, text)
	}
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		return false, "Failure: " + status
	}
	if strings.HasSuffix(string(c.Type), "_STR_MATCH") {
		body, err := io.ReadAll(io.LimitReader(res.Body, searchedBytes))
		if err != nil {
			return false, failed(err)
		}
		if !strings.Contains(string(body), *c.SearchString) {
			return false, "Failure: " + status + ". The search string was not found in the first 5120 bytes of the response body"
		}
	}
	return true, "Success: " + status
}

func failed(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "Failure: The health checker timed out: no answer from the endpoint within the limit"
	}
	return "Failure: " + err.Error()
}
