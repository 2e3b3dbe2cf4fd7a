package logs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"
)

// recorded keeps the data that it gets as lines.
type recorded []string

func (r *recorded) PutData(namespace string, data []cw.MetricDatum) error {
	for _, d := range data {
		var dims []string
		for _, x := range d.Dimensions {
			dims = append(dims, *x.Name+"="+*x.Value)
		}
		values := d.Values
		if d.Value != nil {
			values = []float64{*d.Value}
		}
		*r = append(*r, fmt.Sprintf("%s %s[%s] %v %s at %s", namespace, *d.MetricName, strings.Join(dims, ","), values, d.Unit, d.Timestamp.UTC().Format(time.RFC3339)))
	}
	return nil
}

const document = `{"_aws":{"Timestamp":1785585600000,"CloudWatchMetrics":[
 {"Namespace":"Shop","Dimensions":[["Phase"],["Phase","Code"],[]],"Metrics":[{"Name":"Errors","Unit":"Count"},{"Name":"Took","Unit":"Milliseconds"}]}]},
 "Phase":"execute","Code":"Drift","Errors":1,"Took":[2,3.5],"execution":"shop-135"}`

func TestEmbeddedMetricsBecomeMetrics(t *testing.T) {
	want := recorded{
		"Shop Errors[Phase=execute] [1] Count at 2026-08-01T12:00:00Z", "Shop Took[Phase=execute] [2 3.5] Milliseconds at 2026-08-01T12:00:00Z",
		"Shop Errors[Phase=execute,Code=Drift] [1] Count at 2026-08-01T12:00:00Z", "Shop Took[Phase=execute,Code=Drift] [2 3.5] Milliseconds at 2026-08-01T12:00:00Z",
		"Shop Errors[] [1] Count at 2026-08-01T12:00:00Z", "Shop Took[] [2 3.5] Milliseconds at 2026-08-01T12:00:00Z",
	}
	c, s, _ := newClient(t)
	var got recorded
	s.SetMetrics(&got)
	put(t, c, at(0, "text"), at(time.Second, document), at(72*time.Hour-71*time.Hour, `{"no":"metrics"}`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by the API: %s", diff)
	}
	got = nil
	s.Write("/aws/lambda/f", "stream", start, document+"\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by a function: %s", diff)
	}
}

func TestWhatIsNotTakenHasNoMetrics(t *testing.T) {
	c, s, _ := newClient(t)
	var got recorded
	s.SetMetrics(&got)
	put(t, c, at(-20*24*time.Hour, document))
	if len(got) != 0 {
		t.Errorf("an event that was rejected counts: %v", got)
	}
	if _, err := c.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String("rare"), LogGroupClass: types.LogGroupClassInfrequentAccess}); err != nil {
		t.Fatal(err)
	}
	s.Write("rare", "stream", start, document)
	if len(got) != 0 {
		t.Errorf("a group for infrequent access has metrics: %v", got)
	}
}

func TestWrongEmbeddedMetricsAreCounted(t *testing.T) {
	for name, c := range map[string]struct{ change, by, want string }{
		"no timestamp":        {`"Timestamp":1785585600000,`, ``, "EMFParsingErrors"},
		"a text as timestamp": {`1785585600000`, `"now"`, "EMFParsingErrors"},
		"no directives":       {`"CloudWatchMetrics"`, `"Other"`, "EMFParsingErrors"},
		"no namespace":        {`"Namespace":"Shop",`, ``, "EMFValidationErrors"},
		"no dimensions":       {`[["Phase"],["Phase","Code"],[]]`, `[]`, "EMFValidationErrors"},
		"a missing dimension": {`"Code":"Drift",`, ``, "EMFValidationErrors"},
		"a number for one":    {`"Code":"Drift"`, `"Code":7`, "EMFValidationErrors"},
		"a missing metric":    {`"Errors":1,`, ``, "EMFValidationErrors"},
		"a text for one":      {`"Errors":1`, `"Errors":"1"`, "EMFValidationErrors"},
		"null for one":        {`"Errors":1`, `"Errors":null`, "EMFValidationErrors"},
		"too many values":     {`[2,3.5]`, `[` + strings.Repeat("1,", 100) + `1]`, "EMFValidationErrors"},
		"an unknown unit":     {`"Unit":"Count"`, `"Unit":"Dozen"`, "EMFValidationErrors"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, _ := newClient(t)
			var got recorded
			s.SetMetrics(&got)
			s.Write("g", "s", start, strings.Replace(document, c.change, c.by, 1))
			if want := (recorded{"AWS/Logs " + c.want + "[LogGroupName=g] [1]  at 2026-08-01T12:00:00Z"}); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func FuzzEmbeddedMetrics(f *testing.F) {
	f.Add(document)
	f.Add(`{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"x","Dimensions":[[]],"Metrics":[{"Name":"_aws"}]}]}}`)
	f.Fuzz(func(t *testing.T, message string) {
		_, s, _ := newClient(t)
		var got recorded
		s.SetMetrics(&got)
		s.Write("g", "s", start, message)
		if s.Text("g", "s") == "" && strings.TrimSpace(message) != "" {
			t.Errorf("%q is not in the log", message)
		}
	})
}
