package asl

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/google/go-cmp/cmp"
)

// beginWith starts a run with objects in Amazon S3.
func beginWith(t testing.TB, definition, input string, s3 *fakeS3, answers map[string][]answer, tweak func(*Options)) *run {
	t.Helper()
	v := clock.NewVirtual(noon)
	s := &script{clock: v, answers: answers}
	o := Options{
		Clock: v, Tasks: s, Objects: s3, Input: json.RawMessage(input), RoleArn: "arn:aws:iam::123456789012:role/r",
		StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m",
		ExecutionArn:    "arn:aws:states:eu-west-1:123456789012:execution:m:e1",
	}
	if tweak != nil {
		tweak(&o)
	}
	e, err := mustParse(t, definition).Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return &run{e, v, s}
}

const passItem = `"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}`
const taskItem = `"StartAt":"T","States":{"T":{` + invoke + `,"End":true}}`

// distributedMap is a machine of one Distributed Map.
func distributedMap(kind, fields, processor string) string {
	return `{"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","End":true,` + fields + `
	  "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"` + kind + `"},` + processor + `}}}}`
}

func getObject(config string) string {
	return `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"},"ReaderConfig":{` + config + `}},`
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func TestItemReaderReads(t *testing.T) {
	for _, c := range []struct {
		name, config string
		objects      map[string]string
		want         string
	}{
		{"CSV with its own header", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`, map[string]string{"b/k": "a,b\n1,\"x,y\"\n\n2,z\n"}, `[{"a":"1","b":"x,y"},{"a":"2","b":"z"}]`},
		{"CSV with given headers", `"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["p","q"]`, map[string]string{"b/k": "1,2\r\n3,4,5\r\n6"}, `[{"p":"1","q":"2"},{"p":"3","q":"4"},{"p":"6","q":""}]`},
		{"CSV with another delimiter", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW","CSVDelimiter":"PIPE"`, map[string]string{"b/k": "a|b\n1,1|2"}, `[{"a":"1,1","b":"2"}]`},
		{"CSV with a byte order mark, compressed", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`, map[string]string{"b/k": zipped("\xef\xbb\xbfa\n1")}, `[{"a":"1"}]`},
		{"empty CSV", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`, map[string]string{"b/k": ""}, `[]`},
		{"most items", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW","MaxItems":1`, map[string]string{"b/k": "a\n1\n2"}, `[{"a":"1"}]`},
		{"JSON array", `"InputType":"JSON"`, map[string]string{"b/k": `[1,{"z":2,"a":3}]`}, `[1,{"z":2,"a":3}]`},
		{"JSON object: its members", `"InputType":"JSON"`, map[string]string{"b/k": `{"z":1,"a":2}`}, `[1,2]`},
		{"JSON within", `"InputType":"JSON","ItemsPointer":"/a~1b/1/c"`, map[string]string{"b/k": `{"a/b":[0,{"c":[7,8]}]}`}, `[7,8]`},
		{"JSON Lines", `"InputType":"JSONL"`, map[string]string{"b/k": "{\"a\":1}\n\n[2]\r\n3"}, `[{"a":1},[2],3]`},
		{"S3 inventory", `"InputType":"MANIFEST"`, map[string]string{
			"b/k":            `{"sourceBucket":"src","destinationBucket":"arn:aws:s3:::inv","fileFormat":"CSV","fileSchema":"Bucket, Key, Size","files":[{"key":"one.csv.gz"},{"key":"two.csv.gz"}]}`,
			"inv/one.csv.gz": zipped("\"src\",\"x\",\"1\"\n"), "inv/two.csv.gz": zipped("\"src\",\"y\",\"2\"\n"),
		}, `[{"Bucket":"src","Key":"x","Size":"1"},{"Bucket":"src","Key":"y","Size":"2"}]`},
		{"Athena's manifest", `"ManifestType":"ATHENA_DATA","InputType":"JSONL"`, map[string]string{
			"b/k": "s3://out/1\ns3://out/2\n", "out/1": "1\n2", "out/2": "3",
		}, `[1,2,3]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			beginWith(t, distributedMap("STANDARD", getObject(c.config), passItem), `{}`, &fakeS3{objects: c.objects}, nil, nil).wantOutput(t, c.want)
		})
	}
}

func TestItemReaderFailures(t *testing.T) {
	for _, c := range []struct{ name, config, object, cause string }{
		{"no such object", `"InputType":"JSON"`, "", "The specified key does not exist."},
		{"no JSON", `"InputType":"JSON"`, "[", "not JSON"},
		{"nothing to map over", `"InputType":"JSON"`, "7", "Attempting to map over non-iterable node."},
		{"pointer to nothing", `"InputType":"JSON","ItemsPointer":"/x"`, "{}", "/x"},
		{"bad line", `"InputType":"JSONL"`, "1\n{", "line 2"},
		{"no manifest", `"InputType":"MANIFEST"`, "x", "manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s3 := &fakeS3{objects: map[string]string{}}
			if c.object != "" {
				s3.objects["b/k"] = c.object
			}
			r := beginWith(t, distributedMap("STANDARD", getObject(c.config), passItem), `{}`, s3, nil, nil)
			r.wantError(t, ErrItemReaderFailed, c.cause)
			want := []string{"0<-2 MapStateEntered", "2<-3 MapStateStarted", "3<-4 MapRunStarted", "4<-5 MapRunFailed", "5<-6 MapStateFailed", "6<-7 ExecutionFailed"}
			if d := cmp.Diff(want, r.chain()[1:]); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
			if i := r.MapRuns()[0].Info(); i.Status != MapRunFailed || i.Stopped.IsZero() {
				t.Errorf("Map Run %+v", i)
			}
		})
	}
}

func TestListObjects(t *testing.T) {
	const reader = `"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"b","Prefix.$":"$.p"}%s},`
	s3 := &fakeS3{page: 2, objects: map[string]string{"b/d/1": "[1]", "b/d/2": "[2,3]", "b/d/3": "[]", "b/e": "x"}}
	r := beginWith(t, distributedMap("STANDARD", fmt.Sprintf(reader, "")+`"ItemSelector":{"v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source","i.$":"$$.Map.Item.Index"},`, passItem), `{"p":"d/"}`, s3, nil, nil)
	entry := func(k string, size, i int) string {
		return fmt.Sprintf(`{"v":{"Etag":"\"e-%s\"","Key":"%s","LastModified":1668699881,"Size":%d,"StorageClass":"STANDARD"},"s":"s3://b","i":%d}`, k, k, size, i)
	}
	r.wantOutput(t, "["+entry("d/1", 3, 0)+","+entry("d/2", 5, 1)+","+entry("d/3", 2, 2)+"]")
	if d := cmp.Diff([]string{"ListObjectsV2 b/d/", "ListObjectsV2 b/d/"}, s3.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}

	flat := fmt.Sprintf(reader, `,"ReaderConfig":{"Transformation":"LOAD_AND_FLATTEN","InputType":"JSON"}`)
	beginWith(t, distributedMap("EXPRESS", flat+`"ItemSelector":{"v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source"},`, passItem), `{"p":"d/"}`, s3, nil, nil).
		wantOutput(t, `[{"v":1,"s":"s3://b/d/1"},{"v":2,"s":"s3://b/d/2"},{"v":3,"s":"s3://b/d/2"}]`)
}

func TestItemsOfTheState(t *testing.T) {
	const jsonata = `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"Items":"{% $states.input %}",
	  "ItemSelector":{"k":"{% $states.context.Map.Item.Key %}","v":"{% $states.context.Map.Item.Value %}","i":"{% $states.context.Map.Item.Index %}","s":"{% $states.context.Map.Item.Source %}"},
	  "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + passItem + `}}}}`
	begin(t, jsonata, `{"z":1,"a":[2]}`, nil).wantOutput(t, `[{"k":"z","v":1,"i":0,"s":"STATE_DATA"},{"k":"a","v":[2],"i":1,"s":"STATE_DATA"}]`)
	begin(t, distributedMap("STANDARD", ``, passItem), `{"z":1,"a":2}`, nil).wantOutput(t, `[1,2]`)
	begin(t, distributedMap("STANDARD", ``, passItem), `[]`, nil).wantOutput(t, `[]`)
}

func TestItemBatcher(t *testing.T) {
	for _, c := range []struct{ name, batcher, input, want string }{
		{"by number", `"MaxItemsPerBatch":2`, `[1,2,3]`, `[{"Items":[1,2]},{"Items":[3]}]`},
		{"by size", `"MaxInputBytesPerBatch":17`, `[1,2,3,"long enough"]`, `[{"Items":[1,2,3]},{"Items":["long enough"]}]`},
		{"by both", `"MaxItemsPerBatch":2,"MaxInputBytesPerBatch":1000`, `[1,2,3]`, `[{"Items":[1,2]},{"Items":[3]}]`},
		{"with what they share", `"MaxItemsPerBatch":2,"BatchInput":{"all.$":"$","c":1}`, `[1,2]`, `[{"BatchInput":{"all":[1,2],"c":1},"Items":[1,2]}]`},
		{"by a path", `"MaxItemsPerBatchPath":"$[0]"`, `[1,2]`, `[{"Items":[1]},{"Items":[2]}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, distributedMap("STANDARD", `"ItemBatcher":{`+c.batcher+`},`, passItem), c.input, nil)
			r.wantOutput(t, c.want)
		})
	}
	r := begin(t, distributedMap("STANDARD", `"ItemBatcher":{"MaxItemsPerBatch":2},`, passItem), `[1,2,3]`, nil)
	i := r.MapRuns()[0].Info()
	if i.Executions.Total != 2 || i.Executions.Succeeded != 2 || i.Items.Total != 3 || i.Items.Succeeded != 3 || i.Items.ResultsWritten != 3 {
		t.Errorf("Map Run %+v", i)
	}
	if n := r.MapRuns()[0].Children()[0].Info().ItemCount; n != 2 {
		t.Errorf("%d items", n)
	}
}

func TestChildrenAreExecutionsOfTheirOwn(t *testing.T) {
	const processor = `"StartAt":"C","States":{"C":{"Type":"Pass","Parameters":{"id.$":"$$.Execution.Id","name.$":"$$.Execution.Name","machine.$":"$$.StateMachine.Id","input.$":"$$.Execution.Input"},"End":true}}`
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		var told []string
		r := beginWith(t, distributedMap(kind, ``, processor), `["a","b"]`, nil, nil, func(o *Options) {
			o.OnChild = func(c *Execution) { told = append(told, "child "+c.Info().Arn) }
			o.OnChildEvent = func(c *Execution, ev Event) {
				if ev.Type == "ExecutionStarted" || ev.Type == "ExecutionSucceeded" {
					told = append(told, ev.Type+" "+c.Info().Arn)
				}
			}
		})
		run := r.MapRuns()[0]
		info := run.Info()
		if !strings.HasPrefix(info.Arn, "arn:aws:states:eu-west-1:123456789012:mapRun:m/L:") || info.ExecutionArn != r.Info().Arn || info.Status != MapRunSucceeded || info.MaxConcurrency != 10_000 {
			t.Errorf("Map Run %+v", info)
		}
		var want []string
		for _, c := range run.Children() {
			i := c.Info()
			prefix := "arn:aws:states:eu-west-1:123456789012:execution:m/L:"
			if kind == "EXPRESS" {
				prefix = "arn:aws:states:eu-west-1:123456789012:express:m/L:"
			}
			if i.Arn != prefix+i.Name || i.StateMachineArn != "arn:aws:states:eu-west-1:123456789012:stateMachine:m/L" || i.MapRunArn != info.Arn || i.Express != (kind == "EXPRESS") {
				t.Errorf("child %+v", i)
			}
			name, _, _ := strings.Cut(i.Name, ":")
			outputIs(t, c, fmt.Sprintf(`{"id":%q,"name":%q,"machine":%q,"input":%s}`, i.Arn, name, i.StateMachineArn, i.Input))
			if got := chainOf(c.History()); len(got) != 4 || got[3] != "3<-4 ExecutionSucceeded" {
				t.Errorf("history %v", got)
			}
			want = append(want, "child "+i.Arn, "ExecutionStarted "+i.Arn)
		}
		for _, c := range run.Children() {
			want = append(want, "ExecutionSucceeded "+c.Info().Arn)
		}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	}
}

func outputIs(t *testing.T, e *Execution, want string) {
	t.Helper()
	(&run{Execution: e}).wantOutput(t, want)
}

func TestLabelIsMadeUpOncePerState(t *testing.T) {
	d := strings.Replace(distributedMap("STANDARD", ``, passItem), `"Label":"L",`, "", 1)
	a, b := begin(t, d, `[1]`, nil).MapRuns()[0].Info(), begin(t, d, `[1]`, nil).MapRuns()[0].Info()
	if a.Label == "" || a.Label != b.Label {
		t.Errorf("labels %q and %q", a.Label, b.Label)
	}
}

func TestTokensOfChildren(t *testing.T) {
	r := begin(t, distributedMap("STANDARD", ``, `"StartAt":"T","States":{"T":{`+wait+`,"End":true}}`), `[1,2]`, map[string][]answer{"T": {{output: `{}`}}})
	for i, q := range r.tasks.requests {
		if q.ExecutionArn == r.Info().Arn || q.ExecutionArn != r.MapRuns()[0].Children()[i].Info().Arn {
			t.Errorf("request of %s", q.ExecutionArn)
		}
		if err := r.TaskSucceeded(q.TaskToken, json.RawMessage(fmt.Sprint(i))); err != nil { // by way of the parent
			t.Fatal(err)
		}
	}
	r.wantOutput(t, `[0,1]`)
}

func TestToleratedFailures(t *testing.T) {
	bad := answer{err: &Error{"Bad", "x"}}
	good := answer{output: `1`}
	for _, c := range []struct {
		name, fields string
		answers      []answer
		ok           bool
	}{
		{"none by default", ``, []answer{good, bad, good, good}, false},
		{"as many as given", `"ToleratedFailureCount":2,`, []answer{bad, bad, good, good}, true},
		{"more than given", `"ToleratedFailureCount":1,`, []answer{bad, bad, good, good}, false},
		{"percentage", `"ToleratedFailurePercentage":50,`, []answer{bad, good, bad, good}, true},
		{"more than that percentage", `"ToleratedFailurePercentage":49.9,`, []answer{bad, good, bad, good}, false},
		{"all", `"ToleratedFailurePercentage":100,`, []answer{bad}, true},
		{"either is enough to fail", `"ToleratedFailurePercentage":100,"ToleratedFailureCount":1,`, []answer{bad, bad, good, good}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, distributedMap("STANDARD", `"MaxConcurrency":1,`+c.fields, taskItem), `[1,2,3,4]`, map[string][]answer{"T": c.answers}).toEnd()
			info := r.MapRuns()[0].Info()
			if c.ok {
				if r.Status() != Succeeded || info.Status != MapRunSucceeded || info.Executions.Succeeded+info.Executions.Failed != 4 {
					t.Errorf("status %s, %v, Map Run %+v", r.Status(), r.Err(), info)
				}
				return
			}
			r.wantError(t, ErrExceedToleratedFailures, "The specified tolerated failure threshold was exceeded")
			if d := cmp.Diff([]string{"MapRunFailed", "MapStateFailed", "ExecutionFailed"}, tail(r.types(), 3)); d != "" || info.Status != MapRunFailed {
				t.Errorf("%+v, events (-want +got):\n%s", info, d)
			}
		})
	}
}

func TestFailedMapRunAbortsItsChildren(t *testing.T) {
	answers := map[string][]answer{"T": {{never: true}, {err: &Error{"Bad", ""}, after: time.Second}, {never: true}}}
	r := begin(t, distributedMap("STANDARD", `"MaxConcurrency":3,`, taskItem), `[1,2,3,4]`, answers).toEnd()
	r.wantError(t, ErrExceedToleratedFailures, "")
	i := r.MapRuns()[0].Info().Executions
	if i.Aborted != 2 || i.Failed != 1 || i.Pending != 1 || i.Total != 4 || len(r.tasks.cancelled) != 2 {
		t.Errorf("counts %+v, cancelled %v", i, r.tasks.cancelled)
	}
	c := r.MapRuns()[0].Children()[0]
	if c.Status() != Aborted || c.Err().Cause == "" || tail(c.types(), 1)[0] != "ExecutionAborted" {
		t.Errorf("child %s %v %v", c.Status(), c.Err(), c.types())
	}
	if r.clock.Next() {
		t.Error("a timer is left")
	}
}

func (e *Execution) types() []string { return (&run{Execution: e}).types() }

// EXPRESS children cannot be stopped: the run waits for them, and starts none.
func TestFailedMapRunWaitsForExpressChildren(t *testing.T) {
	answers := map[string][]answer{"T": {{output: `1`, after: 10 * time.Second}, {err: &Error{"Bad", ""}, after: time.Second}}}
	r := begin(t, distributedMap("EXPRESS", `"MaxConcurrency":2,`, taskItem), `[1,2,3]`, answers).toEnd()
	r.wantError(t, ErrExceedToleratedFailures, "")
	i := r.MapRuns()[0].Info()
	if i.Executions.Succeeded != 1 || i.Executions.Failed != 1 || i.Executions.Pending != 1 || i.Stopped.Sub(noon) != 10*time.Second {
		t.Errorf("Map Run %+v", i)
	}
}

func TestExpressChildrenTimeOut(t *testing.T) {
	r := begin(t, distributedMap("EXPRESS", `"ToleratedFailureCount":1,`, taskItem), `[1]`, map[string][]answer{"T": {{never: true}}}).toEnd()
	if c := r.MapRuns()[0].Children()[0].Info(); c.Status != TimedOut || c.Stopped.Sub(noon) != 5*time.Minute || r.Status() != Succeeded {
		t.Errorf("child %+v, parent %s", c, r.Status())
	}
}

func TestStoppedParentStopsItsMapRun(t *testing.T) {
	r := begin(t, distributedMap("STANDARD", ``, taskItem), `[1,2]`, map[string][]answer{"T": {{never: true}}})
	if i := r.MapRuns()[0].Info(); i.Status != MapRunRunning || i.Executions.Running != 2 {
		t.Errorf("Map Run %+v", i)
	}
	r.Stop("Operator", "enough")
	if i := r.MapRuns()[0].Info(); i.Status != MapRunAborted || i.Executions.Aborted != 2 {
		t.Errorf("Map Run %+v", i)
	}
	if tail(r.chain(), 1)[0] != "0<-5 ExecutionAborted" || r.clock.Next() {
		t.Errorf("events %v", r.chain())
	}
}

func TestMapRunInAnAbortedBranch(t *testing.T) {
	r := begin(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	 {"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`+taskItem+`}}}},
	 {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"F"},"F":{"Type":"Fail","Error":"Boom"}}}]}}}`, `[1]`, map[string][]answer{"T": {{never: true}}}).toEnd()
	r.wantError(t, "Boom", "")
	if d := cmp.Diff([]string{"FailStateEntered", "MapStateAborted", "MapRunAborted", "ParallelStateFailed", "ExecutionFailed"}, tail(r.types(), 5)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestUpdateMapRun(t *testing.T) {
	r := begin(t, distributedMap("STANDARD", `"MaxConcurrency":1,"ToleratedFailureCount":3,`, taskItem), `[1,2,3,4]`, map[string][]answer{"T": {{err: &Error{"Bad", ""}}, {never: true}}})
	run := r.MapRuns()[0]
	if n := len(run.Children()); n != 2 {
		t.Fatalf("%d children", n)
	}
	two := int64(2)
	if err := run.Update(MapRunUpdate{MaxConcurrency: &two}); err != nil {
		t.Fatal(err)
	}
	if i := run.Info(); i.Executions.Running != 2 || i.MaxConcurrency != 2 {
		t.Errorf("Map Run %+v", i)
	}
	none := int64(0)
	if err := run.Update(MapRunUpdate{ToleratedFailureCount: &none}); err != nil {
		t.Fatal(err)
	}
	r.wantError(t, ErrExceedToleratedFailures, "")
	if err := run.Update(MapRunUpdate{}); err == nil {
		t.Error("a Map Run that has ended was updated")
	}
}

func TestResultWriter(t *testing.T) {
	const processor = `"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"F"}],"Default":"P"},
	  "P":{"Type":"Pass","Parameters":{"o.$":"States.Array($, $)"},"OutputPath":"$.o","End":true},"F":{"Type":"Fail","Error":"Two","Cause":"is bad"}}`
	writer := func(config string) string {
		return `"ToleratedFailureCount":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out","Prefix":"p"}` + config + `},`
	}
	for _, c := range []struct{ name, config, file, want string }{
		{"compact", `,"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}`, "SUCCEEDED_0.json", "[[1,1],[3,3]]"},
		{"flat", `,"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}`, "SUCCEEDED_0.json", "[1,1,3,3]"},
		{"lines", `,"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}`, "SUCCEEDED_0.jsonl", "[1,1]\n[3,3]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s3 := &fakeS3{}
			r := beginWith(t, distributedMap("STANDARD", writer(c.config), processor), `[1,2,3]`, s3, nil, nil)
			id := lastPart(r.MapRuns()[0].Info().Arn)
			if got := s3.objects["out/p/"+id+"/"+c.file]; got != c.want {
				t.Errorf("%s has %s, want %s", c.file, got, c.want)
			}
		})
	}

	s3 := &fakeS3{}
	r := beginWith(t, distributedMap("STANDARD", writer(""), processor), `[1,2,3]`, s3, nil, nil)
	info := r.MapRuns()[0].Info()
	dir := "p/" + lastPart(info.Arn) + "/"
	r.wantOutput(t, fmt.Sprintf(`{"MapRunArn":%q,"ResultWriterDetails":{"Bucket":"out","Key":"%smanifest.json"}}`, info.Arn, dir))
	succeeded, failed := s3.objects["out/"+dir+"SUCCEEDED_0.json"], s3.objects["out/"+dir+"FAILED_0.json"]
	manifest := fmt.Sprintf(`{"DestinationBucket":"out","MapRunArn":%q,"ResultFiles":{"FAILED":[{"Key":"%sFAILED_0.json","Size":%d}],"PENDING":[],"SUCCEEDED":[{"Key":"%sSUCCEEDED_0.json","Size":%d}]}}`,
		info.Arn, dir, len(failed), dir, len(succeeded))
	if got := s3.objects["out/"+dir+"manifest.json"]; got != manifest {
		t.Errorf("manifest %s\nwant     %s", got, manifest)
	}
	c := r.MapRuns()[0].Children()
	want := fmt.Sprintf(`[{"Cause":"is bad","Error":"Two","ExecutionArn":%q,"Input":"2","InputDetails":{"Included":true},"Name":%q,"OutputDetails":{"Included":true},`+
		`"RedriveCount":0,"RedriveStatus":"REDRIVABLE_BY_MAP_RUN","StartDate":"2026-08-01T12:00:00.000Z","StateMachineArn":"arn:aws:states:eu-west-1:123456789012:stateMachine:m/L","Status":"FAILED","StopDate":"2026-08-01T12:00:00.000Z"}]`,
		c[1].Info().Arn, c[1].Info().Name)
	if failed != want {
		t.Errorf("FAILED_0.json is %s\nwant            %s", failed, want)
	}
	if !strings.Contains(succeeded, `"Output":"[1,1]"`) || !strings.Contains(succeeded, `"RedriveStatus":"NOT_REDRIVABLE","RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven"`) {
		t.Errorf("SUCCEEDED_0.json is %s", succeeded)
	}
	if d := cmp.Diff([]string{"PutObject out/" + dir + "SUCCEEDED_0.json", "PutObject out/" + dir + "FAILED_0.json", "PutObject out/" + dir + "manifest.json"}, s3.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}

func TestResultsWithoutABucket(t *testing.T) {
	const processor = `"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"o.$":"States.Array($, $)"},"OutputPath":"$.o","End":true}}`
	begin(t, distributedMap("STANDARD", `"ResultWriter":{"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}},`, processor), `[1,2]`, nil).wantOutput(t, `[1,1,2,2]`)
	r := begin(t, distributedMap("STANDARD", `"ResultWriter":{"WriterConfig":{"Transformation":"NONE","OutputType":"JSON"}},`, processor), `[1]`, nil)
	if out := string(r.Output()); !strings.Contains(out, `"Output":"[1,1]"`) || !strings.Contains(out, `"Status":"SUCCEEDED"`) {
		t.Errorf("output %s", out)
	}
}

// What did not start is written too when the run fails.
func TestResultWriterOfAFailedRun(t *testing.T) {
	s3 := &fakeS3{}
	r := beginWith(t, distributedMap("STANDARD", `"MaxConcurrency":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"}},`, taskItem), `[1,2]`, s3,
		map[string][]answer{"T": {{err: &Error{"Bad", ""}}}}, nil)
	r.wantError(t, ErrExceedToleratedFailures, "")
	if got := s3.objects["out/"+lastPart(r.MapRuns()[0].Info().Arn)+"/PENDING_0.json"]; got != `[{"Input":"2","InputDetails":{"Included":true},"Status":"PENDING"}]` {
		t.Errorf("PENDING_0.json is %s", got)
	}
}

func TestResultWriterFails(t *testing.T) {
	s3 := &fakeS3{fail: map[string]*Error{"PutObject": {"S3.NoSuchBucketException", "The specified bucket does not exist"}}}
	r := beginWith(t, distributedMap("STANDARD", `"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"}},`, passItem), `[1]`, s3, nil, nil)
	r.wantError(t, ErrResultWriterFailed, "The specified bucket does not exist")
	if d := cmp.Diff([]string{"MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"}, tail(r.types(), 4)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestMapRunOutputLimit(t *testing.T) {
	item := strings.Repeat("x", 200_000)
	r := begin(t, distributedMap("STANDARD", `"ItemsPath":"$.items","ItemSelector":{"v.$":"$.v"},`, passItem), `{"items":[1,2],"v":"`+item+`"}`, nil)
	r.wantError(t, ErrDataLimit, "The state/task 'M' returned a result with a size exceeding the maximum number of bytes service limit.")
}

func TestMapRunIsRetriedAsANewOne(t *testing.T) {
	r := begin(t, distributedMap("STANDARD", `"Retry":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"MaxAttempts":1}],`, taskItem), `[1]`,
		map[string][]answer{"T": {{err: &Error{"Bad", ""}}, {output: `7`}}}).toEnd()
	r.wantOutput(t, `[7]`)
	runs := r.MapRuns()
	if len(runs) != 2 || runs[0].Info().Status != MapRunFailed || runs[1].Info().Status != MapRunSucceeded || runs[0].Info().Arn == runs[1].Info().Arn {
		t.Errorf("%d Map Runs", len(runs))
	}
	want := []string{"3<-4 MapRunStarted", "4<-5 MapRunFailed", "5<-6 MapStateStarted", "6<-7 MapRunStarted", "7<-8 MapRunSucceeded", "8<-9 MapStateSucceeded", "7<-10 MapStateExited"}
	if d := cmp.Diff(want, r.chain()[3:10]); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestChildrenDoNotSeeVariables(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"x":1},"Next":"M"},
	  "M":{"Type":"Map","Items":[1],"End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
	  "StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"x":2},"Output":"{% $exists($x) %}","End":true}}}}}}`, `{}`, nil)
	r.wantOutput(t, `[false]`)
}

func TestDistributedMapInsideOfOne(t *testing.T) {
	inner := `"StartAt":"N","States":{"N":{"Type":"Map","Label":"Inner","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},` + passItem + `}}}`
	r := begin(t, distributedMap("STANDARD", ``, inner), `[[1,2],[3]]`, nil)
	r.wantOutput(t, `[[1,2],[3]]`)
	c := r.MapRuns()[0].Children()[0]
	if runs := c.MapRuns(); len(runs) != 1 || len(runs[0].Children()) != 2 || runs[0].Info().ExecutionArn != c.Info().Arn {
		t.Errorf("the child has %d Map Runs", len(runs))
	}
}

// Answers of Amazon S3 that come later, from another goroutine.
func TestObjectsAnswerLater(t *testing.T) {
	var waiting []func()
	s3 := &fakeS3{objects: map[string]string{"b/k": "[1,2]"}, later: func(f func()) { waiting = append(waiting, f) }}
	r := beginWith(t, distributedMap("STANDARD", getObject(`"InputType":"JSON"`)+`"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"}},`, passItem), `{}`, s3, nil, nil)
	for n := 0; len(waiting) > 0; n++ {
		if r.Status() != Running {
			t.Fatalf("status %s after %d answers", r.Status(), n)
		}
		next := waiting[0]
		waiting = waiting[1:]
		next()
		next()
	}
	if r.Status() != Succeeded {
		t.Errorf("status %s, %v", r.Status(), r.Err())
	}
	r = beginWith(t, distributedMap("STANDARD", getObject(`"InputType":"JSON"`), passItem), `{}`, s3, nil, nil)
	r.Stop("", "")
	waiting[0]()
	if r.Status() != Aborted {
		t.Errorf("status %s", r.Status())
	}
}
