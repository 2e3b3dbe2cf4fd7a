package config

import (
	"fmt"
	"strings"
)

// suggestion names the setting that was probably meant, as spell writes it.
// The names are compared without the prefix that all variables share.
func suggestion(name string, spell func(key string) string) string {
	bare := strings.ToLower(strings.TrimPrefix(name, Prefix))
	best, bestDistance := "", len(bare)/2+1 // farther than half the name is no misspelling
	for _, s := range settings {
		candidate := spell(s.Key)
		if d := distance(bare, strings.ToLower(strings.TrimPrefix(candidate, Prefix))); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return "remove it; `eks-upgrade config show` lists the known ones"
	}
	return fmt.Sprintf("did you mean %q?", best)
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
