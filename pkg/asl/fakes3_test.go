package asl

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// fakeS3 is Amazon S3 as far as Distributed Map uses it, with small pages.
type fakeS3 struct {
	objects map[string]string // bucket/key
	calls   []string          // in order
	fail    map[string]*Error // by operation
	page    int               // keys of one page of ListObjectsV2; 0: all
	later   func(func())      // when answers come; nil: at once
}

func (s *fakeS3) Call(q ObjectRequest, done func(ObjectResult)) {
	answer := func() { done(s.answer(q)) }
	if s.later != nil {
		s.later(answer)
		return
	}
	answer()
}

func (s *fakeS3) answer(q ObjectRequest) ObjectResult {
	var in struct{ Bucket, Key, Prefix, ContinuationToken, ContentType string }
	if err := json.Unmarshal(q.Arguments, &in); err != nil {
		panic(err)
	}
	s.calls = append(s.calls, q.Operation+" "+in.Bucket+"/"+in.Key+in.Prefix)
	if err := s.fail[q.Operation]; err != nil {
		return ObjectResult{Err: err}
	}
	switch q.Operation {
	case "GetObject":
		body, ok := s.objects[in.Bucket+"/"+in.Key]
		if !ok {
			return ObjectResult{Err: &Error{"S3.NoSuchKeyException", "The specified key does not exist."}}
		}
		return ObjectResult{Body: []byte(body)}
	case "PutObject":
		if s.objects == nil {
			s.objects = map[string]string{}
		}
		s.objects[in.Bucket+"/"+in.Key] = string(q.Body)
		return ObjectResult{Output: json.RawMessage(`{"ETag":"\"1\""}`)}
	case "ListObjectsV2":
		return s.list(in.Bucket, in.Prefix, in.ContinuationToken)
	}
	panic(q.Operation)
}

func (s *fakeS3) list(bucket, prefix, after string) ObjectResult {
	entries := []string{}
	var last string
	for _, k := range slices.Sorted(maps.Keys(s.objects)) {
		key, ok := strings.CutPrefix(k, bucket+"/")
		if !ok || !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if s.page > 0 && len(entries) == s.page {
			return ObjectResult{Output: fmt.Appendf(nil, `{"Contents":[%s],"IsTruncated":true,"NextContinuationToken":%q}`, strings.Join(entries, ","), last)}
		}
		entries = append(entries, fmt.Sprintf(`{"Key":%q,"LastModified":"2022-11-17T15:44:41Z","ETag":"\"e-%s\"","Size":%d,"StorageClass":"STANDARD"}`, key, key, len(s.objects[k])))
		last = key
	}
	return ObjectResult{Output: fmt.Appendf(nil, `{"Contents":[%s],"IsTruncated":false}`, strings.Join(entries, ","))}
}

func (s *fakeS3) value(t testing.TB, key string) any {
	t.Helper()
	body, ok := s.objects[key]
	if !ok {
		t.Fatalf("there is no object %s, only %v", key, slices.Sorted(maps.Keys(s.objects)))
	}
	v, err := decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
