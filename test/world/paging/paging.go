// Package paging cuts pages out of lists, as the simulated services do whose
// tokens are of their own making.
package paging

import "strconv"

// Cut returns the page of at most size elements that begins at a token, and the
// token of the next page; nil at the end. A token is the number of its first
// element. ok is false for what is no token of this list.
func Cut[T any](all []T, token *string, size int) (page []T, next *string, ok bool) {
	from := 0
	if token != nil {
		var err error
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, false
		}
	}
	to := min(from+size, len(all))
	if to < len(all) {
		text := strconv.Itoa(to)
		next = &text
	}
	return all[from:to], next, true
}
