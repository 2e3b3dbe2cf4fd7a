package paging

import (
	"fmt"
	"testing"
)

func TestPagesHoldEveryElementOnce(t *testing.T) {
	all := []int{1, 2, 3, 4, 5}
	for size, want := range map[int]string{1: "[1][2][3][4][5]", 2: "[1 2][3 4][5]", 5: "[1 2 3 4 5]", 9: "[1 2 3 4 5]"} {
		got := ""
		var token *string
		for {
			page, next, ok := Cut(all, token, size)
			if !ok {
				t.Fatalf("token %v is refused", token)
			}
			got += fmt.Sprint(page)
			if token = next; token == nil {
				break
			}
		}
		if got != want {
			t.Errorf("pages of %d: %s, want %s", size, got, want)
		}
	}
	for _, token := range []string{"", "x", "-1", "6"} {
		if _, _, ok := Cut(all, &token, 2); ok {
			t.Errorf("the token %q must be refused", token)
		}
	}
}

func TestHiddenTokens(t *testing.T) {
	all := []int{1, 2, 3}
	first, token, ok := CutHidden(all, nil, 2)
	if !ok || fmt.Sprint(first) != "[1 2]" || token == nil || *token != "Mg==" {
		t.Fatalf("%v, %v, %v", first, token, ok)
	}
	if rest, next, ok := CutHidden(all, token, 2); !ok || fmt.Sprint(rest) != "[3]" || next != nil {
		t.Errorf("%v, %v, %v", rest, next, ok)
	}
	for _, token := range []string{"", "2", "!", "LTE=", "NA=="} { // nothing, no base64 twice, -1, 4
		if _, _, ok := CutHidden(all, &token, 2); ok {
			t.Errorf("the token %q must be refused", token)
		}
	}
}
