// Package apigateway simulates Amazon API Gateway: HTTP APIs and WebSocket APIs
// with Lambda proxy integrations, their management API, and what their clients
// reach. Requests are answered by the deployment of a stage, not by what the API
// has become since.
package apigateway

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Functions runs Lambda functions; done gets the result exactly once.
type Functions interface {
	Invoke(ref string, payload json.RawMessage, done func(lambda.Result)) error
}

// Logs takes the lines of access logs.
type Logs interface {
	Write(group, stream string, at time.Time, message string)
}

// Options join API Gateway to the services around it.
type Options struct {
	Clock           clock.Clock
	Account, Region string
	Seed            int64
	Mux             *wire.Mux
	Functions       Functions
	Logs            Logs
	// Endpoint is the world's address, such as "http://127.0.0.1:4566".
	Endpoint func() string
	// Identity tells the ARN and the unique id of who makes a call.
	Identity func(*wire.Call) (arn, id string)
}

// Service is API Gateway's version 2 API and what is behind it.
type Service struct {
	o Options

	mu          sync.Mutex
	apis        map[string]*api
	role        string // by which the account writes logs
	count       int
	connections map[string]*connection
	jwks        *providers
	closed      bool
	running     sync.WaitGroup // WebSocket connections
}

// New returns API Gateway without APIs.
func New(o Options) *Service {
	return &Service{o: o, apis: map[string]*api{}, connections: map[string]*connection{}, jwks: newProviders(o.Clock)}
}

// api is one API and its parts, by id. Parts are never changed in place: a
// deployment keeps those of its time.
type api struct {
	v            types.Api
	routes       map[string]types.Route
	integrations map[string]types.Integration
	authorizers  map[string]types.Authorizer
	deployments  map[string]*deployment
	stages       map[string]*stage
	numbers      map[string]int // in the order of creation, of all parts
}

func (a *api) webSocket() bool { return a.v.ProtocolType == types.ProtocolTypeWebsocket }

// id makes an identifier of n characters; s.mu is held.
func (s *Service) id(kind string, n int) string {
	s.count++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", s.o.Account, kind, s.o.Seed, s.count))
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	return text[len(text)-n:]
}

const (
	apiIDLength  = 10
	partIDLength = 7
)

func refuse(format string, args ...any) error {
	return wire.Errorf("BadRequestException", format, args...)
}

func notFound(format string, args ...any) error {
	return &wire.Error{Code: "NotFoundException", Message: fmt.Sprintf(format, args...), Status: http.StatusNotFound}
}

func conflict(format string, args ...any) error {
	return &wire.Error{Code: "ConflictException", Message: fmt.Sprintf(format, args...), Status: http.StatusConflict}
}

// notSimulated refuses what AWS has and this does not, by name.
func notSimulated(format string, args ...any) error {
	return &wire.Error{Code: "NotImplementedException", Message: "the simulated API Gateway has no " + fmt.Sprintf(format, args...), Status: http.StatusNotImplemented}
}

// api finds an API; s.mu is held.
func (s *Service) api(id *string) (*api, error) {
	a, ok := s.apis[aws.ToString(id)]
	if !ok {
		return nil, notFound("Invalid API identifier specified %s:%s", s.o.Account, aws.ToString(id))
	}
	return a, nil
}

// part finds a part of an API by its id; s.mu is held.
func part[T any](parts map[string]T, id *string, kind string) (T, error) {
	p, ok := parts[aws.ToString(id)]
	if !ok {
		return p, notFound("Invalid %s identifier specified", kind)
	}
	return p, nil
}

// page cuts a page out of a list.
func page[T any](all []T, size, token *string) ([]T, *string, error) {
	n := 100
	if size != nil {
		var err error
		if n, err = strconv.Atoi(*size); err != nil || n < 1 || n > 500 {
			return nil, nil, refuse("Invalid value for maxResults")
		}
	}
	items, next, ok := paging.Cut(all, token, n)
	if !ok {
		return nil, nil, refuse("Invalid value for nextToken")
	}
	return items, next, nil
}

// assign copies the fields that both structures have. Fields that are unset in
// src keep their value in dst.
func assign(dst, src any) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.Indirect(reflect.ValueOf(src))
	for i := range s.NumField() {
		f := s.Type().Field(i)
		if !f.IsExported() || s.Field(i).IsZero() {
			continue
		}
		if to := d.FieldByName(f.Name); to.IsValid() && f.Type.AssignableTo(to.Type()) {
			to.Set(s.Field(i))
		}
	}
}

// project returns what an answer has of a part.
func project[Out any](src any) *Out {
	out := new(Out)
	assign(out, src)
	return out
}

func ptr[T any](v T) *T { return &v }
