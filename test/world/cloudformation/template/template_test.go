package template

import (
	"reflect"
	"strings"
	"testing"
)

const body = `{"Resources":{"R":{"Type":"AWS::SNS::Topic"}}`

// scope evaluates within a small template.
func scope(t *testing.T, text string) *Scope {
	t.Helper()
	tm, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Scope{Template: tm, Parameters: map[string]any{"Name": "shop", "Zones": []any{"a", "b"}, "Size": "3"},
		Pseudo:    Pseudo{Account: "123456789012", Partition: "aws", Region: "eu-west-1", StackID: "arn:stack", StackName: "s", URLSuffix: "amazonaws.com", Notifications: []string{"arn:n"}},
		Ref:       func(id string) (any, error) { return "ref-" + id, nil },
		Attribute: func(id, name string) (any, error) { return id + "." + name, nil },
		Import:    func(name string) (string, error) { return "imported-" + name, nil },
		Zones:     func(region string) ([]string, error) { return []string{region + "a", region + "b"}, nil },
		Dynamic:   func(_, key string) (string, error) { return "<" + key + ">", nil }}
}

const context = `
Parameters: {Name: {Type: String}, Zones: {Type: CommaDelimitedList}, Size: {Type: Number}}
Mappings: {Sizes: {eu-west-1: {small: 2, list: [x, y]}}}
Conditions:
  Yes: !Equals [!Ref Name, shop]
  No: !Not [!Condition Yes]
  Both: !And [!Condition Yes, !Equals [1, "1"]]
  Either: !Or [!Condition No, !Condition Yes]
Resources:
  R: {Type: AWS::SNS::Topic}
  Probe:
    Type: AWS::SNS::Topic
    Properties:
      V: `

func TestFunctions(t *testing.T) {
	for name, tc := range map[string]struct {
		value string // flow YAML
		want  any
	}{
		"Ref of a parameter":            {`!Ref Name`, "shop"},
		"Ref of a list":                 {`!Ref Zones`, []any{"a", "b"}},
		"Ref of a resource":             {`!Ref R`, "ref-R"},
		"pseudo parameters":             {`[!Ref "AWS::Region", !Ref "AWS::AccountId", !Ref "AWS::Partition", !Ref "AWS::StackName", !Ref "AWS::StackId", !Ref "AWS::URLSuffix", !Ref "AWS::NotificationARNs"]`, []any{"eu-west-1", "123456789012", "aws", "s", "arn:stack", "amazonaws.com", []any{"arn:n"}}},
		"NoValue goes from lists":       {`[a, !Ref "AWS::NoValue", b]`, []any{"a", "b"}},
		"NoValue goes from objects":     {`{a: 1, b: !Ref "AWS::NoValue"}`, map[string]any{"a": "1"}},
		"GetAtt with a dot":             {`!GetAtt R.Arn`, "R.Arn"},
		"GetAtt of a nested attribute":  {`!GetAtt R.A.B`, "R.A.B"},
		"GetAtt with a list":            {`{"Fn::GetAtt": [R, Arn]}`, "R.Arn"},
		"Sub":                           {`!Sub "x-${Name}-${AWS::Region}-${R}-${R.Arn}-${!Literal}"`, "x-shop-eu-west-1-ref-R-R.Arn-${Literal}"},
		"Sub with variables":            {`!Sub ["${a}/${Name}", {a: !GetAtt R.Arn}]`, "R.Arn/shop"},
		"Join":                          {`!Join ["-", [a, !Ref Name, 3, true]]`, "a-shop-3-true"},
		"Join of a list":                {`!Join [",", !Ref Zones]`, "a,b"},
		"Select":                        {`!Select [1, !Ref Zones]`, "b"},
		"Select by text":                {`!Select ["0", [x, y]]`, "x"},
		"Split":                         {`!Split ["|", "a|b|"]`, []any{"a", "b", ""}},
		"If":                            {`!If [Yes, 1, 2]`, "1"},
		"If of the other":               {`!If [No, 1, !Ref "AWS::NoValue"]`, nil},
		"And":                           {`!If [Both, y, n]`, "y"},
		"Or":                            {`!If [Either, y, n]`, "y"},
		"FindInMap":                     {`!FindInMap [Sizes, !Ref "AWS::Region", small]`, "2"},
		"FindInMap of a list":           {`!FindInMap [Sizes, eu-west-1, list]`, []any{"x", "y"}},
		"ImportValue":                   {`!ImportValue {"Fn::Sub": "${Name}-id"}`, "imported-shop-id"},
		"Base64":                        {`!Base64 hello`, "aGVsbG8="},
		"GetAZs":                        {`!GetAZs ""`, []any{"eu-west-1a", "eu-west-1b"}},
		"Cidr":                          {`!Cidr ["10.0.0.0/16", 3, 8]`, []any{"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"}},
		"Cidr of version 6":             {`!Cidr ["2001:db8::/56", 2, 64]`, []any{"2001:db8::/64", "2001:db8:0:1::/64"}},
		"text that is a number in YAML": {`"0123"`, "0123"},
		"a number that JSON has not":    {`0123`, "0123"},
		"nested functions":              {`!Select [0, !Split [",", !Join [",", [!Ref Name, x]]]]`, "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scope(t, context+tc.value+"\n")
			got, err := s.Properties("Probe")
			if err != nil {
				t.Fatal(err)
			}
			v, has := got["V"]
			if tc.want == nil {
				if has {
					t.Errorf("V = %v, want none", v)
				}
				return
			}
			if !Equal(v, tc.want) {
				t.Errorf("V = %#v, want %#v", v, tc.want)
			}
		})
	}
}

func TestFunctionsRefuseInCloudFormationsWords(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"Ref of nothing":      {`!Ref Nothing`, "Template format error: Unresolved resource dependencies [Nothing] in the Resources block of the template"},
		"GetAtt of nothing":   {`!GetAtt Nothing.Arn`, "Template error: instance of Fn::GetAtt references undefined resource Nothing"},
		"GetAtt without name": {`!GetAtt R`, "Template error: every Fn::GetAtt object requires two non-empty parameters"},
		"Join without list":   {`!Join ["-", x]`, "Template error: every Fn::Join object requires two parameters"},
		"Select beyond":       {`!Select [9, [a]]`, "cannot select nonexistent value at index 9"},
		"Split of a list":     {`!Split ["|", [a]]`, "Template error: every Fn::Split object requires two parameters"},
		"If of no condition":  {`!If [Nope, 1, 2]`, "Template format error: Unresolved condition dependency Nope in the Resources block of the template"},
		"If of two":           {`!If [Yes, 1]`, "Template error: Fn::If requires a list argument with three elements"},
		"no mapping":          {`!FindInMap [Sizes, eu-west-1, large]`, "Template error: Unable to get mapping for Sizes::eu-west-1::large"},
		"no map":              {`!FindInMap [Other, a, b]`, "Template error: Mapping named 'Other' is not present in the 'Mappings' section of template."},
		"Sub of a list":       {`!Sub "${Zones}"`, "Template error: every value of the context object of every Fn::Sub object must be a string"},
		"Sub of no name":      {`!Sub "${a-b}"`, "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"},
		"Cidr too many":       {`!Cidr ["10.0.0.0/24", 5, 6]`, "Fn::Cidr: 10.0.0.0/24 has no 5 blocks of 6 bits"},
		"unknown function":    {`{"Fn::Frob": 1}`, "does not serve the function Fn::Frob"},
		"unknown tag":         {`!Frob 1`, "unknown tag !Frob"},
		"an alias":            {`&a x`, "Template error: YAML aliases are not allowed in CloudFormation templates"},
		"null":                {`null`, "[/Resources/Probe/Properties/V] 'null' values are not allowed in templates"},
	} {
		t.Run(name, func(t *testing.T) {
			tm, err := Parse(context + tc.value + "\n")
			if err == nil {
				s := scope(t, context+tc.value+"\n")
				s.Template = tm
				_, err = s.Properties("Probe")
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTemplatesAreRefusedInCloudFormationsWords(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"no JSON":            {`{"Resources":`, "Template format error: JSON not well-formed. (line 1, column"},
		"no object":          {`[]`, "Template format error: unsupported structure."},
		"no resources":       {`{"Resources":{}}`, "Template format error: At least one Resources member must be defined."},
		"unknown section":    {body + `,"Resorces":{}}`, "Invalid template property or properties [Resorces]"},
		"macros":             {body + `,"Transform":"AWS::Serverless-2016-10-31"}`, "does not serve the section Transform"},
		"version":            {body + `,"AWSTemplateFormatVersion":"2020-01-01"}`, "Unsupported template version"},
		"no type":            {`{"Resources":{"R":{}}}`, "Template format error: [/Resources/R] Every Resources object must contain a Type member."},
		"name":               {`{"Resources":{"R-1":{"Type":"T"}}}`, "Template format error: Resource name R-1 is non alphanumeric."},
		"unknown attribute":  {`{"Resources":{"R":{"Type":"T","Props":{}}}}`, "Invalid template resource property 'Props'"},
		"policy":             {`{"Resources":{"R":{"Type":"T","DeletionPolicy":"Keep"}}}`, "Template format error: Unrecognized DeletionPolicy Keep for resource R"},
		"DependsOn":          {`{"Resources":{"R":{"Type":"T","DependsOn":"X"}}}`, "Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		"circle":             {`{"Resources":{"A":{"Type":"T","DependsOn":"B"},"B":{"Type":"T","Properties":{"x":{"Ref":"A"}}}}}`, "Circular dependency between resources: [A, B]"},
		"output":             {body + `,"Outputs":{"O":{}}}`, "Every Outputs member must contain a Value object"},
		"output of nothing":  {body + `,"Outputs":{"O":{"Value":{"Ref":"X"}}}}`, "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template"},
		"parameter type":     {body + `,"Parameters":{"P":{"Type":"Strin"}}}`, "Template format error: Unrecognized parameter type: Strin"},
		"parameter property": {body + `,"Parameters":{"P":{"Type":"String","Defalt":"x"}}}`, "Invalid template parameter property 'Defalt'"},
		"default":            {body + `,"Parameters":{"P":{"Type":"Number","Default":"x"}}}`, "Parameter 'P' must be a number"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(tc.body); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	text := body + `,"Parameters":{"Env":{"Type":"String","AllowedValues":["dev","prod"],"Default":"dev"},"Name":{"Type":"String","AllowedPattern":"[a-z]+","MinLength":3},
		"N":{"Type":"Number","MinValue":1,"MaxValue":10,"Default":2},"L":{"Type":"List<Number>","Default":"1, 2"},"V":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/x"},
		"C":{"Type":"String","AllowedPattern":"x","ConstraintDescription":"must be x","Default":"x"}}}`
	tm, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	given := func(pairs ...string) map[string]string {
		m := map[string]string{"Name": "abc"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	in, err := tm.Inputs(given())
	if err != nil || in["Env"] != "dev" || in["N"] != "2" || !reflect.DeepEqual(tm.Parameters["L"].Value(in["L"]), []any{"1", "2"}) || !tm.Parameters["V"].FromParameterStore() {
		t.Errorf("inputs = %v, %v", in, err)
	}
	for name, tc := range map[string]struct {
		given map[string]string
		want  string
	}{
		"missing":     {map[string]string{}, "Parameters: [Name] must have values"},
		"unknown":     {given("X", "1"), "Parameters: [X] do not exist in the template"},
		"value":       {given("Env", "test"), "Parameter 'Env' must be one of AllowedValues"},
		"pattern":     {given("Name", "ABC"), "Parameter 'Name' must match pattern [a-z]+"},
		"length":      {given("Name", "ab"), "Parameter 'Name' must contain at least 3 characters"},
		"number":      {given("N", "x"), "Parameter 'N' must be a number"},
		"too large":   {given("N", "11"), "Parameter 'N' must be a number not greater than 10"},
		"list":        {given("L", "1,x"), "Parameter 'L' must be a number"},
		"description": {given("C", "y"), "Parameter C failed to satisfy constraint: must be x"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tm.Inputs(tc.given); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestRulesAndConditions(t *testing.T) {
	rules := `
Rules:
  Check:
    RuleCondition: !Equals [!Ref Name, shop]
    Assertions: [{Assert: !Not [!Contains [[1, 2], !Ref Size]], AssertDescription: too small}, {Assert: !EachMemberIn [!Ref Zones, [a, b, c]]}]
`
	s := scope(t, context+"1"+rules)
	if err := s.CheckRules(); err != nil {
		t.Error(err)
	}
	s.Parameters["Size"] = "2"
	if err := s.CheckRules(); err == nil || !strings.Contains(err.Error(), "too small") {
		t.Errorf("err = %v", err)
	}
	s.Parameters["Name"] = "other" // the rule does not apply
	if err := s.CheckRules(); err != nil {
		t.Error(err)
	}
	circle := scope(t, context+"1\n")
	circle.Template.Conditions["A"] = map[string]any{"Fn::Not": []any{map[string]any{"Condition": "A"}}}
	if _, err := circle.Condition("A"); err == nil || !strings.Contains(err.Error(), "Circular") {
		t.Errorf("err = %v", err)
	}
}

func TestDynamicReferences(t *testing.T) {
	s := scope(t, context+`"{{resolve:ssm:/a:2}}-x-{{resolve:ssm:/b}}"`+"\n")
	m, err := s.Properties("Probe")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Resolve(m, "T/Properties"); err != nil || v.(map[string]any)["V"] != "</a:2>-x-</b>" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := s.Resolve(map[string]any{"Value": "{{resolve:ssm-secure:/a:1}}"}, "AWS::SSM::Parameter/Properties"); err == nil ||
		!strings.Contains(err.Error(), "SSM Secure reference is not supported in: [AWS::SSM::Parameter/Properties/Value]") {
		t.Errorf("err = %v", err)
	}
	if _, err := s.Resolve("{{resolve:secretsmanager:x}}", ""); err == nil {
		t.Error("a secret was resolved")
	}
}

func TestWhatIsNotKnownSpreads(t *testing.T) {
	s := scope(t, context+`!Join ["/", [a, !Sub "${R.Arn}-x"]]`+"\n")
	s.Attribute = func(string, string) (any, error) { return Unknown{}, nil }
	m, err := s.Properties("Probe")
	if _, unknown := m["V"].(Unknown); err != nil || !unknown {
		t.Errorf("V = %v, %v", m["V"], err)
	}
	if Equal(Unknown{}, Unknown{}) {
		t.Error("what is not known is equal")
	}
}

func TestOrderFollowsNeeds(t *testing.T) {
	tm, err := Parse(`{"Resources":{"A":{"Type":"T","Properties":{"x":{"Fn::Sub":"${C.Arn}"}}},"B":{"Type":"T","DependsOn":["A"]},"C":{"Type":"T"},"D":{"Type":"T","Properties":{"y":[{"Ref":"B"}]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := tm.Order([]string{"A", "B", "C", "D"}); err != nil || strings.Join(order, "") != "CABD" {
		t.Errorf("order = %v, %v", order, err)
	}
}

func TestJSONAndYAMLAreTheSame(t *testing.T) {
	a, err := readTree(`{"A":{"Fn::GetAtt":["R","B.C"]},"L":[1,true,"x",null,{"Ref":"P"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := readTree("A: !GetAtt R.B.C\nL:\n- 1\n- true\n- x\n- null\n- !Ref P\n")
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%v\n%v\n%v", a, b, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{body + "}", context + "!Sub \"${R}\"\n", `{"Resources":{"R":{"Type":"T","Properties":{"x":{"Fn::Join":["",[{"Ref":"R"}]]}}}}}`, "a: &x 1\nb: *x\n", "!Ref x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tm, err := Parse(text)
		if err != nil {
			return
		}
		s := &Scope{Template: tm, Parameters: map[string]any{}, Ref: func(string) (any, error) { return Unknown{}, nil }, Attribute: func(string, string) (any, error) { return "x", nil }}
		ids, err := s.Wanted()
		if err != nil {
			return
		}
		for _, id := range ids {
			if m, err := s.Properties(id); err == nil {
				_, _ = s.Resolve(m, "")
			}
		}
		_, _ = s.Outputs()
		_ = s.CheckRules()
	})
}
