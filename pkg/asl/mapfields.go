package asl

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// distributed is what a Map state has in Distributed mode.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
type distributed struct {
	express bool
	label   string
	time    time.Duration // TimeoutSeconds of the processor; 0: none

	toleratedCount      template
	toleratedPercentage template

	reader  *itemReader
	batcher *itemBatcher
	writer  *resultWriter
}

type itemReader struct {
	list      bool     // s3:listObjectsV2; otherwise s3:getObject
	arguments template // Bucket, Key, ...
	inputType string   // CSV, JSON, JSONL, MANIFEST
	manifest  string   // ManifestType: S3_INVENTORY, ATHENA_DATA
	flatten   bool     // Transformation LOAD_AND_FLATTEN
	given     bool     // CSVHeaderLocation GIVEN
	headers   []string
	delimiter rune
	pointer   string // ItemsPointer
	maxItems  template
}

type itemBatcher struct {
	maxItems, maxBytes template
	input              template // BatchInput
}

type resultWriter struct {
	arguments      template // Bucket and Prefix; nil: the results become the state's
	transformation string   // NONE, COMPACT, FLATTEN
	lines          bool     // OutputType JSONL
}

// usesObjects says whether the state reads or writes objects in Amazon S3.
func (s *state) usesObjects() bool {
	d := s.distributed
	return d != nil && (d.reader != nil || d.writer != nil && d.writer.arguments != nil)
}

const (
	maxLabel     = 40
	maxItemLimit = 100_000_000
	maxChildren  = 10_000 // child executions of one Map Run at a time
)

var distributedFields = []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount",
	"ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}

// processor reads ItemProcessor, or Iterator as it was called before
// Distributed Map came, with the fields that depend on its mode.
func (f *fields) processor() {
	f.exactlyOne("ItemProcessor", "Iterator")
	name := "ItemProcessor"
	if f.has("Iterator") {
		name = "Iterator"
		f.take("ItemProcessor")
	}
	r, ok := f.object(name)
	if !ok {
		return
	}
	f.s.distributed = f.processorMode(r)
	if f.s.distributed == nil {
		for _, field := range distributedFields {
			if _, ok := f.take(field); ok {
				f.problem("", "%s", unknownField(field))
			}
		}
		f.s.processor = f.nested(r)
		f.s.processor.field = name
		return
	}
	f.distributedMap()
	// The children are executions of their own: they see no variables from
	// outside, and may assign any.
	r.text("Comment")
	f.s.distributed.time = time.Duration(r.integer("TimeoutSeconds", 1, maxSeconds, 0)) * time.Second
	f.s.processor = f.p.block(r, nil)
	f.s.processor.field = name
	r.unknown(unknownField)
	if f.s.distributed.express && f.s.processor.has(waits) {
		f.problem(name, "has a task that EXPRESS executions cannot run: .sync, .waitForTaskToken or an activity")
	}
}

// waits says whether a task waits for something else than an answer, which
// EXPRESS executions cannot.
func waits(s *state) bool {
	return s.kind == kindTask && (s.resource.sync || s.resource.callback || s.resource.family == activity)
}

// processorMode reads ProcessorConfig: nil means an inline Map.
func (f *fields) processorMode(r *reader) *distributed {
	v, ok := r.take("ProcessorConfig")
	if !ok {
		return nil
	}
	config, ok := newReader(r.at+"/ProcessorConfig", v, f.p.errs)
	if !ok {
		return nil
	}
	defer config.unknown(unknownField)
	if mode := config.choice("Mode", "INLINE", "INLINE", "DISTRIBUTED"); mode == "INLINE" {
		if config.has("ExecutionType") {
			config.take("ExecutionType")
			config.problem("", "%s", unknownField("ExecutionType"))
		}
		return nil
	}
	config.require("ExecutionType")
	return &distributed{express: config.choice("ExecutionType", "STANDARD", "STANDARD", "EXPRESS") == "EXPRESS"}
}

// choice reads a text that must be one of some.
func (r *reader) choice(field, otherwise string, of ...string) string {
	if !r.has(field) {
		r.taken[field] = true
		return otherwise
	}
	if s := r.oneOf(field, of...); s != "" {
		return s
	}
	return otherwise
}

var labelSyntax = regexp.MustCompile(`^[^\s<>{}\[\]?*"#%\\^|~` + "`" + `$&,;:/\x00-\x1f\x7f]+$`)

func (f *fields) distributedMap() {
	d := f.s.distributed
	f.label()
	d.toleratedCount = f.dynamic("ToleratedFailureCount", wholeNumber(0, maxItemLimit))
	d.toleratedPercentage = f.dynamic("ToleratedFailurePercentage", func(v any) string {
		switch n, ok := number(v); {
		case !ok || isString(v):
			return "Expected value of type Float"
		case n < 0:
			return "Minimum value is 0.0"
		case n > 100:
			return "Maximum value is 100.0"
		}
		return ""
	})
	if r, ok := f.object("ItemReader"); ok {
		d.reader = f.itemReader(r)
		r.unknown(unknownField)
	}
	if r, ok := f.object("ItemBatcher"); ok {
		d.batcher = f.itemBatcher(r)
		r.unknown(unknownField)
	}
	if r, ok := f.object("ResultWriter"); ok {
		d.writer = f.resultWriter(r)
		r.unknown(unknownField)
	}
	for _, field := range []string{"ItemsPath", "Items"} {
		if d.reader != nil && f.has(field) {
			f.problem(field, "cannot be there together with ItemReader")
		}
	}
}

func (f *fields) label() {
	d := f.s.distributed
	d.label = f.text("Label")
	switch {
	case !f.has("Label"):
		return
	case d.label == "":
		f.note(SeverityError, invalidLabelName, "Label", "Label cannot be empty")
	case len([]rune(d.label)) > maxLabel:
		f.note(SeverityError, invalidLabelName, "Label", "Label '%s' exceeds the %d-character limit allowed by the service", d.label, maxLabel)
	case !labelSyntax.MatchString(d.label):
		f.note(SeverityError, invalidLabelName, "Label", "Label '%s' contains invalid characters", d.label)
	case f.p.labels[d.label]:
		f.note(SeverityError, duplicateLabel, "Label", "Duplicate Label name: %s", d.label)
	}
	f.p.labels[d.label] = true
}

// object reads a field that is an object.
func (r *reader) object(field string) (*reader, bool) {
	v, ok := r.take(field)
	if !ok {
		return nil, false
	}
	return newReader(r.at+"/"+field, v, r.errs)
}

// parametersOf reads Parameters or Arguments of ItemReader and ResultWriter.
func (f *fields) parametersOf(r *reader) template {
	field, other := "Parameters", "Arguments"
	if f.s.jsonata {
		field, other = other, field
	}
	in := f.within(r)
	if r.has(other) {
		r.take(other)
		r.problem("", "%s", in.reason(other))
	}
	return in.payload(field, true)
}

func (f *fields) itemReader(r *reader) *itemReader {
	t := &itemReader{inputType: "JSON", delimiter: ','}
	switch action, ok := strings.CutPrefix(r.required("Resource"), "arn:aws:states:::"); {
	case ok && action == "s3:getObject":
	case ok && action == "s3:listObjectsV2":
		t.list = true
	case r.has("Resource"):
		r.problem("Resource", "The field 'Resource' does not match any of the allowed values")
	}
	if t.arguments = f.parametersOf(r); t.arguments == nil {
		r.problem("", "must say by Parameters (JSONata: Arguments) where the items are")
	}
	c, ok := r.object("ReaderConfig")
	if !ok {
		if !t.list {
			r.problem("ReaderConfig", "is missing: s3:getObject needs an InputType")
		}
		return t
	}
	t.manifest = c.choice("ManifestType", "", "S3_INVENTORY", "ATHENA_DATA")
	t.flatten = c.choice("Transformation", "NONE", "NONE", "LOAD_AND_FLATTEN") == "LOAD_AND_FLATTEN"
	t.inputType = c.choice("InputType", "", "CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")
	switch {
	case t.inputType == "PARQUET":
		c.problem("InputType", "PARQUET is not read by this interpreter")
	case t.flatten && !t.list:
		c.problem("Transformation", "LOAD_AND_FLATTEN belongs to s3:listObjectsV2")
	case t.list && t.inputType != "" && !t.flatten:
		c.problem("InputType", "belongs to s3:getObject, or to Transformation \"LOAD_AND_FLATTEN\"")
	case t.inputType == "" && (t.flatten || !t.list && t.manifest == ""):
		c.problem("InputType", "is missing")
	}
	f.csv(c, t)
	if t.pointer = c.text("ItemsPointer"); t.pointer != "" && !strings.HasPrefix(t.pointer, "/") {
		c.problem("ItemsPointer", "must be a JSON pointer that begins with /, but is %q", t.pointer)
	}
	if c.has("ItemsPointer") && t.inputType != "JSON" {
		c.problem("ItemsPointer", "belongs to InputType \"JSON\"")
	}
	t.maxItems = f.within(c).dynamic("MaxItems", wholeNumber(0, maxItemLimit))
	c.unknown(unknownField)
	return t
}

var csvDelimiters = map[string]rune{"COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

func (f *fields) csv(c *reader, t *itemReader) {
	tabular := t.inputType == "CSV"
	for _, field := range []string{"CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"} {
		if c.has(field) && !tabular {
			c.take(field)
			c.problem("", "%s", unknownField(field))
		}
	}
	if !tabular {
		return
	}
	if !c.has("CSVHeaderLocation") && t.manifest != "ATHENA_DATA" {
		c.problem("", "The field 'CSVHeaderLocation' is required")
	}
	t.given = c.choice("CSVHeaderLocation", "FIRST_ROW", "FIRST_ROW", "GIVEN") == "GIVEN"
	t.delimiter = csvDelimiters[c.choice("CSVDelimiter", "COMMA", "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")]
	for i, v := range c.list("CSVHeaders") {
		h, ok := v.(string)
		if !ok {
			c.problem(fmt.Sprintf("CSVHeaders[%d]", i), "Expected value of type String")
		}
		t.headers = append(t.headers, h)
	}
	switch {
	case t.given && len(t.headers) == 0:
		c.require("CSVHeaders")
	case !t.given && c.has("CSVHeaders"):
		c.problem("", "%s", unknownField("CSVHeaders"))
	}
}

func (f *fields) itemBatcher(r *reader) *itemBatcher {
	in := f.within(r)
	b := &itemBatcher{
		maxItems: in.dynamic("MaxItemsPerBatch", wholeNumber(1, maxItemLimit)),
		maxBytes: in.dynamic("MaxInputBytesPerBatch", wholeNumber(1, MaxPayload)),
		input:    in.payload("BatchInput", false),
	}
	if b.maxItems == nil && b.maxBytes == nil {
		r.problem("", "must have MaxItemsPerBatch, MaxInputBytesPerBatch or both")
	}
	return b
}

func (f *fields) resultWriter(r *reader) *resultWriter {
	w := &resultWriter{transformation: "COMPACT"}
	if arn := r.text("Resource"); r.has("Resource") {
		w.transformation = "NONE"
		if arn != "arn:aws:states:::s3:putObject" {
			r.problem("Resource", "The field 'Resource' does not match any of the allowed values")
		}
		if w.arguments = f.parametersOf(r); w.arguments == nil {
			r.problem("", "must say by Parameters (JSONata: Arguments) where the results go")
		}
	} else if r.has("Parameters") || r.has("Arguments") {
		r.take("Parameters")
		r.take("Arguments")
		r.problem("Resource", "is missing: it is needed to write the results to Amazon S3")
	}
	c, ok := r.object("WriterConfig")
	switch {
	case ok:
		w.transformation = c.choice("Transformation", w.transformation, "NONE", "COMPACT", "FLATTEN")
		w.lines = c.choice("OutputType", "JSON", "JSON", "JSONL") == "JSONL"
		c.unknown(unknownField)
	case !r.has("Resource"):
		r.problem("", "must have Resource, WriterConfig or both")
	}
	return w
}
