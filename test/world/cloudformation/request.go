package cloudformation

import (
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of templates (source: "Understand CloudFormation quotas").
const (
	maxBody   = 51200
	maxObject = 1 << 20
)

// request is what CreateStack, UpdateStack and CreateChangeSet share.
type request struct {
	body, url     *string
	usePrevious   bool
	parameters    []types.Parameter
	capabilities  []types.Capability
	tags          []types.Tag
	notifications []string
	resourceTypes []string
	imports       []types.ResourceToImport
}

// prepare reads and checks a request; before is what the stack is now, nil for
// a new one. s.mu is not held.
func (s *Service) prepare(c *wire.Call, who caller, r request, before *input) (input, error) {
	if len(r.imports) > 0 {
		return input{}, notServed("ResourcesToImport")
	}
	text, err := s.body(c, r, before)
	if err != nil {
		return input{}, err
	}
	t, err := template.Parse(text)
	if err != nil {
		return input{}, refused(err)
	}
	if err := checkTypes(t, r.resourceTypes); err != nil {
		return input{}, err
	}
	in, err := s.inputs(who, t, r.parameters, before)
	if err != nil {
		return input{}, err
	}
	in.capabilities, in.tags, in.notifications = r.capabilities, r.tags, r.notifications
	if before != nil && r.tags == nil {
		in.tags = before.tags
	}
	if before != nil && r.notifications == nil {
		in.notifications = before.notifications
	}
	if err := checkTags(in.tags); err != nil {
		return input{}, err
	}
	return in, checkCapabilities(t, r.capabilities)
}

func notServed(what string) error {
	return &wire.Error{Code: "NotImplementedException", Status: 501, Message: "the simulated AWS does not serve " + what}
}

// body finds the template's text.
func (s *Service) body(c *wire.Call, r request, before *input) (string, error) {
	given := 0
	for _, is := range []bool{r.body != nil, r.url != nil, r.usePrevious} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return "", invalid("Either Template URL or Template Body must be specified.")
	case given > 1:
		return "", invalid("Either Template URL or Template Body must be specified, not both")
	case r.usePrevious && before == nil:
		return "", invalid("UsePreviousTemplate cannot be used for a new stack")
	case r.usePrevious:
		return before.template.Body, nil
	case r.body != nil:
		if len(*r.body) > maxBody {
			return "", invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxBody)
		}
		if *r.body == "" {
			return "", invalid("1 validation error detected: Value '' at 'templateBody' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		return *r.body, nil
	}
	return s.fetch(c, *r.url)
}

// fetch reads a template from S3, as who calls.
func (s *Service) fetch(c *wire.Call, address string) (string, error) {
	bucket, key, ok := objectOf(address)
	if !ok {
		return "", invalid("TemplateURL must be a supported URL.")
	}
	out, err := s.call(callerOf(c, ""), "", "s3", "GetObject", &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		info := wire.Describe(err)
		return "", invalid("S3 error: %s\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html", info.Message)
	}
	body := out.(*s3.GetObjectOutput).Body
	defer func() { _ = body.Close() }()
	b, err := io.ReadAll(io.LimitReader(body, maxObject+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxObject {
		return "", invalid("Template may not exceed %d bytes in size.", maxObject)
	}
	return string(b), nil
}

// objectOf finds bucket and key in the address of an object, in either style.
func objectOf(address string) (bucket, key string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", "", false
	}
	path := strings.TrimPrefix(u.Path, "/")
	if u.Scheme == "s3" {
		return u.Host, path, path != ""
	}
	host := u.Hostname()
	if front, rest, found := strings.Cut(host, ".s3"); found && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-")) {
		return front, path, path != ""
	}
	bucket, key, ok = strings.Cut(path, "/")
	return bucket, key, ok && bucket != "" && key != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// checkTypes refuses types that are not simulated, or that the request does not
// allow.
func checkTypes(t *template.Template, allowed []string) error {
	unknown := map[string]bool{}
	for _, r := range t.Resources {
		if _, ok := resource.Find(r.Type); !ok {
			unknown[r.Type] = true
		} else if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(pattern string) bool {
			front, any := strings.CutSuffix(pattern, "*")
			return pattern == r.Type || any && strings.HasPrefix(r.Type, front)
		}) {
			return invalid("Resource type %s is not allowed by parameter ResourceTypes %v", r.Type, allowed)
		}
	}
	if len(unknown) > 0 {
		return invalid("Template format error: Unrecognized resource types: [%s]", strings.Join(slices.Sorted(maps.Keys(unknown)), ", "))
	}
	return nil
}

// namedIAM are the types that need a capability, with the property by which
// they are named (source: "Acknowledging IAM resources in CloudFormation
// templates").
var namedIAM = map[string]string{"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::Policy": ""}

// needed gives the capability that a template needs, "" for none, and why.
func needed(t *template.Template) (types.Capability, string) {
	var found []string
	capability := types.Capability("")
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		name, ok := namedIAM[r.Type]
		if !ok {
			continue
		}
		if !slices.Contains(found, r.Type) {
			found = append(found, r.Type)
		}
		if capability == "" {
			capability = types.CapabilityCapabilityIam
		}
		if _, named := r.Properties[name]; named && name != "" {
			capability = types.CapabilityCapabilityNamedIam
		}
	}
	if capability == "" {
		return "", ""
	}
	return capability, "The following resource(s) require capabilities: [" + strings.Join(found, ", ") + "]"
}

func checkCapabilities(t *template.Template, given []types.Capability) error {
	need, _ := needed(t)
	if need == "" || slices.Contains(given, need) || slices.Contains(given, types.CapabilityCapabilityNamedIam) {
		return nil
	}
	return &types.InsufficientCapabilitiesException{Message: aws.String("Requires capabilities : [" + string(need) + "]")}
}

// maxTags is how many tags a stack has at most.
const maxTags = 50

func checkTags(tags []types.Tag) error {
	if len(tags) > maxTags {
		return invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if key == "" || len(key) > 128 || len(aws.ToString(t.Value)) > 256 || strings.HasPrefix(key, "aws:") {
			return invalid("Tag %q is not valid", key)
		}
		if seen[key] {
			return invalid("Duplicate tag keys found: %s", key)
		}
		seen[key] = true
	}
	return nil
}
