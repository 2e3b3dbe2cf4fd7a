package access

import "encoding/json"

// Document returns statements as the text of an IAM policy.
func Document(statements []Statement) string {
	var all []map[string]any
	for _, s := range statements {
		one := map[string]any{"Effect": "Allow", "Action": s.Actions, "Resource": s.Resources}
		if s.Condition != nil {
			one["Condition"] = s.Condition
		}
		all = append(all, one)
	}
	return policy(all)
}

// Trust returns who may take on the role, as the text of an IAM policy.
func (r Role) Trust() string {
	one := map[string]any{"Effect": "Allow", "Principal": map[string]string{"Service": r.Service}, "Action": "sts:AssumeRole"}
	if r.AssumedIf != nil {
		one["Condition"] = r.AssumedIf
	}
	return policy([]map[string]any{one})
}

func policy(statements []map[string]any) string {
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic("access: " + err.Error()) // texts and lists of texts only
	}
	return string(data)
}
