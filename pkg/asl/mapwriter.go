package asl

import (
	"encoding/json"
	"fmt"
	"strings"
)

// exporter remembers what a ResultWriter has written: files are not written
// again after a redrive, and every manifest names all of them.
type exporter struct {
	written map[int]Status // by input
	files   map[string][]resultFile
}

type resultFile struct {
	key  string
	size int
}

// pending is how ResultWriter calls what did not start.
const pending Status = "PENDING"

// fileOf is the kind of file that an execution's result goes to.
func fileOf(s Status) string {
	switch s {
	case Succeeded, pending:
		return string(s)
	}
	return string(Failed)
}

// writeResults puts the results into files, one for each outcome, and then the
// manifest.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
func (r *MapRun) writeResults(w *resultWriter) {
	v := r.visit
	where, err := w.arguments.eval(v.view())
	if err != nil {
		r.end(nil, v.failure(err))
		return
	}
	m, _ := members(where)
	bucket, _ := m["Bucket"].(string)
	prefix, _ := m["Prefix"].(string)
	if bucket == "" {
		r.writerFailed("The field 'Bucket' of the ResultWriter is missing")
		return
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	prefix += lastPart(r.info.Arn) + "/"
	if r.info.RedriveCount > 0 {
		prefix += fmt.Sprintf("Redrive-%d/", r.info.RedriveCount)
	}
	if r.export.written == nil {
		r.export = exporter{map[int]Status{}, map[string][]resultFile{}}
	}
	x := &exporting{run: r, writer: w, bucket: bucket, prefix: prefix}
	x.next([]string{"SUCCEEDED", "FAILED", "PENDING"})
}

func (r *MapRun) writerFailed(cause string) {
	r.end(nil, r.visit.failure(&evalError{name: ErrResultWriterFailed, cause: cause}))
}

// exporting is one round of writing files.
type exporting struct {
	run            *MapRun
	writer         *resultWriter
	bucket, prefix string
}

// next writes the file of the next outcome that has any results.
func (x *exporting) next(kinds []string) {
	r := x.run
	for len(kinds) > 0 {
		kind := kinds[0]
		kinds = kinds[1:]
		var which []int
		for i, c := range r.children {
			s := pending
			if c != nil {
				s = c.status
			}
			if fileOf(s) == kind && (r.export.written[i] != s || c != nil && c.redriven.Equal(r.info.Redriven) && c.redrives > 0) {
				which = append(which, i)
			}
		}
		if len(which) == 0 {
			continue
		}
		key := x.prefix + kind + "_0.json"
		if x.writer.lines {
			key += "l"
		}
		body := x.content(which)
		x.put(key, body, func() {
			for _, i := range which {
				s := pending
				if c := r.children[i]; c != nil {
					s = c.status
				}
				r.export.written[i] = s
			}
			r.export.files[kind] = append(r.export.files[kind], resultFile{key, len(body)})
			x.next(kinds)
		})
		return
	}
	key := x.prefix + "manifest.json"
	x.put(key, []byte(text(x.manifest())), func() {
		r.exported, r.itemsDone = r.total()
		r.end(objectOf("MapRunArn", r.info.Arn, "ResultWriterDetails", objectOf("Bucket", x.bucket, "Key", key)), r.failing)
	})
}

func (x *exporting) put(key string, body []byte, then func()) {
	q := ObjectRequest{Operation: "PutObject", Body: body,
		Arguments: json.RawMessage(text(objectOf("Bucket", x.bucket, "Key", key, "ContentType", "application/json")))}
	x.run.callObjects(q, func(o ObjectResult) {
		if o.Err != nil {
			cause := o.Err.Cause
			if cause == "" {
				cause = o.Err.Name
			}
			x.run.writerFailed(cause)
			return
		}
		then()
	})
}

// content is one file: a JSON array, or JSON Lines.
func (x *exporting) content(which []int) []byte {
	results := []any{}
	for _, i := range which {
		if c := x.run.children[i]; c != nil {
			results = x.writer.add(results, c)
		} else {
			results = append(results, objectOf("Input", x.run.inputs[i].raw, "InputDetails", objectOf("Included", true), "Status", string(pending)))
		}
	}
	if !x.writer.lines {
		return []byte(text(results))
	}
	var b strings.Builder
	for _, v := range results {
		b.WriteString(text(v))
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func (x *exporting) manifest() any {
	files := newObject(3)
	for _, kind := range []string{"FAILED", "PENDING", "SUCCEEDED"} {
		list := []any{}
		for _, f := range x.run.export.files[kind] {
			list = append(list, objectOf("Key", f.key, "Size", jsonInt(int64(f.size))))
		}
		files.set(kind, list)
	}
	return objectOf("DestinationBucket", x.bucket, "MapRunArn", x.run.info.Arn, "ResultFiles", files)
}

// transform makes the state's result of all children.
func (w *resultWriter) transform(children []*Execution) any {
	results := make([]any, 0, len(children))
	for _, c := range children {
		results = w.add(results, c)
	}
	return results
}

// add adds one child's result. One that did not succeed comes with all that is
// known of it, whatever the transformation.
func (w *resultWriter) add(results []any, c *Execution) []any {
	if c.status != Succeeded || w.transformation == "NONE" {
		return append(results, c.summary())
	}
	if list, ok := c.output.v.([]any); ok && w.transformation == "FLATTEN" {
		return append(results, list...)
	}
	return append(results, c.output.v)
}

// summary is a child execution as ResultWriter shows it.
func (c *Execution) summary() any {
	o := newObject(16)
	set := func(key, value string) {
		if value != "" {
			o.set(key, value)
		}
	}
	if c.err != nil {
		set("Cause", c.err.Cause)
		set("Error", c.err.Name)
	}
	included := objectOf("Included", true)
	o.set("ExecutionArn", c.arn)
	o.set("Input", c.input.raw)
	o.set("InputDetails", included)
	o.set("Name", lastName(c.arn))
	if c.output != nil {
		o.set("Output", c.output.raw)
	}
	o.set("OutputDetails", included)
	o.set("RedriveCount", jsonInt(int64(c.redrives)))
	if !c.limits.express {
		if c.redrives > 0 {
			o.set("RedriveDate", stamp(c.redriven))
		}
		status, reason := c.redriveStatus(c.o.Clock.Now())
		o.set("RedriveStatus", string(status))
		set("RedriveStatusReason", reason)
	}
	o.set("StartDate", stamp(c.started))
	o.set("StateMachineArn", c.machineArn)
	o.set("Status", string(c.status))
	o.set("StopDate", stamp(c.stopped))
	return o
}
