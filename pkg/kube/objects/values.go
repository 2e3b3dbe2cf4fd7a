package objects

import (
	"encoding/json"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/protobuf"
)

// Time is an instant, to the second.
type Time struct{ time.Time }

// UnmarshalProto implements protobuf.Message: seconds 1, nanoseconds 2.
func (t *Time) UnmarshalProto(data []byte) error {
	var seconds uint64
	err := protobuf.Fields(data, func(number int, _ []byte, value uint64) error {
		if number == 1 {
			seconds = value
		}
		return nil
	})
	t.Time = time.Unix(int64(seconds), 0).UTC()
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(data []byte) error {
	err := json.Unmarshal(data, &t.Time)
	t.Time = t.Time.UTC().Truncate(time.Second)
	return err
}

// IntOrString is a number of pods or a percentage, as written: "1", "50%".
type IntOrString string

// UnmarshalProto implements protobuf.Message: type 1 (0: number), number 2, text 3.
func (s *IntOrString) UnmarshalProto(data []byte) error {
	var text string
	var kind, number uint64
	err := protobuf.Fields(data, func(field int, content []byte, value uint64) error {
		switch field {
		case 1:
			kind = value
		case 2:
			number = value
		case 3:
			text = string(content)
		}
		return nil
	})
	if kind == 0 {
		text = strconv.FormatInt(int64(int32(number)), 10)
	}
	*s = IntOrString(text)
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *IntOrString) UnmarshalJSON(data []byte) error { return textOrNumber(data, (*string)(s)) }

// Quantity is an amount as written: "100m", "1Gi".
type Quantity string

// UnmarshalProto implements protobuf.Message: text 1.
func (q *Quantity) UnmarshalProto(data []byte) error {
	return protobuf.Fields(data, func(field int, content []byte, _ uint64) error {
		if field == 1 {
			*q = Quantity(content)
		}
		return nil
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (q *Quantity) UnmarshalJSON(data []byte) error { return textOrNumber(data, (*string)(q)) }

// Milli returns thousandths, rounded up, and 0 of what is no quantity.
func (q Quantity) Milli() int64 {
	if n, ok := plain(string(q)); ok && n < 1<<50 {
		return n * 1000
	}
	parsed, err := resource.ParseQuantity(string(q))
	if err != nil {
		return 0
	}
	return parsed.MilliValue()
}

// Value returns the amount, rounded up, and 0 of what is no quantity.
func (q Quantity) Value() int64 {
	if n, ok := plain(string(q)); ok {
		return n
	}
	parsed, err := resource.ParseQuantity(string(q))
	if err != nil {
		return 0
	}
	return parsed.Value()
}

func plain(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// textOrNumber reads "1" and 1 alike.
func textOrNumber(data []byte, into *string) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, into)
	}
	var number json.Number
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	*into = number.String()
	return nil
}
