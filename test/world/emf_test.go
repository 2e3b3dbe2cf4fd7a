package world

import (
	"bytes"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
)

// An alarm on a metric of the agent sees what a function writes to its log.
func TestAlarmsSeeWhatFunctionsWriteToTheirLogs(t *testing.T) {
	w, clk := newWorld(t)
	c := cloudwatch.NewFromConfig(w.AWSConfig())
	_, err := c.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("execute-fails"), Namespace: aws.String(metrics.Namespace), MetricName: aws.String(metrics.PhaseErrors),
		Dimensions: []cwtypes.Dimension{{Name: aws.String(metrics.Phase), Value: aws.String("execute")}},
		Statistic:  cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: aws.String("notBreaching"),
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func(failed float64, code string) {
		t.Helper()
		var line bytes.Buffer
		r := metrics.NewSink(&line, clk).Start()
		r.Add(metrics.PhaseErrors, failed, metrics.Dims{metrics.Phase: "execute", metrics.Code: code})
		if err := r.Flush(map[string]string{"execution": "shop-135"}); err != nil {
			t.Fatal(err)
		}
		w.Logs().Write("/aws/lambda/eks-upgrade-execute", "stream", clk.Now(), line.String())
		clk.Advance(time.Minute)
	}
	call(0, "")
	if state := w.CloudWatch().AlarmState("execute-fails"); state != "OK" {
		t.Errorf("after a success the alarm is %s", state)
	}
	call(1, "Drift")
	if state := w.CloudWatch().AlarmState("execute-fails"); state != "ALARM" {
		t.Errorf("after a failure the alarm is %s", state)
	}
}
