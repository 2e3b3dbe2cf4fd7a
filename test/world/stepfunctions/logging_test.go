package stepfunctions_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestEventsAreLoggedByLevel(t *testing.T) {
	for level, want := range map[types.LogLevel]string{
		types.LogLevelAll:   "ExecutionStarted PassStateEntered PassStateExited FailStateEntered ExecutionFailed",
		types.LogLevelError: "FailStateEntered ExecutionFailed",
		types.LogLevelFatal: "ExecutionFailed",
		types.LogLevelOff:   "",
	} {
		for _, data := range []bool{true, false} {
			h := newHarness(t)
			if _, err := h.logs.CreateLogGroup(&wire.Call{}, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/states/m")}); err != nil {
				t.Fatal(err)
			}
			arn := h.create("m", `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"F"},"F":{"Type":"Fail","Error":"Bad"}}}`, express, func(in *sfn.CreateStateMachineInput) {
				in.LoggingConfiguration = &types.LoggingConfiguration{Level: level, IncludeExecutionData: data, Destinations: []types.LogDestination{{
					CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:/states/m:*")}}}}
			})
			run := h.run(arn, "run", `{"secret":1}`)
			streams, err := h.logs.DescribeLogStreams(&wire.Call{}, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/states/m")})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range streams.LogStreams {
				text := h.logs.Text("/states/m", *s.LogStreamName)
				if level == types.LogLevelAll && strings.Contains(text, "secret") != data {
					t.Errorf("with data %t: %s", data, text)
				}
				for line := range strings.Lines(text) {
					var e map[string]any
					if err := json.Unmarshal([]byte(line), &e); err != nil {
						t.Fatal(err)
					}
					got = append(got, e["type"].(string))
					if e["execution_arn"] != run || e["redrive_count"] != "0" || e["event_timestamp"] != "1785585600000" {
						t.Errorf("event = %v", e)
					}
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %v", level, got)
			}
		}
	}
}
