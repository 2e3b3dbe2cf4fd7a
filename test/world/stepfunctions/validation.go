package stepfunctions

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of AWS Step Functions (source: "Service quotas", Step Functions
// Developer Guide, and the API reference).
const (
	maxName        = 80
	maxDefinition  = 1 << 20
	maxInput       = 256 << 10
	maxPage        = 1000
	defaultPage    = 100
	maxTags        = 50
	maxVersions    = 1000
	maxAliases     = 100
	maxDescription = 256
	maxError       = 256
	maxCause       = 32768
	maxToken       = 2048
)

// The longest page tokens: of most lists, and of ListExecutions.
const (
	maxPageToken           = 1024
	maxPageTokenExecutions = 3096
)

// constraint is the error for a member that breaks a rule of the API's model.
func constraint(member string, value any, rule string, args ...any) error {
	return wire.Errorf("ValidationException", "1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must %s",
		value, member, fmt.Sprintf(rule, args...))
}

// length holds a text, counted in characters, to its bounds; nil is fine.
func length(member string, v *string, low, high int) error {
	if v == nil {
		return nil
	}
	switch n := utf8.RuneCountInString(*v); {
	case n < low:
		return constraint(member, *v, "have length greater than or equal to %d", low)
	case n > high:
		return constraint(member, *v, "have length less than or equal to %d", high)
	}
	return nil
}

// forbidden is what no name may contain: blanks, brackets, wildcards, control
// and special characters.
var forbidden = regexp.MustCompile("[\\s<>{}\\[\\]?*\"#%\\\\^|~`$&,;:/\\x00-\\x1f\\x7f-\\x{9f}\\x{fffe}\\x{ffff}\\x{10ffff}]")

func checkName(name string) error {
	if err := length("name", &name, 1, maxName); err != nil {
		return err
	}
	if forbidden.MatchString(name) || !utf8.ValidString(name) {
		return &types.InvalidName{Message: aws.String(fmt.Sprintf("Invalid Name: '%s'", name))}
	}
	return nil
}

func invalidArn(format string, args ...any) error {
	return &types.InvalidArn{Message: aws.String("Invalid Arn: '" + fmt.Sprintf(format, args...) + "'")}
}

// resource is an ARN of Step Functions: its type, its name with a label after a
// slash, and what follows.
type resource struct {
	arn, kind   string
	name, label string
	rest        []string
}

var partition = regexp.MustCompile(`^aws[a-z-]*$`)

// parseArn takes an ARN of one of the kinds apart: stateMachine, execution,
// activity, mapRun, express.
func parseArn(arn *string, kinds ...string) (resource, error) {
	a := aws.ToString(arn)
	parts := strings.Split(a, ":")
	switch {
	case parts[0] != "arn":
		return resource{}, invalidArn("Invalid ARN prefix: %s", a)
	case len(parts) < 7 || !partition.MatchString(parts[1]) || parts[3] == "" || parts[4] == "" || parts[6] == "":
		return resource{}, invalidArn("Invalid ARN: %s", a)
	case parts[2] != "states":
		return resource{}, invalidArn("Invalid ARN service: %s", parts[2])
	}
	r := resource{arn: a, kind: parts[5], name: parts[6], rest: parts[7:]}
	for _, k := range kinds {
		if k == r.kind {
			r.name, r.label, _ = strings.Cut(r.name, "/")
			return r, nil
		}
	}
	return resource{}, invalidArn("Resource type not valid in this context: %s", strings.ToLower(r.kind))
}

// page cuts one page out of a list.
func page[T any](all []T, size int32, token *string, maxToken int) (part []T, next *string, err error) {
	switch {
	case size < 0:
		return nil, nil, constraint("maxResults", size, "have value greater than or equal to 0")
	case size > maxPage:
		return nil, nil, constraint("maxResults", size, "have value less than or equal to %d", maxPage)
	}
	if err := length("nextToken", token, 1, maxToken); err != nil {
		return nil, nil, err
	}
	n := int(size)
	if n == 0 {
		n = defaultPage
	}
	from := 0
	if token != nil {
		if from, err = pageStart(*token, len(all)); err != nil {
			return nil, nil, err
		}
	}
	to := min(from+n, len(all))
	if to < len(all) {
		next = aws.String(pageToken(to))
	}
	return append([]T{}, all[from:to]...), next, nil
}

// pagePrefix marks the tokens of pages, so that a made-up one is refused.
const pagePrefix = "page-"

func pageToken(from int) string { return pagePrefix + strconv.Itoa(from) }

func pageStart(token string, n int) (int, error) {
	digits, ok := strings.CutPrefix(token, pagePrefix)
	from, err := strconv.Atoi(digits)
	if !ok || err != nil || from < 0 || from > n {
		return 0, &types.InvalidToken{Message: aws.String("Invalid Token: 'Invalid token'")}
	}
	return from, nil
}
