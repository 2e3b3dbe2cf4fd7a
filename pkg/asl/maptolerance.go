package asl

// tolerate evaluates how many failures the run bears.
func (r *MapRun) tolerate() error {
	v, d := r.visit, r.visit.state.distributed
	if t := d.toleratedCount; t != nil {
		n, err := v.whole(numericText{t}, "ToleratedFailureCount", 0, maxItemLimit)
		if err != nil {
			return err
		}
		r.info.ToleratedFailureCount, r.hasCount = n, true
		v.probe.see(toleratedCount, n)
	}
	if t := d.toleratedPercentage; t != nil {
		value, err := numericText{t}.eval(v.view())
		if err != nil {
			return err
		}
		n, ok := number(value)
		if _, isText := value.(string); isText || !ok || n < 0 || n > 100 {
			return wrongType(t, v.field("ToleratedFailurePercentage"), "a number from 0 to 100", value)
		}
		r.info.ToleratedFailurePercentage, r.hasPercentage = n, true
		v.probe.see(toleratedPercentage, n)
	}
	return nil
}

// check ends the run if more failed than is tolerated.
func (r *MapRun) check() {
	_, total := r.total()
	if r.failing != nil || !r.exceededBy(r.failed, total) {
		return
	}
	r.failing = &failing{Error: Error{ErrExceedToleratedFailures, causeOfExceeded}}
	r.abortChildren()
}

// exceededBy says whether so many failed items of all are more than tolerated.
func (r *MapRun) exceededBy(failed, of int64) bool {
	if !r.hasCount && !r.hasPercentage {
		return failed > 0
	}
	return r.hasCount && failed > r.info.ToleratedFailureCount ||
		r.hasPercentage && float64(failed)*100 > r.info.ToleratedFailurePercentage*float64(of)
}
