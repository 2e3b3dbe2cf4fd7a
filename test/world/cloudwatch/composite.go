package cloudwatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxRule is the longest rule of a composite alarm, in characters.
const maxRule = 10240

// PutCompositeAlarm creates or replaces an alarm over other alarms.
func (s *Service) PutCompositeAlarm(_ *wire.Call, in *awscw.PutCompositeAlarmInput) (*awscw.PutCompositeAlarmOutput, error) {
	switch {
	case aws.ToString(in.AlarmName) == "":
		return nil, missing("AlarmName")
	case aws.ToString(in.AlarmRule) == "":
		return nil, missing("AlarmRule")
	case in.ActionsSuppressor != nil || in.ActionConfiguration != nil:
		return nil, validation("the simulated AWS does not suppress the actions of composite alarms")
	}
	r, err := parseRule(*in.AlarmRule)
	if err != nil {
		return nil, validation("AlarmRule is not valid: %v", err)
	}
	s.mu.Lock()
	for _, name := range r.names {
		if _, ok := s.alarms[name]; !ok || name == *in.AlarmName {
			s.mu.Unlock()
			return nil, validation("Could not save the composite alarm as alarms [%s] in the alarm rule do not exist", name)
		}
		if s.reaches(name, *in.AlarmName) {
			s.mu.Unlock()
			return nil, validation("Composite alarm %s would be its own child by %s", *in.AlarmName, name)
		}
	}
	a, err := s.put(*in.AlarmName, types.AlarmTypeCompositeAlarm, in.Tags)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	a.rule, a.description, a.enabled = r, in.AlarmDescription, in.ActionsEnabled == nil || *in.ActionsEnabled
	a.actions = map[types.StateValue][]string{types.StateValueAlarm: in.AlarmActions, types.StateValueOk: in.OKActions, types.StateValueInsufficientData: in.InsufficientDataActions}
	a.composite = &types.CompositeAlarm{AlarmName: in.AlarmName, AlarmRule: in.AlarmRule, AlarmDescription: in.AlarmDescription,
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions}
	changed := s.composites()
	s.mu.Unlock()
	s.act(changed)
	return &awscw.PutCompositeAlarmOutput{}, nil
}

// reaches reports whether a composite alarm watches another, perhaps by others.
func (s *Service) reaches(from, to string) bool {
	a := s.alarms[from]
	if a == nil || a.composite == nil {
		return false
	}
	return a.rule.mentions(to) || slices.ContainsFunc(a.rule.names, func(name string) bool { return s.reaches(name, to) })
}

// rule is the rule of a composite alarm.
type rule struct {
	names []string // of the alarms in it
	holds func(state func(name string) types.StateValue) bool
}

func (r rule) mentions(name string) bool { return slices.Contains(r.names, name) }

// ruleParser reads AND, OR, NOT, parentheses, TRUE, FALSE and the functions
// ALARM, OK and INSUFFICIENT_DATA of an alarm's name or ARN (source: "Creating
// a composite alarm", CloudWatch User Guide).
type ruleParser struct {
	text  string
	at    int
	depth int
	names []string
}

type condition = func(state func(string) types.StateValue) bool

func parseRule(text string) (rule, error) {
	if len(text) > maxRule {
		return rule{}, fmt.Errorf("it is longer than %d characters", maxRule)
	}
	p := &ruleParser{text: text}
	c, err := p.or()
	if err != nil {
		return rule{}, err
	}
	if word := p.peek(); word != "" {
		return rule{}, fmt.Errorf("unexpected %q at %d", word, p.at)
	}
	return rule{p.names, c}, nil
}

// peek returns the next word or symbol; "" at the end.
func (p *ruleParser) peek() string {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	end := p.at
	for end < len(p.text) && (isWord(p.text[end])) {
		end++
	}
	if end == p.at && end < len(p.text) {
		end++
	}
	return p.text[p.at:end]
}

func (p *ruleParser) take(word string) bool {
	if p.peek() != word {
		return false
	}
	p.at += len(word)
	return true
}

func (p *ruleParser) or() (condition, error) {
	return p.chain("OR", p.and, func(a, b bool) bool { return a || b })
}

func (p *ruleParser) and() (condition, error) {
	return p.chain("AND", p.term, func(a, b bool) bool { return a && b })
}

func (p *ruleParser) chain(word string, operand func() (condition, error), join func(a, b bool) bool) (condition, error) {
	left, err := operand()
	for err == nil && p.take(word) {
		var right condition
		if right, err = operand(); err == nil {
			l := left
			left = func(state func(string) types.StateValue) bool { return join(l(state), right(state)) }
		}
	}
	return left, err
}

func (p *ruleParser) term() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	switch word := p.peek(); {
	case p.take("NOT"):
		c, err := p.term()
		return func(state func(string) types.StateValue) bool { return !c(state) }, err
	case p.take("("):
		c, err := p.or()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a ) is missing at %d", p.at)
		}
		return c, err
	case p.take("TRUE"), p.take("FALSE"):
		return func(func(string) types.StateValue) bool { return word == "TRUE" }, nil
	case p.take("ALARM"), p.take("OK"), p.take("INSUFFICIENT_DATA"):
		name, err := p.argument()
		if err != nil {
			return nil, err
		}
		p.names = append(p.names, name)
		return func(state func(string) types.StateValue) bool { return state(name) == types.StateValue(word) }, nil
	default:
		return nil, fmt.Errorf("ALARM, OK, INSUFFICIENT_DATA, NOT, TRUE, FALSE or ( is missing at %d", p.at)
	}
}

// argument reads the name or ARN of an alarm, quoted or not, in parentheses.
func (p *ruleParser) argument() (string, error) {
	if !p.take("(") {
		return "", fmt.Errorf("a ( is missing at %d", p.at)
	}
	var name string
	if p.peek() == `"` {
		quoted, err := strconv.QuotedPrefix(p.text[p.at:])
		if err != nil {
			return "", fmt.Errorf("the name at %d has no end", p.at)
		}
		p.at += len(quoted)
		if name, err = strconv.Unquote(quoted); err != nil {
			return "", err
		}
	} else {
		end := strings.IndexByte(p.text[p.at:], ')')
		if end < 0 {
			return "", fmt.Errorf("a ) is missing at %d", p.at)
		}
		name = strings.TrimSpace(p.text[p.at : p.at+end])
		p.at += end
	}
	if !p.take(")") {
		return "", fmt.Errorf("a ) is missing at %d", p.at)
	}
	if _, after, ok := strings.Cut(name, ":alarm:"); ok {
		name = after
	}
	if name == "" {
		return "", fmt.Errorf("the name of an alarm is missing at %d", p.at)
	}
	return name, nil
}
