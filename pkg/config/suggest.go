package config

import (
	"fmt"
	"strings"
)

// suggestion names the setting that was probably meant, as spell writes it.
// The names are compared without the prefix that all variables share.
func suggestion(name string, spell func(key string) string) string {
	var bare []string
	spelled := map[string]string{}
	for _, s := range settings {
		candidate := spell(s.Key)
		short := strings.TrimPrefix(candidate, Prefix)
		bare, spelled[short] = append(bare, short), candidate
	}
	if meant := Meant(strings.TrimPrefix(name, Prefix), bare); meant != "" {
		return fmt.Sprintf("did you mean %q?", spelled[meant])
	}
	return "remove it; `eks-upgrade config show` lists the known ones"
}

// Meant returns the name among known ones that was probably meant by one that
// is not, "" for none: what is farther than half the name is no misspelling.
func Meant(name string, known []string) string {
	lower := strings.ToLower(name)
	best, least := "", len(lower)/2+1
	for _, candidate := range known {
		if d := distance(lower, strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two texts, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
