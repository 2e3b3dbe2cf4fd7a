package apigateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

func checkCORS(c *types.Cors) error {
	if c == nil {
		return nil
	}
	for _, origin := range c.AllowOrigins {
		if origin != "*" && !strings.Contains(origin, "://") {
			return refuse("Invalid format for origin %s, origin must include scheme", origin)
		}
	}
	for _, method := range c.AllowMethods {
		if method != "*" && !slices.Contains(methods[1:], strings.ToUpper(method)) {
			return refuse("%s is not a valid method", method)
		}
	}
	if aws.ToBool(c.AllowCredentials) && slices.Contains(c.AllowOrigins, "*") {
		return refuse("allow_credentials is not supported for origin '*'")
	}
	if age := aws.ToInt32(c.MaxAge); age < -1 || age > 86400 {
		return refuse("maxAge must be between -1 and 86400 seconds")
	}
	return nil
}

// allowedOrigin is what a response allows for a request's origin; "" nothing.
func allowedOrigin(c *types.Cors, origin string) string {
	for _, o := range c.AllowOrigins {
		scheme, isScheme := strings.CutSuffix(o, "*")
		switch {
		case o == "*":
			return "*"
		case strings.EqualFold(o, origin), isScheme && strings.HasPrefix(origin, scheme): // https://*
			return origin
		}
	}
	return ""
}

// preflight answers a browser's question by itself, without a route and without
// authorization (source: "Configure CORS for HTTP APIs in API Gateway"). ok is
// false for other requests.
func preflight(c *types.Cors, w http.ResponseWriter, r *http.Request) (ok bool) {
	origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
	if c == nil || r.Method != http.MethodOptions || origin == "" || method == "" {
		return false
	}
	if allowed := allowedOrigin(c, origin); allowed != "" {
		h := w.Header()
		set := func(name string, values []string) {
			if len(values) > 0 {
				h.Set(name, strings.Join(values, ","))
			}
		}
		h.Set("Access-Control-Allow-Origin", allowed)
		set("Access-Control-Allow-Methods", c.AllowMethods)
		set("Access-Control-Allow-Headers", c.AllowHeaders)
		set("Access-Control-Expose-Headers", c.ExposeHeaders)
		if aws.ToBool(c.AllowCredentials) {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if c.MaxAge != nil {
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(*c.MaxAge)))
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allow sets the CORS headers of a response; those of the integration are
// ignored when the API is configured for CORS.
func allow(c *types.Cors, h http.Header, origin string) {
	if c == nil {
		return
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	allowed := allowedOrigin(c, origin)
	if origin == "" || allowed == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	if aws.ToBool(c.AllowCredentials) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
}
