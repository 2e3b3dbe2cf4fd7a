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
	order   []string // names of the states as they are written
	field   string   // of a Map's processor: ItemProcessor or Iterator
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

	processor     *block       // Map
	distributed   *distributed // Map: nil for an inline one
	items         template     // Items or ItemsPath
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

var (
	enteredEvents = eventsOf("StateEntered")
	exitedEvents  = eventsOf("StateExited")
)

func eventsOf(ending string) map[kind]string {
	m := map[kind]string{}
	for _, k := range []kind{kindPass, kindTask, kindChoice, kindWait, kindSucceed, kindFail, kindParallel, kindMap} {
		m[k] = string(k) + ending
	}
	return m
}

// entered and exited are the types of a state's events.
func (k kind) entered() string { return enteredEvents[k] }
func (k kind) exited() string  { return exitedEvents[k] }

// has says whether there is such a state in the block or inside of its states.
func (b *block) has(such func(*state) bool) bool {
	for _, s := range b.states {
		if such(s) || s.processor != nil && s.processor.has(such) {
			return true
		}
		for _, inner := range s.branches {
			if inner.has(such) {
				return true
			}
		}
	}
	return false
}

// dataPath is InputPath, OutputPath or ResultPath. Written as null it discards.
type dataPath struct {
	discard bool
	template
	path *path
}
