// Package paging cuts pages out of lists, as the simulated services do whose
// tokens are of their own making.
package paging

import (
	"encoding/base64"
	"strconv"
)

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

// CutHidden is Cut with tokens in base64, as services have them that hide what
// their markers mean.
func CutHidden[T any](all []T, token *string, size int) (page []T, next *string, ok bool) {
	if token != nil {
		text, err := base64.StdEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, false
		}
		plain := string(text)
		token = &plain
	}
	if page, next, ok = Cut(all, token, size); next != nil {
		text := base64.StdEncoding.EncodeToString([]byte(*next))
		next = &text
	}
	return page, next, ok
}
