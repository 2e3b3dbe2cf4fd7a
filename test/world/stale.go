package world

import (
	"reflect"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// earlier returns what the same call answered earlier, as stale as the fault
// wants it.
func (w *World) earlier(c *wire.Call, in any, fault Fault) (any, bool) {
	if Mutating(c.Operation) || c.Service == "s3" {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var found any
	back := 0
	for i := len(w.calls) - 1; i >= 0; i-- {
		rec := w.calls[i]
		if fault.Back == 0 && c.Time.Sub(rec.Time) > fault.Age {
			break
		}
		if rec.Service != c.Service || rec.Operation != c.Operation || rec.Output == nil || !reflect.DeepEqual(rec.Input, in) {
			continue
		}
		found = rec.Output
		if back++; back == fault.Back {
			break
		}
	}
	return found, found != nil
}
