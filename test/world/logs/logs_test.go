package logs_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/logs"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newClient returns CloudWatch Logs behind the real SDK, with a group and a
// stream called "app".
func newClient(t *testing.T) (*sdk.Client, *logs.Service, *clock.Virtual) {
	t.Helper()
	v := clock.NewVirtual(start)
	s := logs.New(v, "123456789012", "eu-west-1")
	mux := wire.NewMux(v.Now, nil)
	mux.Register("cloudwatchlogs", s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c := sdk.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: wire.NewHTTPClient(), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	if _, err := c.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String("app"), Tags: map[string]string{"a": "1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLogStream(t.Context(), &sdk.CreateLogStreamInput{LogGroupName: aws.String("app"), LogStreamName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	return c, s, v
}

func put(t *testing.T, c *sdk.Client, events ...types.InputLogEvent) *sdk.PutLogEventsOutput {
	t.Helper()
	out, err := c.PutLogEvents(t.Context(), &sdk.PutLogEventsInput{LogGroupName: aws.String("app"), LogStreamName: aws.String("app"), LogEvents: events})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(d time.Duration, message string) types.InputLogEvent {
	return types.InputLogEvent{Timestamp: aws.Int64(start.Add(d).UnixMilli()), Message: &message}
}

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), part) {
		t.Errorf("error = %v\nwant %s: ...%s...", err, code, part)
	}
}

func TestTokensLeadThroughAStream(t *testing.T) {
	c, _, _ := newClient(t)
	for i := range 5 {
		put(t, c, at(time.Duration(i)*time.Second, fmt.Sprint(i)))
	}
	get := func(token *string, head bool) ([]string, *sdk.GetLogEventsOutput) {
		t.Helper()
		out, err := c.GetLogEvents(t.Context(), &sdk.GetLogEventsInput{LogGroupName: aws.String("app"), LogStreamName: aws.String("app"), Limit: aws.Int32(2), NextToken: token, StartFromHead: &head})
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, e := range out.Events {
			texts = append(texts, *e.Message)
		}
		return texts, out
	}
	texts, out := get(nil, false)
	if d := cmp.Diff([]string{"3", "4"}, texts); d != "" {
		t.Errorf("the newest: %s", d)
	}
	if texts, _ := get(out.NextBackwardToken, false); !cmp.Equal([]string{"1", "2"}, texts) {
		t.Errorf("before them: %v", texts)
	}
	texts, end := get(out.NextForwardToken, true)
	if len(texts) != 0 || *end.NextForwardToken != *out.NextForwardToken {
		t.Errorf("at the end: %v, %s and %s", texts, *end.NextForwardToken, *out.NextForwardToken)
	}
	put(t, c, at(2500*time.Millisecond, "late"), at(9*time.Second, "new"))
	if texts, _ := get(end.NextForwardToken, true); !cmp.Equal([]string{"new"}, texts) {
		t.Errorf("after the end: %v", texts)
	}
	if texts, _ := get(nil, true); !cmp.Equal([]string{"0", "1"}, texts) {
		t.Errorf("the oldest: %v", texts)
	}
}

func TestWhatPutLogEventsRejects(t *testing.T) {
	c, _, _ := newClient(t)
	in := &sdk.PutLogEventsInput{LogGroupName: aws.String("app"), LogStreamName: aws.String("app"), LogEvents: []types.InputLogEvent{at(time.Second, "b"), at(0, "a")}}
	_, err := c.PutLogEvents(t.Context(), in)
	wantCode(t, err, "InvalidParameterException", "must be in chronological order")
	in.LogEvents = []types.InputLogEvent{at(-25*time.Hour, "a"), at(0, "b")}
	_, err = c.PutLogEvents(t.Context(), in)
	wantCode(t, err, "InvalidParameterException", "cannot span more than 24 hours")
	in.LogStreamName = aws.String("none")
	_, err = c.PutLogEvents(t.Context(), in)
	wantCode(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	out := put(t, c, at(-14*24*time.Hour-time.Minute, "old"), at(-14*24*time.Hour+time.Minute, "kept"))
	if r := out.RejectedLogEventsInfo; r == nil || aws.ToInt32(r.TooOldLogEventEndIndex) != 1 || r.TooNewLogEventStartIndex != nil {
		t.Errorf("%+v", r)
	}
	out = put(t, c, at(0, "kept"), at(3*time.Hour, "new"))
	if r := out.RejectedLogEventsInfo; r == nil || aws.ToInt32(r.TooNewLogEventStartIndex) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestFilterPatterns(t *testing.T) {
	c, s, _ := newClient(t)
	for i, text := range []string{`ERROR disk full`, `INFO all is well`, `{"level":"error","code":500,"step":{"name":"drain"},"ok":false}`, `{"level":"info","code":200,"list":[{"id":1}]}`} {
		s.Write("app", fmt.Sprint("s", i), start.Add(time.Duration(i)*time.Second), text)
	}
	for pattern, want := range map[string]string{
		``:                                  "s0 s1 s2 s3",
		`ERROR`:                             "s0",
		`ERROR disk`:                        "s0",
		`"disk full"`:                       "s0",
		`?ERROR ?INFO`:                      "s0 s1",
		`-level -ERROR`:                     "s1",
		`%is \w+%`:                          "s1",
		`{ $.level = "error" }`:             "s2",
		`{ $.level = err* }`:                "s2",
		`{ $.code >= 200 && $.code < 500 }`: "s3",
		`{ ($.code = 500) || ($.list[0].id = 1) }`:   "s2 s3",
		`{ $.step.name EXISTS }`:                     "s2",
		`{ $.ok IS FALSE }`:                          "s2",
		`{ $.level != "info" && $.step NOT EXISTS }`: "",
	} {
		out, err := c.FilterLogEvents(t.Context(), &sdk.FilterLogEventsInput{LogGroupName: aws.String("app"), FilterPattern: &pattern})
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var streams []string
		for _, e := range out.Events {
			streams = append(streams, *e.LogStreamName)
		}
		if got := strings.Join(streams, " "); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	for _, pattern := range []string{`[a, b]`, `{ $.a }`, `{ a = 1 }`, `"open`, `a-b`, `{ $.a = 1`, `-`} {
		_, err := c.FilterLogEvents(t.Context(), &sdk.FilterLogEventsInput{LogGroupName: aws.String("app"), FilterPattern: &pattern})
		wantCode(t, err, "InvalidParameterException", "Invalid filter pattern")
	}
}

func TestRetentionEndsEvents(t *testing.T) {
	c, s, v := newClient(t)
	put(t, c, at(0, "old"))
	_, err := c.PutRetentionPolicy(t.Context(), &sdk.PutRetentionPolicyInput{LogGroupName: aws.String("app"), RetentionInDays: aws.Int32(2)})
	wantCode(t, err, "InvalidParameterException", "enum value set")
	if _, err := c.PutRetentionPolicy(t.Context(), &sdk.PutRetentionPolicyInput{LogGroupName: aws.String("app"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	v.Advance(25 * time.Hour)
	s.Write("app", "app", v.Now(), "new")
	out, err := c.GetLogEvents(t.Context(), &sdk.GetLogEventsInput{LogGroupName: aws.String("app"), LogStreamName: aws.String("app")})
	if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "new" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestGroupsAndStreamsInPages(t *testing.T) {
	c, s, _ := newClient(t)
	for _, name := range []string{"b", "a"} {
		s.Write("/aws/lambda/"+name, "x", start, "text")
	}
	_, err := c.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String("app")})
	wantCode(t, err, "ResourceAlreadyExistsException", "The specified log group already exists")
	_, err = c.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String("a b")})
	wantCode(t, err, "InvalidParameterException", "Value 'a b' at 'logGroupName' failed to satisfy constraint")
	var names []string
	pages := sdk.NewDescribeLogGroupsPaginator(c, &sdk.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/"), Limit: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.LogGroups {
			names = append(names, *g.LogGroupName)
			if *g.Arn != "arn:aws:logs:eu-west-1:123456789012:log-group:"+*g.LogGroupName+":*" {
				t.Error(*g.Arn)
			}
		}
	}
	if d := cmp.Diff([]string{"/aws/lambda/a", "/aws/lambda/b"}, names); d != "" {
		t.Error(d)
	}
	arn := aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:app")
	if _, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: arn}); err != nil || fmt.Sprint(tags.Tags) != "map[a:1 b:2]" {
		t.Errorf("%+v, %v", tags, err)
	}
	if _, err := c.DeleteLogGroup(t.Context(), &sdk.DeleteLogGroupInput{LogGroupName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeLogStreams(t.Context(), &sdk.DescribeLogStreamsInput{LogGroupName: aws.String("app")})
	wantCode(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}
