package lambda

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const namePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

var (
	references = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST|[a-zA-Z0-9-_]+))?$`)
	qualifiers = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9-_]{1,128})$`)
)

// ARN is the ARN of a function.
func (s *Service) ARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", s.o.Region, s.o.Account, name)
}

func (s *Service) qualifiedARN(name, qualifier string) string {
	if qualifier == "" {
		return s.ARN(name)
	}
	return s.ARN(name) + ":" + qualifier
}

// parse takes a name, a partial or a full ARN, each with or without a qualifier,
// and a qualifier beside it.
func parse(ref string, beside *string) (name, qualifier string, err error) {
	m := references.FindStringSubmatch(ref)
	if m == nil {
		return "", "", violation(ref, "functionName", "Member must satisfy regular expression pattern: "+namePattern)
	}
	name, qualifier = m[1], m[2]
	if beside != nil {
		if !qualifiers.MatchString(*beside) {
			return "", "", violation(*beside, "qualifier", `Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`)
		}
		if qualifier != "" && qualifier != *beside {
			return "", "", invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		qualifier = *beside
	}
	return name, qualifier, nil
}

// find returns a function whatever its version.
func (s *Service) find(ref string) (*function, error) {
	name, _, err := parse(ref, nil)
	if err != nil {
		return nil, err
	}
	f := s.funcs[name]
	if f == nil {
		return nil, notFound("Function not found: " + s.ARN(name))
	}
	s.settle(f)
	return f, nil
}

// target is what a reference leads to.
type target struct {
	f         *function
	v         *version
	qualifier string // as asked for; "" for none
}

// resolve returns the version that a reference describes; running chooses what
// is invoked while an update is under way, and draws among an alias's versions.
func (s *Service) resolve(ref string, beside *string, running bool) (target, error) {
	name, qualifier, err := parse(ref, beside)
	if err != nil {
		return target{}, err
	}
	missing := notFound("Function not found: " + s.qualifiedARN(name, qualifier))
	f := s.funcs[name]
	if f == nil {
		return target{}, missing
	}
	s.settle(f)
	t := target{f: f, qualifier: qualifier}
	number := qualifier
	if a := f.aliases[qualifier]; a != nil {
		number = *a.FunctionVersion
		if running {
			number = s.draw(a)
		}
	}
	switch {
	case number != "" && number != latestName:
		if t.v = f.version(number); t.v == nil {
			return target{}, missing
		}
	case running && f.running != nil:
		t.v = f.running
	default:
		t.v = f.latest
	}
	return t, nil
}

func (f *function) version(number string) *version {
	for _, v := range f.versions {
		if *v.config.Version == number {
			return v
		}
	}
	return nil
}

// violation is how AWS says that a parameter breaks its constraint.
func violation(got, member, constraint string) error {
	return wire.Errorf("ValidationException", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", got, member, constraint)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterValueException{Message: ptr(fmt.Sprintf(format, args...)), Type: ptr("User")}
}

func notFound(message string) error {
	return &types.ResourceNotFoundException{Message: ptr(message), Type: ptr("User")}
}

func conflict(format string, args ...any) error {
	return &types.ResourceConflictException{Message: ptr(fmt.Sprintf(format, args...)), Type: ptr("User")}
}

// checkRevision guards an update by the revision that its caller has seen.
func checkRevision(given, have *string) error {
	if given == nil || *given == value(have) {
		return nil
	}
	return &types.PreconditionFailedException{Type: ptr("User"),
		Message: ptr("The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")}
}

func throttled(reason types.ThrottleReason) error {
	return &types.TooManyRequestsException{Message: ptr("Rate Exceeded."), Reason: reason, Type: ptr("User"), RetryAfterSeconds: ptr("1")}
}

func tooLarge(size int, kind types.InvocationType, limit int) error {
	return &wire.Error{Code: "RequestTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)", size, kind, limit)}
}

// paged cuts a page out of a sorted list; markers are the name that comes next.
func paged[T any](all []T, key func(T) string, marker *string, limit *int32, most int) (page []T, next *string, err error) {
	size := most
	if limit != nil {
		if *limit < 1 || *limit > 10000 {
			return nil, nil, violation(fmt.Sprint(*limit), "maxItems", "Member must have value between 1 and 10000")
		}
		size = min(most, int(*limit))
	}
	page = []T{}
	for _, item := range all {
		if marker != nil && strings.Compare(key(item), *marker) < 0 {
			continue
		}
		if len(page) == size {
			return page, ptr(key(item)), nil
		}
		page = append(page, item)
	}
	return page, nil, nil
}
