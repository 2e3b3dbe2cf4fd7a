// Package ssm simulates the Parameter Store of AWS Systems Manager.
package ssm

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of AWS Systems Manager (source: "AWS Systems Manager endpoints and
// quotas").
const (
	maxStandardValue = 4096
	maxAdvancedValue = 8192
	maxNameLength    = 1011
	maxLevels        = 15
	keptVersions     = 100
	byPathPage       = 10
	describePage     = 50
)

var nameSyntax = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// defaultKey encrypts SecureStrings that name no key.
const defaultKey = "alias/aws/ssm"

// Keys encrypts and decrypts SecureStrings: KMS.
type Keys interface {
	Seal(keyID string, plaintext []byte, context map[string]string) (blob []byte, arn string, err error)
	Open(blob []byte, context map[string]string) ([]byte, error)
}

// Public looks up the parameters that AWS publishes, under /aws/service/.
type Public func(name string) (value string, ok bool)

// version is one version of a parameter.
type version struct {
	number      int64
	value       string // of a SecureString what KMS made of it, in base64
	labels      []string
	typ         types.ParameterType
	tier        types.ParameterTier
	dataType    string
	description *string
	pattern     *string
	keyID       *string
	modified    time.Time
}

type parameter struct {
	name     string
	versions []version // oldest first
	tags     map[string]string
}

func (p *parameter) latest() version { return p.versions[len(p.versions)-1] }

// Service is the Parameter Store.
type Service struct {
	clock           clock.Clock
	account, region string
	keys            Keys

	mu     sync.Mutex
	params map[string]*parameter
	public Public
}

// New returns an empty Parameter Store.
func New(c clock.Clock, account, region string, keys Keys) *Service {
	return &Service{clock: c, account: account, region: region, keys: keys, params: map[string]*parameter{},
		public: func(string) (string, bool) { return "", false }}
}

// Publish makes the parameters known that AWS publishes.
func (s *Service) Publish(p Public) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.public = p
}

// Value returns the latest value of a parameter, decrypted, without an API call.
func (s *Service) Value(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.params[name]
	if !ok {
		return "", false
	}
	value, err := s.reveal(name, p.latest(), true)
	return value, err == nil
}

// PutParameter implements the API operation.
func (s *Service) PutParameter(_ *wire.Call, in *awsssm.PutParameterInput) (*awsssm.PutParameterOutput, error) {
	name, value := aws.ToString(in.Name), aws.ToString(in.Value)
	if err := checkName(name); err != nil {
		return nil, err
	}
	if value == "" {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	tier := in.Tier
	if tier == "" || tier == types.ParameterTierIntelligentTiering {
		tier = types.ParameterTierStandard
		if len(value) > maxStandardValue && in.Tier == types.ParameterTierIntelligentTiering {
			tier = types.ParameterTierAdvanced
		}
	}
	if (tier == types.ParameterTierStandard && len(value) > maxStandardValue) || len(value) > maxAdvancedValue {
		return nil, wire.Errorf("ValidationException", "%s tier parameters support a maximum parameter value of %d characters.", tier, map[bool]int{true: maxStandardValue, false: maxAdvancedValue}[tier == types.ParameterTierStandard])
	}
	if in.AllowedPattern != nil {
		re, err := regexp.Compile(*in.AllowedPattern)
		if err != nil {
			return nil, &types.InvalidAllowedPatternException{Message: aws.String("Invalid allowed pattern: " + err.Error())}
		}
		if !re.MatchString(value) {
			return nil, &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + *in.AllowedPattern)}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, exists := s.params[name]
	overwrite := aws.ToBool(in.Overwrite)
	if exists && !overwrite {
		return nil, &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
	}
	v := version{number: 1, value: value, typ: in.Type, tier: tier, dataType: "text", description: in.Description,
		pattern: in.AllowedPattern, keyID: in.KeyId, modified: s.clock.Now()}
	if in.DataType != nil {
		v.dataType = *in.DataType
	}
	if exists {
		v.number = p.latest().number + 1
		if v.typ == "" {
			v.typ = p.latest().typ
		}
	} else {
		p = &parameter{name: name}
	}
	switch v.typ {
	case types.ParameterTypeString, types.ParameterTypeStringList, types.ParameterTypeSecureString:
	case "":
		return nil, wire.Errorf("ValidationException", "A parameter type is required when you create a parameter.")
	default:
		return nil, &types.UnsupportedParameterType{Message: aws.String(fmt.Sprintf("The parameter type %s isn't supported.", v.typ))}
	}
	switch {
	case v.typ == types.ParameterTypeSecureString:
		if err := s.seal(name, &v); err != nil {
			return nil, err
		}
	case v.keyID != nil:
		return nil, wire.Errorf("ValidationException", "KeyId is required only for SecureString parameters.")
	}
	if exists && len(in.Tags) > 0 {
		return nil, wire.Errorf("ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	for _, t := range in.Tags {
		if p.tags == nil {
			p.tags = map[string]string{}
		}
		p.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.params[name] = p
	p.versions = append(p.versions, v)
	if len(p.versions) > keptVersions {
		if len(p.versions[0].labels) > 0 {
			p.versions = p.versions[:len(p.versions)-1]
			return nil, &types.ParameterMaxVersionLimitExceeded{Message: aws.String("The oldest version of the parameter has a label and cannot be deleted; move the label to another version and try again.")}
		}
		p.versions = p.versions[1:]
	}
	return &awsssm.PutParameterOutput{Version: v.number, Tier: v.tier}, nil
}

func checkName(name string) error {
	lower := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case name == "" || len(name) > maxNameLength || !nameSyntax.MatchString(name):
		return wire.Errorf("ValidationException", "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm"):
		return wire.Errorf("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return wire.Errorf("ValidationException", "Parameter name must be a fully qualified name: it contains \"/\" and must begin with \"/\".")
	case strings.HasSuffix(name, "/"):
		return wire.Errorf("ValidationException", "Parameter name must not end with slash.")
	case strings.Count(name, "/") > maxLevels:
		return &types.HierarchyLevelLimitExceededException{Message: aws.String(fmt.Sprintf("A hierarchy can have a maximum of %d levels.", maxLevels))}
	}
	return nil
}

// GetParameter implements the API operation.
func (s *Service) GetParameter(_ *wire.Call, in *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get(aws.ToString(in.Name), aws.ToBool(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &awsssm.GetParameterOutput{Parameter: p}, nil
}

// get finds a parameter by name or ARN, with an optional :version.
func (s *Service) get(name string, decrypt bool) (*types.Parameter, error) {
	if rest, ok := strings.CutPrefix(name, s.arn("")); ok {
		name = "/" + strings.TrimPrefix(rest, "/")
	}
	name, selector, selected := strings.Cut(name, ":")
	asked := selector
	if name == "" {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if value, ok := s.public(name); ok && !selected {
		return &types.Parameter{ARN: aws.String(fmt.Sprintf("arn:aws:ssm:%s::parameter%s", s.region, name)), Name: &name, Type: types.ParameterTypeString, Value: &value,
			Version: 1, DataType: aws.String("text"), LastModifiedDate: aws.Time(s.clock.Now().Truncate(24 * time.Hour))}, nil
	}
	p, ok := s.params[name]
	if !ok {
		return nil, &types.ParameterNotFound{}
	}
	v := p.latest()
	if selected {
		if labelled, ok := p.labelled(selector); ok {
			selector = strconv.FormatInt(labelled, 10)
		}
		n, err := strconv.ParseInt(selector, 10, 64)
		i := sort.Search(len(p.versions), func(i int) bool { return p.versions[i].number >= n })
		if err != nil || i == len(p.versions) || p.versions[i].number != n {
			return nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name))}
		}
		v = p.versions[i]
	}
	out, err := s.view(name, v, decrypt)
	if selected {
		out.Selector = aws.String(":" + asked)
	}
	return &out, err
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", s.region, s.account, strings.TrimPrefix(name, "/"))
}

func (s *Service) view(name string, v version, decrypt bool) (types.Parameter, error) {
	value, err := s.reveal(name, v, decrypt)
	return types.Parameter{
		ARN: aws.String(s.arn(name)), Name: &name, Type: v.typ, Version: v.number, DataType: aws.String(v.dataType),
		LastModifiedDate: aws.Time(v.modified), Value: &value,
	}, err
}

// context binds a ciphertext to its parameter, as Parameter Store does.
func (s *Service) context(name string) map[string]string {
	return map[string]string{"PARAMETER_ARN": s.arn(name)}
}

// seal encrypts the value of a SecureString.
func (s *Service) seal(name string, v *version) error {
	if v.keyID == nil {
		v.keyID = aws.String(defaultKey)
	}
	blob, _, err := s.keys.Seal(*v.keyID, []byte(v.value), s.context(name))
	if err != nil {
		return invalidKey(err)
	}
	v.value = base64.StdEncoding.EncodeToString(blob)
	return nil
}

// reveal returns a value: of a SecureString the ciphertext, unless it is to be
// decrypted.
func (s *Service) reveal(name string, v version, decrypt bool) (string, error) {
	if v.typ != types.ParameterTypeSecureString || !decrypt {
		return v.value, nil
	}
	blob, err := base64.StdEncoding.DecodeString(v.value)
	if err != nil {
		return "", err
	}
	plaintext, err := s.keys.Open(blob, s.context(name))
	if err != nil {
		return "", invalidKey(err)
	}
	return string(plaintext), nil
}

// invalidKey is how Parameter Store reports what KMS says.
func invalidKey(err error) error {
	info := wire.Describe(err)
	text := info.Message
	if text == "" {
		text = info.Code
	}
	return &types.InvalidKeyId{Message: aws.String(text)}
}

// DeleteParameter implements the API operation.
func (s *Service) DeleteParameter(_ *wire.Call, in *awsssm.DeleteParameterInput) (*awsssm.DeleteParameterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.Name)
	if _, ok := s.params[name]; !ok {
		return nil, &types.ParameterNotFound{}
	}
	delete(s.params, name)
	return &awsssm.DeleteParameterOutput{}, nil
}

// DeleteParameters implements the API operation.
func (s *Service) DeleteParameters(_ *wire.Call, in *awsssm.DeleteParametersInput) (*awsssm.DeleteParametersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		if _, ok := s.params[name]; !ok {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		delete(s.params, name)
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}
