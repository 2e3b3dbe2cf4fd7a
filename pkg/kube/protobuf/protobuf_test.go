package protobuf_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/protobuf"
)

type leaf struct {
	Text string `pb:"1"`
	Last *int64 `pb:"4"`
}

type tree struct {
	Name   string            `pb:"1,unique"`
	On     bool              `pb:"2"`
	Number int32             `pb:"3"`
	Labels map[string]string `pb:"4"`
	Leaves []leaf            `pb:"5"`
	One    *leaf             `pb:"6"`
}

func field(number, wire int, content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(number<<3|wire))
	if wire == 2 {
		out = binary.AppendUvarint(out, uint64(len(content)))
	}
	return append(out, content...)
}

func number(n int64) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func whole() []byte {
	leaf := append(field(1, 2, []byte("l")), field(4, 0, number(-7))...)
	entry := append(field(1, 2, []byte("app")), field(2, 2, []byte("web"))...)
	return bytes.Join([][]byte{field(1, 2, []byte("oak")), field(2, 0, number(1)), field(3, 0, number(-3)), field(99, 2, []byte("of a newer release")), field(7, 5, make([]byte, 4)),
		field(8, 1, make([]byte, 8)), field(4, 2, entry), field(5, 2, leaf), field(5, 2, nil), field(6, 2, leaf)}, nil)
}

func TestFieldsAreReadByTheirNumbers(t *testing.T) {
	var d protobuf.Decoder
	var got tree
	if err := d.Unmarshal(whole(), &got); err != nil {
		t.Fatal(err)
	}
	last := int64(-7)
	want := tree{Name: "oak", On: true, Number: -3, Labels: map[string]string{"app": "web"}, Leaves: []leaf{{"l", &last}, {}}, One: &leaf{"l", &last}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhatIsMalformedIsRefused(t *testing.T) {
	data := whole()
	for name, data := range map[string][]byte{
		"cut off":                    data[:len(data)-1],
		"a text where a number is":   field(3, 2, []byte("x")),
		"a number where a text is":   field(1, 0, number(1)),
		"a length beyond the end":    {1<<3 | 2, 200, 1},
		"a group":                    {1<<3 | 3},
		"field 0":                    {2, 0},
		"a number that does not end": {3 << 3, 0x80},
		"a map entry that is cut":    field(4, 2, []byte{1<<3 | 2, 9}),
	} {
		var d protobuf.Decoder
		if err := d.Unmarshal(data, &tree{}); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func list(items ...[]byte) []byte {
	raw := field(1, 2, field(3, 2, []byte("more")))
	for _, i := range items {
		raw = append(raw, field(2, 2, i)...)
	}
	return append([]byte(protobuf.Magic), append(field(1, 2, []byte("type")), append(field(2, 2, raw), field(3, 2, nil)...)...)...)
}

func TestListsAreReadWhileTheyArrive(t *testing.T) {
	var meta string
	var items []string
	read := func(r io.Reader) error {
		meta, items = "", nil
		return protobuf.List(bufio.NewReader(r), func(b []byte) error { meta = string(b[2:]); return nil }, func(b []byte) error { items = append(items, string(b)); return nil })
	}
	data := list([]byte("one"), nil, []byte("two"))
	if err := read(bytes.NewReader(data)); err != nil || meta != "more" || strings.Join(items, ",") != "one,,two" {
		t.Errorf("%q %q, %v", meta, items, err)
	}
	for cut := len(protobuf.Magic) + 7; cut < len(data)-2; cut++ { // within the list
		if err := read(bytes.NewReader(data[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d of %d bytes: %v", cut, len(data), err)
		}
	}
	stop := errors.New("stop")
	err := protobuf.List(bufio.NewReader(bytes.NewReader(data)), func([]byte) error { return nil }, func([]byte) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if err := read(strings.NewReader(`{"kind":"List"}`)); err == nil {
		t.Error("JSON is read")
	}
}

// Whatever an API server answers, it is read or refused, and read the same twice.
func FuzzUnmarshal(f *testing.F) {
	f.Add(whole())
	f.Add(list(whole()))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d protobuf.Decoder
		var once, twice tree
		if err := d.Unmarshal(data, &once); err == nil {
			if err := d.Unmarshal(data, &twice); err != nil || !reflect.DeepEqual(once, twice) {
				t.Errorf("%+v, %+v, %v", once, twice, err)
			}
		}
		_ = protobuf.List(bufio.NewReader(bytes.NewReader(data)), func([]byte) error { return nil }, func(item []byte) error { return d.Unmarshal(item, &tree{}) })
	})
}
