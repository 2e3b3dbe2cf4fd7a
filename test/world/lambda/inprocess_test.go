package lambda

import "testing"

func TestAnswersOfAFunctionDoNotOverwriteEachOther(t *testing.T) {
	h := sideBySide{func(in string) (string, error) { return in, nil }}
	for range 100 { // a pool of buffers need not give the same one again
		first, err := h.Invoke(t.Context(), []byte(`"first"`))
		if err != nil {
			t.Fatal(err)
		}
		if second, err := h.Invoke(t.Context(), []byte(`"other"`)); err != nil || string(second) != `"other"` {
			t.Fatalf("%s, %v", second, err)
		}
		if string(first) != `"first"` {
			t.Fatalf("the first answer became %s", first)
		}
	}
}
