package asl

import "time"

// Machine is a definition that was parsed and found valid. It is immutable:
// any number of executions may run on it at the same time.
type Machine struct {
	comment string
	timeout time.Duration // 0: none
	body    *block
}

// Comment returns the definition's comment.
func (m *Machine) Comment() string { return m.comment }

// block is a set of states with a first one: the whole machine, a branch of
// Parallel, or the processor of Map.
type block struct {
	startAt string
	states  map[string]*state
}

// state is one state of any type; the fields of other types are zero.
type state struct {
	name    string
	kind    kind
	jsonata bool // JSONata; otherwise JSONPath
	next    string
	end     bool

	// Data flow. Nil means that the field is absent.
	inputPath, outputPath, resultPath *dataPath
	parameters                        template // Parameters or Arguments
	selector                          template // ResultSelector
	assign                            template
	output                            template

	result template // Pass

	resource           resource // Task
	credentials        template
	timeout, heartbeat template

	choices   []*choice // Choice
	byDefault string

	seconds, timestamp template // Wait

	errName, cause template // Fail

	branches []*block // Parallel

	processor     *block   // Map
	items         template // Items or ItemsPath
	itemSelector  template
	maxConcurrent template

	retry []*retrier
	catch []*catcher
}

type kind string

const (
	kindPass     kind = "Pass"
	kindTask     kind = "Task"
	kindChoice   kind = "Choice"
	kindWait     kind = "Wait"
	kindSucceed  kind = "Succeed"
	kindFail     kind = "Fail"
	kindParallel kind = "Parallel"
	kindMap      kind = "Map"
)

// dataPath is InputPath, OutputPath or ResultPath. Written as null it discards.
type dataPath struct {
	discard bool
	template
	path *path
}
