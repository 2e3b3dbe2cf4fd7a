package asl

// batches puts the items into the inputs of child executions.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
func (v *visit) batches(docs []*doc) ([]childInput, error) {
	b := v.state.distributed.batcher
	inputs := make([]childInput, 0, len(docs))
	if b == nil {
		for _, d := range docs {
			inputs = append(inputs, childInput{d, 1})
		}
		return inputs, nil
	}
	most, bytes := int64(maxItemLimit), int64(MaxPayload)
	for _, limit := range []struct {
		t     template
		field string
		most  int64
		into  *int64
	}{{b.maxItems, "MaxItemsPerBatch", maxItemLimit, &most}, {b.maxBytes, "MaxInputBytesPerBatch", MaxPayload, &bytes}} {
		if limit.t == nil {
			continue
		}
		n, err := v.whole(limit.t, limit.field, 1, limit.most)
		if err != nil {
			return nil, err
		}
		*limit.into = n
	}
	var input any
	frame := len(`{"Items":[]}`)
	if b.input != nil {
		var err error
		if input, err = b.input.eval(v.view()); err != nil {
			return nil, err
		}
		raw, err := encode(input)
		if err != nil {
			return nil, runtimeError("The value of the field 'BatchInput' is not JSON: %v", err)
		}
		frame += len(`"BatchInput":,`) + len(raw)
	}
	for len(docs) > 0 {
		n, size := 0, frame
		for n < len(docs) && int64(n) < most {
			size += len(docs[n].raw) + 1 // with a comma; the last has none
			if n > 0 && int64(size)-1 > bytes {
				break
			}
			n++
		}
		d, err := v.document(batchOf(input, b.input != nil, docs[:n]))
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, childInput{d, n})
		docs = docs[n:]
	}
	return inputs, nil
}

func batchOf(input any, has bool, docs []*doc) any {
	items := make([]any, len(docs))
	for i, d := range docs {
		items[i] = d.v
	}
	if !has {
		return objectOf("Items", items)
	}
	return objectOf("BatchInput", input, "Items", items)
}
