package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Page returns docs/permissions.md: every permission of every role, with its
// reason.
func Page(n Names) string {
	var b strings.Builder
	b.WriteString(`<!-- Made by go test ./pkg/access -update; do not edit. -->

# Permissions

What each role of the agent may do, and why; the example is account ` + n.Account + `, region ` + n.Region + `, clusters ` + strings.Join(n.Clusters, " and ") + `.
There are no managed policies and no wildcards in actions. ` + "`*`" + ` as a resource has its reason beside it.
`)
	for _, r := range Roles(n) {
		fmt.Fprintf(&b, "\n## %s\n\n%s; taken on by `%s`", r.Name, strings.ToUpper(r.Purpose[:1])+r.Purpose[1:], r.Service)
		if r.Group != "" {
			fmt.Fprintf(&b, "; in clusters the group `%s` ([rbac.yaml](rbac.yaml))", r.Group)
		}
		b.WriteString(".\n\n| why | actions | resources |\n| --- | --- | --- |\n")
		for _, s := range r.Statements {
			resources := code(s.Resources)
			if s.Wide != "" {
				resources += ": " + s.Wide
			}
			if s.Condition != nil {
				data, err := json.Marshal(s.Condition)
				if err != nil {
					panic(err) // texts and lists of texts only
				}
				resources += "<br>if `" + string(data) + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Why, code(s.Actions), resources)
		}
	}
	return b.String()
}

func code(items []string) string {
	quoted := slices.Clone(items)
	for i, item := range quoted {
		quoted[i] = "`" + item + "`"
	}
	return strings.Join(quoted, "<br>")
}
