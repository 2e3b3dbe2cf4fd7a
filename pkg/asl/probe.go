package asl

// stage is a point in a state's flow of data.
type stage string

// The stages, as the members of InspectionData that show them.
const (
	afterInputPath      stage = "afterInputPath"
	afterParameters     stage = "afterParameters"
	afterArguments      stage = "afterArguments"
	afterItemsPath      stage = "afterItemsPath"
	afterItemsPointer   stage = "afterItemsPointer"
	afterItemSelector   stage = "afterItemSelector"
	afterItemBatcher    stage = "afterItemBatcher"
	afterResultSelector stage = "afterResultSelector"
	afterResultPath     stage = "afterResultPath"
	rawResult           stage = "result"
	maxConcurrency      stage = "maxConcurrency"
	toleratedCount      stage = "toleratedFailureCount"
	toleratedPercentage stage = "toleratedFailurePercentage"
)

// probe looks at a state that is tested by itself. All methods may be called
// on nil, which is how states run otherwise.
type probe struct {
	test    StateTest
	seen    map[stage]any
	context any // instead of the state's own
	errors  *StateTestError
	failed  *Error // that a Catch took
	end     func(StateTestResult)
}

func (v *visit) afterArguments() stage {
	if v.state.jsonata {
		return afterArguments
	}
	return afterParameters
}

func (p *probe) see(s stage, value any) {
	if p != nil {
		p.seen[s] = value
	}
}

func (p *probe) seeDocs(s stage, docs []*doc, given bool) {
	if p == nil || !given {
		return
	}
	values := make([]any, len(docs))
	for i, d := range docs {
		values[i] = d.v
	}
	p.seen[s] = values
}

func (p *probe) seeInputs(s stage, inputs []childInput) {
	if p == nil {
		return
	}
	values := make([]any, len(inputs))
	for i, in := range inputs {
		values[i] = in.v
	}
	p.seen[s] = values
}

// readerData is what a test gives instead of the object of an ItemReader.
func (p *probe) readerData() []byte {
	if p == nil {
		return nil
	}
	return p.test.MapItemReaderData
}
