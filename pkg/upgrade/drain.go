package upgrade

// DrainForecast is how a rolling update of the managed node groups would go, as
// simulated from a snapshot. Times count from the start of the first group.
type DrainForecast struct {
	Completes    bool         `json:"completes"` // every node that was simulated goes
	Duration     Duration     `json:"duration"`  // of all groups, one after the other; of one that fails, until it fails
	Groups       []DrainGroup `json:"groups"`
	FirstBlock   *DrainBlock  `json:"firstBlock,omitempty"` // nil: nothing blocks
	Risks        []DrainRisk  `json:"risks,omitempty"`      // what can go wrong and need not
	Assumptions  []string     `json:"assumptions"`
	NotSimulated []string     `json:"notSimulated,omitempty"`
}

// DrainGroup is the update of one node group.
type DrainGroup struct {
	Name     string       `json:"name"`
	Strategy string       `json:"strategy"` // DEFAULT: new nodes first; MINIMAL: old nodes first
	AtOnce   int          `json:"atOnce"`   // nodes that are drained together
	Surge    int          `json:"surge"`    // nodes that are launched before the first drain
	Nodes    int          `json:"nodes"`    // to replace
	Start    Duration     `json:"start"`
	Duration Duration     `json:"duration"`
	Moved    int          `json:"moved"`            // pods that were evicted
	Homeless int          `json:"homeless"`         // of them, those that have no node at the end
	Batches  []DrainBatch `json:"batches"`          // in order; the last one failed if there are blocks
	Blocks   []DrainBlock `json:"blocks,omitempty"` // pods that are left on the last batch, at most MaxDrainBlocks
	Blocked  int          `json:"blocked"`          // all of them
}

// MaxDrainBlocks is how many blocks of a group are kept.
const MaxDrainBlocks = 20

// DrainBatch is nodes that are drained together.
type DrainBatch struct {
	Nodes    []string    `json:"nodes"`
	Start    Duration    `json:"start"`
	Duration Duration    `json:"duration"` // until the last of its pods has gone
	Moved    int         `json:"moved"`
	Waits    []DrainWait `json:"waits,omitempty"` // the longest, at most three
}

// DrainWait is a pod that could not be evicted at once.
type DrainWait struct {
	Node   string     `json:"node"`
	Pod    ObjectName `json:"pod"`
	Budget ObjectName `json:"budget"` // whose other pods it waited for
	Waited Duration   `json:"waited"`
}

// DrainBlockKind is what keeps a node from going.
type DrainBlockKind string

// What can keep a node from going.
const (
	BlockedByBudget    DrainBlockKind = "budget"    // a disruption budget allows no eviction in time
	BlockedByOverlap   DrainBlockKind = "overlap"   // more than one budget selects the pod: the eviction is an error
	BlockedByAddresses DrainBlockKind = "addresses" // no subnet has an address for a new node
)

// DrainBlock is what makes the update of a node group fail.
type DrainBlock struct {
	Kind    DrainBlockKind `json:"kind"`
	At      Duration       `json:"at"` // when the update fails
	Group   string         `json:"group"`
	Node    string         `json:"node,omitempty"`
	Pod     *ObjectName    `json:"pod,omitempty"`
	Moved   bool           `json:"moved,omitempty"` // it is the pod that replaces the named one, which was evicted before
	Budgets []ObjectName   `json:"budgets,omitempty"`
	Reason  string         `json:"reason"`
}

// DrainRisk is what can go wrong and need not, or is lost.
type DrainRisk struct {
	What   string     `json:"what"`  // "pods that nobody makes again"
	Count  int        `json:"count"` // of pods
	First  ObjectName `json:"first"` // one of them
	Source string     `json:"source,omitempty"`
}
