// Package cost says what the agent itself costs: prices of AWS, and the sum of
// what an upgrade used. The cluster that is upgraded, the second one beside it
// while both run, and calls of models are not in it.
package cost

import (
	"math"
	"strings"
)

// Prices in US dollars, of us-east-1 in November 2026, without free tiers. Other
// regions differ by up to a quarter. Sources: the pricing pages of each service
// under https://aws.amazon.com/<service>/pricing/.
const (
	StateTransition = 0.025 / 1000  // Step Functions, Standard
	Invocation      = 0.20 / 1e6    // Lambda
	TableWrite      = 0.625 / 1e6   // DynamoDB on demand, 1 KB
	TableRead       = 0.125 / 1e6   // DynamoDB on demand, 4 KB, strongly consistent
	ObjectWrite     = 0.005 / 1000  // S3 PUT, LIST
	ObjectRead      = 0.0004 / 1000 // S3 GET
	Event           = 1.00 / 1e6    // EventBridge, custom events
	Message         = 0.50 / 1e6    // SNS
	MetricRead      = 0.01 / 1000   // CloudWatch GetMetricData, a metric
	KeyMonth        = 1.00          // KMS, a customer managed key
	AlarmMonth      = 0.10          // CloudWatch
	DashboardMonth  = 3.00          // CloudWatch
	MetricHour      = 0.30 / 730    // CloudWatch, a custom metric, each hour in which there is data
	LogGigabyte     = 0.50          // CloudWatch Logs, taken in
	ClusterHour     = 0.10          // EKS, in standard support: a green cluster beside blue
)

// Architecture of functions and builds.
type Architecture string

// The architectures, as CloudFormation names them.
const (
	ARM Architecture = "arm64"
	X86 Architecture = "x86_64"
)

// GigabyteSecond is what Lambda takes for a second of a gigabyte.
func (a Architecture) GigabyteSecond() float64 {
	if a == X86 {
		return 0.0000166667
	}
	return 0.0000133334
}

// BuildMinute is what CodeBuild takes for a minute of general1.small.
func (a Architecture) BuildMinute() float64 {
	if a == X86 {
		return 0.005
	}
	return 0.0034
}

// Usage is what an upgrade used.
type Usage struct {
	Transitions     float64 // of the state machine
	Invocations     float64 // of functions
	GigabyteSeconds float64 // of functions: memory by time
	BuildMinutes    float64
	TableReads      float64
	TableWrites     float64
	ObjectReads     float64
	ObjectWrites    float64
	Events          float64
	Messages        float64
	MetricReads     float64
	MetricHours     float64 // custom metrics by the hours in which they had data
	LogGigabytes    float64
}

// Invoke adds an invocation of a function with so much memory (MiB) that took so
// long. Lambda counts whole milliseconds.
func (u *Usage) Invoke(memoryMiB int, seconds float64) {
	u.Invocations++
	u.GigabyteSeconds += float64(memoryMiB) / 1024 * math.Ceil(seconds*1000) / 1000
}

// Call adds a call of an API, named as the SDK names it ("dynamodb", "PutItem"),
// with so many entries: the events or metrics of a batch, else 1. Calls that cost
// nothing are not counted.
func (u *Usage) Call(service, operation string, entries int) {
	n := float64(entries)
	switch strings.ToLower(service) + "." + operation {
	case "dynamodb.PutItem", "dynamodb.UpdateItem", "dynamodb.DeleteItem":
		u.TableWrites += n
	case "dynamodb.GetItem", "dynamodb.Query":
		u.TableReads += n
	case "s3.PutObject", "s3.ListObjectsV2":
		u.ObjectWrites += n
	case "s3.GetObject", "s3.HeadObject":
		u.ObjectReads += n
	case "eventbridge.PutEvents":
		u.Events += n
	case "sns.Publish":
		u.Messages += n
	case "cloudwatch.GetMetricData":
		u.MetricReads += n
	}
}

// Bill is what something costs, in its parts.
type Bill struct {
	USD   float64 `json:"usd"`
	Lines []Line  `json:"lines"`
}

// Line is one part of a sum.
type Line struct {
	What   string  `json:"what"`
	Amount float64 `json:"amount"`
	Unit   string  `json:"unit"`
	USD    float64 `json:"usd"`
}

// Bill returns what was used in parts, in a fixed order, without those that
// were not used.
func (u Usage) Bill(a Architecture) Bill {
	return bill([]Line{
		{"Step Functions", u.Transitions, "state transitions", StateTransition},
		{"Lambda", u.Invocations, "invocations", Invocation},
		{"Lambda", u.GigabyteSeconds, "GB-seconds", a.GigabyteSecond()},
		{"CodeBuild", u.BuildMinutes, "minutes", a.BuildMinute()},
		{"DynamoDB", u.TableReads, "reads", TableRead},
		{"DynamoDB", u.TableWrites, "writes", TableWrite},
		{"S3", u.ObjectReads, "reads", ObjectRead},
		{"S3", u.ObjectWrites, "writes", ObjectWrite},
		{"EventBridge", u.Events, "events", Event},
		{"SNS", u.Messages, "messages", Message},
		{"CloudWatch", u.MetricReads, "metrics read", MetricRead},
		{"CloudWatch", u.MetricHours, "hours of custom metrics", MetricHour},
		{"CloudWatch Logs", u.LogGigabytes, "GB", LogGigabyte},
	})
}

// bill makes a bill of lines that have their prices in USD.
func bill(lines []Line) Bill {
	b := Bill{Lines: []Line{}}
	for _, l := range lines {
		if l.Amount > 0 {
			l.USD *= l.Amount
			b.USD += l.USD
			b.Lines = append(b.Lines, l)
		}
	}
	return b
}

// Month returns what stands in a month whether there is an upgrade or not.
func Month(keys, alarms, dashboards int) Bill {
	return bill([]Line{
		{"KMS", float64(keys), "keys", KeyMonth},
		{"CloudWatch", float64(alarms), "metrics of alarms", AlarmMonth},
		{"CloudWatch", float64(dashboards), "dashboards", DashboardMonth},
	})
}
