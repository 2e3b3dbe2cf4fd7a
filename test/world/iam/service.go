// Package iam simulates AWS Identity and Access Management: roles, users,
// policies and identity providers, and, when it is asked to judge, whether a
// call to the simulated AWS is allowed. It records which permissions calls
// used, so that those that none used can be listed.
package iam

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Quotas of an account (source: IAM User Guide, "IAM and AWS STS quotas").
const (
	maxAttached      = 10
	maxVersions      = 5
	maxTags          = 50
	maxKeys          = 2
	maxManagedSize   = 6144
	maxTrustSize     = 2048
	maxInlineOfRole  = 10240
	maxInlineOfUser  = 2048
	defaultPage      = 100
	defaultSession   = 3600
	maxAudiences     = 100
	rolesPerInstance = 1
)

// entity is a role or a user: what has policies.
type entity struct {
	kind     string // "role" or "user"
	name     string
	path     string
	arn, id  string
	created  time.Time
	inline   map[string]*policy.Document
	attached []string // ARNs of managed policies, in the order of attachment
	boundary string   // ARN of a managed policy; "" for none
	tags     map[string]string

	// Of roles.
	trust       *policy.Document
	description *string
	maxSession  int32
	usedAt      time.Time
	usedRegion  string
}

// managed is a managed policy.
type managed struct {
	name, path, arn, id string
	description         *string
	created, updated    time.Time
	versions            []version // oldest first
	latest              int       // number of the newest version there ever was
	standard            string    // the default version
	tags                map[string]string
}

type version struct {
	id      string
	doc     *policy.Document
	created time.Time
}

// document is the default version.
func (m *managed) document() *policy.Document {
	for _, v := range m.versions {
		if v.id == m.standard {
			return v.doc
		}
	}
	return nil
}

type accessKey struct {
	id, secret, user string
	active           bool
	created          time.Time
}

type provider struct {
	arn, url    string
	audiences   []string
	thumbprints []string
	created     time.Time
	tags        map[string]string
}

type instanceProfile struct {
	arn, id, name, path string
	created             time.Time
	role                string
	tags                map[string]string
}

// Service is IAM. It is safe for concurrent use.
type Service struct {
	clock   clock.Clock
	account string

	mu        sync.Mutex
	count     int
	roles     map[string]*entity // by name
	users     map[string]*entity
	policies  map[string]*managed // by ARN; AWS's own among them
	keys      map[string]*accessKey
	gone      map[string]bool // access keys that were deleted
	providers map[string]*provider
	profiles  map[string]*instanceProfile
}

// New returns the IAM of an account that has nothing but AWS's own policies.
func New(c clock.Clock, account string) *Service {
	return &Service{
		clock: c, account: account, roles: map[string]*entity{}, users: map[string]*entity{}, policies: awsManaged(),
		keys: map[string]*accessKey{}, gone: map[string]bool{}, providers: map[string]*provider{}, profiles: map[string]*instanceProfile{},
	}
}

// uniqueID returns an id such as AROA4AAAAAAAAAAAAAAAA; ids follow from their
// number, so that runs repeat. The lock is held.
func (s *Service) uniqueID(prefix string) string {
	s.count++
	h := sha256.Sum256(fmt.Appendf(nil, "iam/%s/%d", s.account, s.count))
	return prefix + base32.StdEncoding.EncodeToString(h[:])[:17]
}

func (s *Service) secret(id string) string {
	h := sha256.Sum256([]byte("iam/" + s.account + "/secret/" + id))
	return base64.StdEncoding.EncodeToString(h[:30])
}

func (s *Service) arn(kind, path, name string) string {
	return "arn:aws:iam::" + s.account + ":" + kind + path + name
}

// AccessKeyUser implements sts.Directory.
func (s *Service) AccessKeyUser(id string) (sts.User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[id]
	if !ok {
		return sts.User{}, false
	}
	u := s.users[strings.ToLower(k.user)]
	return sts.User{ARN: u.arn, ID: u.id, Secret: k.secret}, true
}

// SessionRole implements sts.Directory.
func (s *Service) SessionRole(arn string) (sts.Role, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.roleByARN(arn)
	if !ok {
		return sts.Role{}, false
	}
	return sts.Role{ID: r.id, MaxSession: time.Duration(r.maxSession) * time.Second}, true
}

func (s *Service) roleByARN(arn string) (*entity, bool) {
	r, ok := s.roles[strings.ToLower(arn[strings.LastIndex(arn, "/")+1:])]
	return r, ok && r.arn == arn
}

func (s *Service) role(name *string) (*entity, error) {
	return find(s.roles, "role", name)
}

func find(all map[string]*entity, kind string, name *string) (*entity, error) {
	e, ok := all[strings.ToLower(aws.ToString(name))]
	if !ok {
		return nil, noEntity("The %s with name %s cannot be found.", kind, aws.ToString(name))
	}
	return e, nil
}

// Errors, with the statuses of the API reference.
func noEntity(format string, args ...any) error {
	return &wire.Error{Code: "NoSuchEntity", Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

func alreadyExists(format string, args ...any) error {
	return &wire.Error{Code: "EntityAlreadyExists", Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}

func deleteConflict(format string, args ...any) error {
	return &wire.Error{Code: "DeleteConflict", Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}

func limitExceeded(format string, args ...any) error {
	return &wire.Error{Code: "LimitExceeded", Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}

func invalidInput(format string, args ...any) error {
	return wire.Errorf("InvalidInput", format, args...)
}

// Patterns of names (source: API reference).
var (
	namePattern = constraint.MustPattern(`[\w+=,.@-]+`)
	pathPattern = constraint.MustPattern(`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)
	arnLengths  = [2]int{20, 2048}
)

func valid(checks ...func(v *constraint.Violations)) error {
	var v constraint.Violations
	for _, check := range checks {
		check(&v)
	}
	return v.Err("ValidationError")
}

func named(member string, name *string, maximum int) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.RequiredText(member, name, 1, maximum, namePattern) }
}

func pathed(path *string) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.Text("path", path, 1, 512, pathPattern) }
}

func arned(member string, arn *string) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.RequiredText(member, arn, arnLengths[0], arnLengths[1], nil) }
}

func documented(member string, text *string) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.RequiredText(member, text, 1, 131072, nil) }
}

func orRoot(path *string) string {
	if path == nil {
		return "/"
	}
	return *path
}

// parse reads a policy.
func parse(text string, kind policy.Kind) (*policy.Document, error) {
	d, err := policy.Parse(text, kind)
	if err != nil {
		return nil, wire.Errorf("MalformedPolicyDocument", "%s", err.Error())
	}
	return d, nil
}

// size counts the characters that count toward a policy's quota: all but white
// space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

// encoded is a policy as IAM returns it: URL-encoded (RFC 3986).
func encoded(text string) *string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return aws.String(b.String())
}

// page cuts a sorted list by marker and maximum; a marker is the index of the
// first item, hidden from users as AWS does.
func page[T any](all []T, marker *string, maximum *int32) (items []T, truncated bool, next *string, err error) {
	var v constraint.Violations
	v.Range("maxItems", maximum, 1, 1000)
	if err := v.Err("ValidationError"); err != nil {
		return nil, false, nil, err
	}
	n := defaultPage
	if maximum != nil {
		n = int(*maximum)
	}
	items, next, ok := paging.CutHidden(all, marker, n)
	if !ok {
		return nil, false, nil, wire.Errorf("ValidationError", "Invalid Marker.")
	}
	return append([]T{}, items...), next != nil, next, nil
}

// sorted lists values by key.
func sorted[T any](m map[string]T) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// setTags adds tags to those that there are.
func setTags(have map[string]string, add []types.Tag) (map[string]string, error) {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range add {
		key := aws.ToString(t.Key)
		var v constraint.Violations
		v.RequiredText("tags.member.key", t.Key, 1, 128, nil)
		v.RequiredText("tags.member.value", t.Value, 0, 256, nil)
		if err := v.Err("ValidationError"); err != nil {
			return nil, err
		}
		if seen[strings.ToLower(key)] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[strings.ToLower(key)] = true
		for old := range out {
			if strings.EqualFold(old, key) {
				delete(out, old)
			}
		}
		out[key] = aws.ToString(t.Value)
	}
	if len(out) > maxTags {
		return nil, limitExceeded("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

func dropTags(have map[string]string, keys []string) map[string]string {
	out := maps.Clone(have)
	for _, key := range keys {
		for old := range out {
			if strings.EqualFold(old, key) {
				delete(out, old)
			}
		}
	}
	return out
}

func tagList(tags map[string]string) []types.Tag {
	out := []types.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}
