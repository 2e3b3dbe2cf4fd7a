package access

import (
	"fmt"
	"slices"
	"strings"
)

const rbacVersion = "rbac.authorization.k8s.io/v1"

// Manifest returns the RBAC of the agent as YAML for kubectl apply: that of
// every cluster, or, with green, that of a cluster that is to be filled.
func Manifest(green bool) string {
	var b strings.Builder
	b.WriteString("# Made by go test ./pkg/access -update; do not edit.\n#\n")
	if green {
		b.WriteString(`# What the EKS upgrade agent may do in a green cluster that it fills. The build that makes the cluster applies it;
# apply it yourself only to a green cluster that you made yourself. When everything is delivered, the agent deletes
# the binding of ` + DeliverRole + `.
`)
	} else {
		b.WriteString(`# What the EKS upgrade agent may do in a cluster that it upgrades: it only reads. Apply it once, and again after
# an upgrade of the agent:
#   kubectl apply -f rbac.yaml
# The groups are given to the agent's IAM roles by access entries; eks-upgrade access --cluster NAME prints the commands.
`)
	}
	b.WriteString(Render(slices.DeleteFunc(Kubernetes(), func(r ClusterRole) bool { return r.GreenOnly && !green })))
	return b.String()
}

// Render returns cluster roles with their bindings as YAML.
func Render(roles []ClusterRole) string {
	var b strings.Builder
	for _, r := range roles {
		fmt.Fprintf(&b, "---\n# %s\napiVersion: %s\nkind: ClusterRole\nmetadata:\n  name: %q\n", strings.ToUpper(r.Purpose[:1])+r.Purpose[1:], rbacVersion, r.Name)
		if len(r.Collects) > 0 {
			b.WriteString("aggregationRule:\n  clusterRoleSelectors:\n")
			for _, s := range r.Collects {
				fmt.Fprintf(&b, "    - matchLabels: {%q: \"true\"}\n", s.Label)
				if s.Without != "" {
					fmt.Fprintf(&b, "      matchExpressions: [{key: %q, operator: DoesNotExist}]\n", s.Without)
				}
			}
		} else {
			b.WriteString("rules:\n")
		}
		last := ""
		for _, rule := range r.Rules {
			why := rule.Why
			if rule.Wide != "" {
				why += ". On everything, because " + rule.Wide
			}
			if why != last {
				fmt.Fprintf(&b, "  # %s\n", why)
			}
			last = why
			prefix := "  - "
			for _, field := range rule.fields() {
				fmt.Fprintf(&b, "%s%s: [%s]\n", prefix, field.name, quoted(field.values))
				prefix = "    "
			}
		}
		kind, name := r.subject()
		fmt.Fprintf(&b, "---\napiVersion: %s\nkind: ClusterRoleBinding\nmetadata:\n  name: %q\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %q}\nsubjects:\n  - {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %q}\n",
			rbacVersion, r.Name, r.Name, kind, name)
	}
	return b.String()
}

func (r ClusterRole) subject() (kind, name string) {
	if r.User != "" {
		return "User", r.User
	}
	return "Group", string(r.Group)
}

type field struct {
	name   string
	values []string
}

// fields are those of a rule that are not empty, as RBAC calls them.
func (r Rule) fields() []field {
	return slices.DeleteFunc([]field{{"apiGroups", r.APIGroups}, {"resources", r.Resources}, {"resourceNames", r.Names}, {"nonResourceURLs", r.URLs}, {"verbs", r.Verbs}},
		func(f field) bool { return len(f.values) == 0 })
}

func quoted(values []string) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%q", v))
	}
	return strings.Join(out, ", ")
}

// Objects returns what Manifest writes, as Kubernetes objects in their order.
func Objects(green bool) []map[string]any {
	var all []map[string]any
	for _, r := range Kubernetes() {
		if r.GreenOnly && !green {
			continue
		}
		all = append(all, r.Objects()...)
	}
	return all
}

// Objects returns the cluster role and its binding.
func (r ClusterRole) Objects() []map[string]any {
	var rules []any
	for _, rule := range r.Rules {
		content := map[string]any{}
		for _, f := range rule.fields() {
			content[f.name] = anys(f.values)
		}
		rules = append(rules, content)
	}
	object := func(kind string, more map[string]any) map[string]any {
		more["apiVersion"], more["kind"], more["metadata"] = rbacVersion, kind, map[string]any{"name": r.Name}
		return more
	}
	ref := func(kind, name string) map[string]any {
		return map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
	}
	role := map[string]any{"rules": rules}
	if len(r.Collects) > 0 {
		role = map[string]any{"aggregationRule": map[string]any{"clusterRoleSelectors": r.selectors()}}
	}
	return []map[string]any{
		object("ClusterRole", role),
		object("ClusterRoleBinding", map[string]any{"roleRef": ref("ClusterRole", r.Name), "subjects": []any{ref(r.subject())}}),
	}
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// Commands returns the commands of the AWS CLI that give the agent's roles their
// access entries in a cluster.
func Commands(n Names, cluster string) []string {
	var all []string
	for _, e := range Entries() {
		all = append(all, Command(n, cluster, e))
	}
	return all
}

// Command returns the command that makes one access entry.
func Command(n Names, cluster string, e Entry) string {
	return fmt.Sprintf("aws eks create-access-entry --region %s --cluster-name %s --principal-arn %s --type STANDARD --kubernetes-groups %s", n.Region, cluster, n.Role(e.Role), e.Group)
}
