package asl

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// reading is what an ItemReader does: calls to Amazon S3, one after the other,
// until it has all items or as many as wanted.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
type reading struct {
	run       *MapRun
	reader    *itemReader
	arguments any
	limit     int64 // MaxItems; 0: none
	items     []mapItem
	objects   []objectRef // still to be read
	listed    int
}

// objectRef names one object.
type objectRef struct{ bucket, key string }

func (o objectRef) source() string { return "s3://" + o.bucket + "/" + o.key }

// newReading evaluates what is to be read.
func (v *visit) newReading() (*reading, error) {
	r := v.state.distributed.reader
	g := &reading{reader: r}
	var err error
	if g.arguments, err = r.arguments.eval(v.view()); err != nil {
		return nil, err
	}
	if _, ok := members(g.arguments); !ok {
		return nil, wrongType(r.arguments, "Arguments", "object", g.arguments)
	}
	if r.maxItems != nil {
		low := int64(math.MinInt64) // AWS finds out when the run has begun
		if v.state.jsonata {
			low = 0
		}
		n, err := v.whole(numericText{r.maxItems}, "MaxItems", low, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		g.limit = min(n, maxItemLimit)
	}
	return g, nil
}

// begin reads from the start.
func (g *reading) begin(r *MapRun) {
	g.run, g.items, g.objects, g.listed = r, nil, nil, 0
	if g.limit < 0 {
		g.failed(errors.New("field MaxItems must be positive"))
		return
	}
	if data := r.visit.probe.readerData(); data != nil { // what the object would hold
		g.take(objectRef{}, ObjectResult{Body: data})
		return
	}
	if g.reader.list {
		g.list(nil)
		return
	}
	g.call("GetObject", g.arguments, func(o ObjectResult) { g.take(g.named(), o) })
}

// named is the object that the arguments name.
func (g *reading) named() objectRef {
	m, _ := members(g.arguments)
	bucket, _ := m["Bucket"].(string)
	key, _ := m["Key"].(string)
	return objectRef{bucket, key}
}

// call asks Amazon S3; what it answers is handled under the lock.
func (g *reading) call(operation string, arguments any, then func(ObjectResult)) {
	g.run.callObjects(ObjectRequest{Operation: operation, Arguments: json.RawMessage(text(arguments))}, func(o ObjectResult) {
		if o.Err != nil {
			cause := o.Err.Cause
			if cause == "" {
				cause = o.Err.Name
			}
			g.failed(errors.New(cause))
			return
		}
		then(o)
	})
}

func (r *MapRun) callObjects(q ObjectRequest, then func(ObjectResult)) {
	e := r.ex
	q.State, q.ExecutionArn = r.visit.state.name, e.arn
	attempt, answered := r.info.RedriveCount, false
	e.later(func() {
		e.o.Objects.Call(q, func(o ObjectResult) {
			e.do(func() {
				again := answered
				answered = true
				if !again && r.alive() && r.info.RedriveCount == attempt {
					then(o)
				}
			})
		})
	})
}

func (g *reading) failed(err error) {
	g.run.fail(g.run.visit.failure(&evalError{name: ErrItemReaderFailed, bare: true, cause: err.Error()}))
}

// full says whether there are as many items as wanted, and drops more.
func (g *reading) full() bool {
	if g.limit == 0 || int64(len(g.items)) < g.limit {
		return false
	}
	g.items = g.items[:g.limit]
	return true
}

func (g *reading) done() {
	g.full()
	items := g.items
	g.items = nil
	g.run.begin(items)
}

// list asks for one page of objects.
func (g *reading) list(token any) {
	arguments := g.arguments
	if token != nil {
		m, _ := members(arguments)
		pairs := []any{}
		for _, k := range keysOf(arguments) {
			if k != "ContinuationToken" {
				pairs = append(pairs, k, m[k])
			}
		}
		arguments = objectOf(append(pairs, "ContinuationToken", token)...)
	}
	g.call("ListObjectsV2", arguments, func(o ObjectResult) {
		page, err := decode(o.Output)
		if err != nil {
			g.failed(err)
			return
		}
		m, _ := members(page)
		contents, _ := m["Contents"].([]any)
		bucket := g.named().bucket
		for _, c := range contents {
			entry, _ := members(c)
			if g.reader.flatten {
				key, _ := entry["Key"].(string)
				g.objects = append(g.objects, objectRef{bucket, key})
				continue
			}
			g.items = append(g.items, mapItem{value: listed(entry, g.run.visit.state.jsonata), source: "s3://" + bucket})
		}
		switch more, _ := m["IsTruncated"].(bool); {
		case g.full():
			g.done()
		case more && m["NextContinuationToken"] != nil:
			g.list(m["NextContinuationToken"])
		case g.reader.flatten:
			g.readNext()
		default:
			g.done()
		}
	})
}

// listed is an object's entry as AWS passes it on: the time in seconds since
// 1970, a double but for JSONata, and Etag spelt so.
func listed(entry map[string]any, jsonata bool) any {
	o := objectOf("Etag", entry["ETag"])
	for _, k := range []string{"Key", "LastModified", "Size", "StorageClass"} {
		v, ok := entry[k]
		if !ok {
			continue
		}
		if s, isText := v.(string); isText && k == "LastModified" {
			if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
				if v = float64(at.Unix()); jsonata {
					v = jsonInt(at.Unix())
				}
			}
		}
		o.set(k, v)
	}
	return o
}

// readNext reads the next of several objects.
func (g *reading) readNext() {
	if g.full() || len(g.objects) == 0 {
		g.done()
		return
	}
	next := g.objects[0]
	g.objects = g.objects[1:]
	g.call("GetObject", objectOf("Bucket", next.bucket, "Key", next.key), func(o ObjectResult) {
		if err := g.parse(next, o.Body); err != nil {
			g.failed(err)
			return
		}
		g.readNext()
	})
}

// take takes the object that the arguments name: the items, or a manifest that
// says where they are.
func (g *reading) take(from objectRef, o ObjectResult) {
	var err error
	switch {
	case g.reader.manifest == "ATHENA_DATA":
		g.objects, err = athenaManifest(o.Body)
	case g.reader.inputType == "MANIFEST" || g.reader.manifest == "S3_INVENTORY":
		err = g.inventory(o.Body)
	default:
		if err = g.parse(from, o.Body); err == nil {
			g.done()
			return
		}
	}
	if err != nil {
		g.failed(err)
		return
	}
	g.readNext()
}

// parse adds the items that are in an object.
func (g *reading) parse(from objectRef, body []byte) error {
	body, err := uncompressed(body)
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	items, err := g.reader.parse(body)
	if err != nil {
		return err
	}
	for _, i := range items {
		if from.key != "" {
			i.source = from.source()
		}
		g.items = append(g.items, i)
	}
	return nil
}

func uncompressed(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer z.Close() //nolint:errcheck // reading tells of errors
	return io.ReadAll(z)
}

// inventory reads the manifest of an S3 inventory: its files have one object a
// line, without a header.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
func (g *reading) inventory(body []byte) error {
	var m struct {
		DestinationBucket, FileFormat, FileSchema string
		Files                                     []struct{ Key string }
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("the manifest is not JSON: %w", err)
	}
	if !strings.EqualFold(m.FileFormat, "CSV") {
		return fmt.Errorf("the manifest's fileFormat must be CSV, but is %q", m.FileFormat)
	}
	r := *g.reader
	r.inputType, r.manifest, r.given, r.headers, r.delimiter = "CSV", "", true, nil, ','
	for _, h := range strings.Split(m.FileSchema, ",") {
		r.headers = append(r.headers, strings.TrimSpace(h))
	}
	g.reader = &r
	bucket := lastPart(m.DestinationBucket)
	for _, f := range m.Files {
		g.objects = append(g.objects, objectRef{bucket, f.Key})
	}
	return nil
}

// athenaManifest reads the manifest that Athena's UNLOAD writes: one S3 URI a
// line.
func athenaManifest(body []byte) ([]objectRef, error) {
	var out []objectRef
	for _, line := range strings.Split(string(body), "\n") {
		line = strings.Trim(strings.TrimSpace(line), `"`)
		if line == "" {
			continue
		}
		bucket, key, ok := strings.Cut(strings.TrimPrefix(line, "s3://"), "/")
		if !ok || !strings.HasPrefix(line, "s3://") {
			return nil, fmt.Errorf("the manifest must have S3 URIs, but has %q", line)
		}
		out = append(out, objectRef{bucket, key})
	}
	return out, nil
}
