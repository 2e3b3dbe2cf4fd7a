// Package authz says which permissions an API call needs: the IAM actions, the
// ARNs of the resources and the condition keys of the request. Source: the
// Service Authorization Reference, "Actions, resources, and condition keys for
// AWS services"; where an action's own documentation asks for more than one
// permission, all are listed.
package authz

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// Need is one permission that a call needs.
type Need struct {
	Action   string // "eks:DescribeCluster"
	Resource string // an ARN, or "*"
	Context  policy.Context
	// Trust asks the trust policy of the role that Resource names as well.
	Trust bool
}

// Request is a call whose needs are asked.
type Request struct {
	Account, Region string
	Input           any // pointer to the SDK's Input
	// Resource is the ARN that the call is about where the Input does not tell.
	Resource string
	// Peek asks a service for something without a trace, as for the ARN of what
	// a request names otherwise; see wire.Mux.Peek.
	Peek func(service, operation string, in any) (any, error)
}

// Rule gives the needs of an operation.
type Rule func(r Request) []Need

// services holds the rules by service, as the SDK's package is named, and
// operation.
var services = map[string]map[string]Rule{
	"apigateway": apigateway, "apigatewaymanagementapi": connections, "apigatewayv2": apigatewayv2, "execute-api": executeAPI, "sqs": sqs,
	"autoscaling": autoscaling, "bedrockruntime": bedrock, "budgets": budgets, "cloudformation": cloudformation, "ecr": ecr, "cloudwatch": cloudwatch, "cloudwatchlogs": logs, "codebuild": codebuild, "comprehend": comprehend,
	"dynamodb": dynamodb, "ec2": ec2, "eks": eks, "elasticache": elasticache, "elasticloadbalancing": classic, "elasticloadbalancingv2": balancers, "eventbridge": events, "iam": iam, "kms": kms, "lambda": lambda,
	"rds": rds, "route53": route53, "s3": s3, "scheduler": scheduler, "servicequotas": servicequotas, "sfn": states, "sns": sns, "ssm": ssm, "sts": sts,
}

// For returns the rule of an operation. No EC2 description needs more than the
// permission of its name, on everything.
func For(service, operation string) (Rule, bool) {
	if r, ok := services[service][operation]; ok {
		return r, true
	}
	if service == "ec2" && strings.HasPrefix(operation, "Describe") {
		return on("ec2:"+operation, anything), true
	}
	return nil, false
}

// resources gives the ARNs that an action is about.
type resources func(r Request) []string

func anything(Request) []string { return []string{"*"} }

// nobody is the rule of operations that need no permission.
func nobody(Request) []Need { return nil }

// on needs an action on each of the resources.
func on(action string, res resources) Rule {
	return func(r Request) []Need {
		var out []Need
		for _, arn := range res(r) {
			out = append(out, Need{Action: action, Resource: arn, Context: policy.Context{}})
		}
		return out
	}
}

// with adds condition keys, whose values are those of fields of the Input.
func with(rule Rule, keysAndPaths ...string) Rule {
	return func(r Request) []Need {
		needs := rule(r)
		for _, n := range needs {
			for i := 0; i < len(keysAndPaths); i += 2 {
				n.Context.Set(keysAndPaths[i], r.texts(keysAndPaths[i+1])...)
			}
		}
		return needs
	}
}

// and needs what all rules need.
func and(rules ...Rule) Rule {
	return func(r Request) []Need {
		var out []Need
		for _, rule := range rules {
			out = append(out, rule(r)...)
		}
		return out
	}
}

// when needs what the rule needs if a field is set.
func when(path string, rule Rule) Rule {
	return func(r Request) []Need {
		if len(r.texts(path)) == 0 {
			return nil
		}
		return rule(r)
	}
}

// pass needs the permission to hand over the roles in a field to a service.
func pass(path, service string) Rule {
	return func(r Request) []Need {
		var out []Need
		for _, role := range unique(r.texts(path)) {
			out = append(out, Need{Action: "iam:PassRole", Resource: role, Context: policy.Context{"iam:passedtoservice": {service}}})
		}
		return out
	}
}

// same gives all operations the permission of their own name on one kind of
// resource.
func same(prefix string, res resources, operations ...string) map[string]Rule {
	out := map[string]Rule{}
	for _, op := range operations {
		out[op] = on(prefix+":"+op, res)
	}
	return out
}

// merge joins tables. It panics when an operation is in two of them.
func merge(tables ...map[string]Rule) map[string]Rule {
	out := map[string]Rule{}
	for _, t := range tables {
		for op, rule := range t {
			if _, twice := out[op]; twice {
				panic("authz: two rules for " + op)
			}
			out[op] = rule
		}
	}
	return out
}

// field is the ARN, or ARNs, in a field; "*" when there is none.
func field(path string) resources {
	return func(r Request) []string { return orAnything(unique(r.texts(path))) }
}

func orAnything(arns []string) []string {
	if len(arns) == 0 {
		return []string{"*"}
	}
	return arns
}

// arn fills a template such as "eks:cluster/{Name}": the service, then what
// follows region and account. {Field} is the value of a field of the Input, or
// * when it is not set. A field that is an ARN already is taken as it is when
// the template ends with it.
func arn(template string) resources {
	service, rest, ok := strings.Cut(template, ":")
	if !ok {
		panic("authz: template " + template)
	}
	return func(r Request) []string {
		return []string{r.fill(service, rest)}
	}
}

func (r Request) fill(service, template string) string {
	var b strings.Builder
	rest := template
	for {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return r.arn(service, b.String())
		}
		path, tail, _ := strings.Cut(after, "}")
		value := r.text(path)
		if strings.HasPrefix(value, "arn:") && tail == "" {
			return value
		}
		if value == "" {
			value = "*"
		}
		b.WriteString(value)
		rest = tail
	}
}

func (r Request) arn(service, rest string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, r.Region, r.Account, rest)
}

// each fills a template, with %s for the value, for every value of a field;
// without values it is filled with *.
func each(service, template, path string) resources {
	return func(r Request) []string {
		var out []string
		for _, value := range orAnything(unique(r.texts(path))) {
			if strings.HasPrefix(value, "arn:") {
				out = append(out, value)
				continue
			}
			out = append(out, r.arn(service, fmt.Sprintf(template, value)))
		}
		return out
	}
}

// text is the first value of a field; "" when it is not set.
func (r Request) text(path string) string {
	if values := r.texts(path); len(values) > 0 {
		return values[0]
	}
	return ""
}

// texts collects the values of a field as text. Its path, such as
// "Entries.EventBusName", goes through structures, lists and the values of
// maps; "Tags.#" are the keys of a map. Empty texts count as unset.
func (r Request) texts(path string) []string {
	var out []string
	collect(reflect.ValueOf(r.Input), strings.Split(path, "."), &out)
	return out
}

func collect(v reflect.Value, path []string, out *[]string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), path, out)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			collect(v.Index(i), path, out)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			if len(path) == 1 && path[0] == "#" {
				*out = append(*out, k.String())
			} else {
				collect(v.MapIndex(k), path, out)
			}
		}
	case reflect.Struct:
		if len(path) > 0 {
			if f := v.FieldByName(path[0]); f.IsValid() {
				collect(f, path[1:], out)
			}
		}
	default:
		if text := fmt.Sprint(v); len(path) == 0 && text != "" {
			*out = append(*out, text)
		}
	}
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// ask peeks at a service and returns the texts at a path of its answer; none
// when it does not answer.
func (r Request) ask(service, operation string, in any, path string) []string {
	if r.Peek == nil {
		return nil
	}
	out, err := r.Peek(service, operation, in)
	if err != nil {
		return nil
	}
	return Request{Input: out}.texts(path)
}
