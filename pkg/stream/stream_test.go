package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	mgmt "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// posts are the connections of the WebSocket API.
type posts struct {
	mu   sync.Mutex
	got  map[string][]string
	fail func(ctx context.Context, connection string) error
}

func (p *posts) PostToConnection(ctx context.Context, in *apigatewaymanagementapi.PostToConnectionInput, _ ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.PostToConnectionOutput, error) {
	if p.fail != nil {
		if err := p.fail(ctx, *in.ConnectionId); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got[*in.ConnectionId] = append(p.got[*in.ConnectionId], string(in.Data))
	return &apigatewaymanagementapi.PostToConnectionOutput{}, nil
}

func (p *posts) told(connection string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got[connection])
}

type fixture struct {
	t *testing.T
	stream.Handler
	posts *posts
	world *world.World
	now   *clock.Virtual
}

// newFixture is the function with a simulated DynamoDB.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, posts: &posts{got: map[string][]string{}}, now: clock.NewVirtual(start)}
	w, err := world.New(world.Options{Clock: f.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f.world = w
	api := dynamodb.NewFromConfig(w.AWSConfig())
	name, key, upgradeKey, index := "eks-upgrade-connections", "connection", "upgrade", stream.Index
	if err := w.DynamoDB().AddTable(&dynamodb.CreateTableInput{TableName: &name, BillingMode: ddb.BillingModePayPerRequest,
		AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: &key, AttributeType: ddb.ScalarAttributeTypeS}, {AttributeName: &upgradeKey, AttributeType: ddb.ScalarAttributeTypeS}},
		KeySchema:            []ddb.KeySchemaElement{{AttributeName: &key, KeyType: ddb.KeyTypeHash}},
		GlobalSecondaryIndexes: []ddb.GlobalSecondaryIndex{{IndexName: &index, KeySchema: []ddb.KeySchemaElement{{AttributeName: &upgradeKey, KeyType: ddb.KeyTypeHash}},
			Projection: &ddb.Projection{ProjectionType: ddb.ProjectionTypeKeysOnly}}}}); err != nil {
		t.Fatal(err)
	}
	f.Handler = stream.Handler{Connections: stream.Connections{API: api, Table: name}, Posts: f.posts, Clock: f.now}
	return f
}

func (f *fixture) route(route, connection, query, body string) (stream.Response, error) {
	f.t.Helper()
	e := map[string]any{"requestContext": map[string]any{"routeKey": route, "connectionId": connection, "connectedAt": start.UnixMilli(), "eventType": "x"}, "body": body}
	if query != "" {
		e["queryStringParameters"] = map[string]string{"upgrade": query}
	}
	payload, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.Handle(f.t.Context(), payload)
}

func (f *fixture) connect(connection, query string) {
	f.t.Helper()
	if r, err := f.route("$connect", connection, query, ""); err != nil || r.StatusCode != 200 {
		f.t.Fatalf("%+v, %v", r, err)
	}
}

func (f *fixture) event(id, upgradeID string) error {
	_, err := f.Handle(f.t.Context(), fmt.Appendf(nil, `{"version":"0","id":%q,"detail-type":"Upgrade Progress","source":"eks-upgrade-agent","account":"123456789012","time":"2026-08-01T12:00:00Z","region":"eu-west-1","resources":[],
		"detail":{"upgrade":%q,"time":"2026-08-01T12:00:00Z","kind":"note","text":"hello"}}`, id, upgradeID))
	return err
}

func (f *fixture) items() map[string]string {
	all := map[string]string{}
	for _, item := range f.world.DynamoDB().Items("eks-upgrade-connections") {
		expiry := item["expiresAt"].(*ddb.AttributeValueMemberN).Value
		all[item["connection"].(*ddb.AttributeValueMemberS).Value] = item["upgrade"].(*ddb.AttributeValueMemberS).Value + " " + expiry
	}
	return all
}

func TestThoseWhoListenToAnUpgradeAndThoseWhoListenToAllAreTold(t *testing.T) {
	f := newFixture(t)
	f.connect("one", "shop-135")
	f.connect("other", "cart-135")
	f.connect("all", "")
	if err := f.event("e1", "shop-135"); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"e1","type":"Upgrade Progress","detail":{"upgrade":"shop-135","time":"2026-08-01T12:00:00Z","kind":"note","text":"hello"}}`
	for connection, n := range map[string]int{"one": 1, "other": 0, "all": 1} {
		if got := f.posts.told(connection); len(got) != n || n == 1 && got[0] != want {
			t.Errorf("%s was told %q", connection, got)
		}
	}
	if _, err := f.route("$disconnect", "one", "", ""); err != nil {
		t.Fatal(err)
	}
	if err := f.event("e2", "shop-135"); err != nil || len(f.posts.told("one")) != 1 || len(f.posts.told("all")) != 2 {
		t.Errorf("after it hung up: %v, %v", f.posts.got, err)
	}
	expires := fmt.Sprint(start.Add(2*time.Hour + 5*time.Minute).Unix())
	if got := f.items(); got["all"] != "* "+expires || got["other"] != "cart-135 "+expires || len(got) != 2 {
		t.Errorf("%v, want expiry %s", got, expires)
	}
}

func TestWhatClientsSay(t *testing.T) {
	for name, c := range map[string]struct{ says, answer, listens string }{
		"ping":            {`{"action":"ping"}`, `{"pong":true}`, "shop-135"},
		"subscribe":       {`{"action":"subscribe","upgrade":"cart-135"}`, `{"subscribed":"cart-135"}`, "cart-135"},
		"subscribe all":   {`{"action":"subscribe"}`, `{"subscribed":""}`, "*"},
		"unknown action":  {`{"action":"dance"}`, `{"error":{"message":"there is no such action"`, "shop-135"},
		"no JSON":         {`hello`, `{"error":{"message":"this is not understood"`, "shop-135"},
		"nothing":         {``, `{"error":{"message":"this is not understood"`, "shop-135"},
		"unknown field":   {`{"action":"ping","x":1}`, `{"error":{"message":"this is not understood"`, "shop-135"},
		"not an upgrade":  {`{"action":"subscribe","upgrade":"*"}`, `{"error":{"message":"this is no id`, "shop-135"},
		"a long upgrade":  {`{"action":"subscribe","upgrade":"` + strings.Repeat("x", 81) + `"}`, `{"error":{"message":"this is no id`, "shop-135"},
		"a long message":  {`{"action":"ping` + strings.Repeat(" ", 5000) + `"}`, `{"error":{"message":"this is longer`, "shop-135"},
		"control letters": {`{"action":"subscribe","upgrade":"a\u0000b"}`, `{"error":{"message":"this is no id`, "shop-135"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.connect("c", "shop-135")
			if _, err := f.route("$default", "c", "", c.says); err != nil {
				t.Fatal(err)
			}
			if got := f.posts.told("c"); len(got) != 1 || !strings.HasPrefix(got[0], c.answer) {
				t.Errorf("answered %q", got)
			}
			if got := f.items()["c"]; !strings.HasPrefix(got, c.listens+" ") {
				t.Errorf("listens to %q", got)
			}
		})
	}
}

func TestAConnectionToWhatIsNoUpgradeIsRefused(t *testing.T) {
	f := newFixture(t)
	if r, err := f.route("$connect", "c", "*", ""); err != nil || r.StatusCode != 400 || len(f.items()) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAConnectionThatIsGoneIsForgotten(t *testing.T) {
	f := newFixture(t)
	f.connect("gone", "shop-135")
	f.connect("here", "shop-135")
	f.posts.fail = func(_ context.Context, c string) error {
		if c == "gone" {
			return &mgmt.GoneException{}
		}
		return nil
	}
	if err := f.event("e1", "shop-135"); err != nil {
		t.Fatal(err)
	}
	if got := f.items(); len(got) != 1 || len(f.posts.told("here")) != 1 {
		t.Errorf("%v, %v", got, f.posts.got)
	}
}

// One that cannot be told does not keep the others from it, and the event is
// sent again for its sake.
func TestOneSlowConnectionHoldsNobody(t *testing.T) {
	f := newFixture(t)
	const others = 100 // more than are told at a time
	f.connect("0-slow", "shop-135")
	for i := range others {
		f.connect(fmt.Sprintf("c%03d", i), "shop-135")
	}
	told := make(chan struct{}, others)
	f.posts.fail = func(ctx context.Context, c string) error {
		if c != "0-slow" {
			told <- struct{}{}
			return nil
		}
		for range others { // as long as the others take
			select {
			case <-told:
			case <-ctx.Done():
				return errors.New("the others had to wait")
			}
		}
		return &mgmt.LimitExceededException{}
	}
	err := f.event("e1", "shop-135")
	var limit *mgmt.LimitExceededException
	if !errors.As(err, &limit) {
		t.Errorf("error %v: Lambda does not call again", err)
	}
	for i := range others {
		if len(f.posts.told(fmt.Sprintf("c%03d", i))) != 1 {
			t.Errorf("c%03d was not told", i)
		}
	}
}

func TestWhatFailsIsAnError(t *testing.T) {
	f := newFixture(t)
	for name, payload := range map[string]string{
		"not an event":      `{}`,
		"not JSON":          `[]`,
		"no upgrade":        `{"id":"e","detail-type":"Upgrade Progress","detail":{}}`,
		"all upgrades":      `{"id":"e","detail-type":"Upgrade Progress","detail":{"upgrade":"*"}}`,
		"detail is no JSON": `{"id":"e","detail-type":"Upgrade Progress","detail":"x"}`,
		"too long":          `{"id":"e","detail-type":"Upgrade Progress","detail":{"upgrade":"a","text":"` + strings.Repeat("x", 130<<10) + `"}}`,
		"no connection":     `{"requestContext":{"routeKey":"$connect"}}`,
	} {
		if _, err := f.Handle(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f.Connections.Table = "nothing"
	if err := f.event("e1", "shop-135"); err == nil {
		t.Error("the listeners could not be found, and that was no error")
	}
	if _, err := f.route("$connect", "c", "", ""); err == nil {
		t.Error("the listener could not be remembered, and that was no error")
	}
}

func FuzzHandle(f *testing.F) {
	h := stream.Handler{Connections: stream.Connections{API: nothing{}, Table: "t"}, Posts: &posts{got: map[string][]string{}}, Clock: clock.NewVirtual(start)}
	f.Add([]byte(`{"requestContext":{"routeKey":"$connect","connectionId":"c","connectedAt":1},"queryStringParameters":{"upgrade":"a"}}`))
	f.Add([]byte(`{"requestContext":{"routeKey":"$default","connectionId":"c"},"body":"{\"action\":\"ping\"}"}`))
	f.Add([]byte(`{"id":"e","detail-type":"Upgrade Progress","detail":{"upgrade":"a"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := h.Handle(t.Context(), payload)
		if err == nil && r.StatusCode != 200 && r.StatusCode != 400 {
			t.Errorf("%+v", r)
		}
	})
}

// nothing is a table without listeners.
type nothing struct{}

func (nothing) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (nothing) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, nil
}

func (nothing) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{}, nil
}
