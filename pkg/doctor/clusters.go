package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// clusters looks into each cluster that the agent may touch.
func (e *examination) clusters(ctx context.Context) {
	const area = "clusters"
	known, err := e.known(ctx)
	if err != nil {
		e.failed(area, "list", err, "eks:ListClusters", "*", "")
		if len(e.Clusters) == 0 {
			return
		}
	}
	names := e.Clusters
	if len(names) == 0 {
		names = slices.DeleteFunc(known, func(name string) bool { return !matches(e.Names.Clusters, name) })
	}
	if len(names) == 0 {
		e.add(area, "list", Missing, fmt.Sprintf("EKS knows no cluster of %s", strings.Join(e.Names.Clusters, ", ")), "name the clusters to upgrade in deploy.yaml, under clusters")
	}
	for _, name := range names {
		if !matches(e.Names.Clusters, name) {
			e.add("cluster "+name, "settings", Missing, "the agent's roles do not allow this cluster", "add it to clusters in deploy.yaml, and "+deployAgain)
		}
		e.cluster(ctx, name)
	}
}

func (e *examination) known(ctx context.Context) ([]string, error) {
	var names []string
	pages := eks.NewListClustersPaginator(e.api.eks, &eks.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list clusters", err)
		}
		names = append(names, page.Clusters...)
	}
	return names, nil
}

func (e *examination) cluster(ctx context.Context, name string) {
	area := "cluster " + name
	out, err := e.api.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		e.failed(area, "cluster", awserr.Wrap("look at cluster "+name, err), "eks:DescribeCluster", e.eksARN("cluster/"+name), "name a cluster that EKS has in "+e.Names.Region)
		return
	}
	c := out.Cluster
	if c.Status != types.ClusterStatusActive {
		e.add(area, "cluster", Warning, "it is "+string(c.Status), "wait until it is ACTIVE")
	} else {
		e.ok(area, "cluster", "ACTIVE, Kubernetes %s", aws.ToString(c.Version))
	}
	mode := types.AuthenticationModeConfigMap
	if c.AccessConfig != nil {
		mode = c.AccessConfig.AuthenticationMode
	}
	if mode == types.AuthenticationModeConfigMap {
		e.add(area, "authentication mode", Missing, "CONFIG_MAP: there are no access entries, and the agent gets in by them",
			fmt.Sprintf("aws eks update-cluster-config --region %s --name %s --access-config authenticationMode=API_AND_CONFIG_MAP", e.Names.Region, name))
	} else {
		e.ok(area, "authentication mode", "%s", mode)
		for _, entry := range access.Entries() {
			e.entry(ctx, area, name, entry)
		}
	}
	e.kubernetes(ctx, area, name, c.Tags[provision.UpgradeTag] != "")
}

func (e *examination) eksARN(resource string) string {
	return "arn:" + e.Names.Partition + ":eks:" + e.Names.Region + ":" + e.Names.Account + ":" + resource
}

// entry looks at the access entry of a role.
func (e *examination) entry(ctx context.Context, area, cluster string, entry access.Entry) {
	principal := e.Names.Role(entry.Role)
	what := "access entry of " + entry.Role
	out, err := e.api.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
	if err != nil {
		e.failed(area, what, awserr.Wrap("look at the access entry of "+principal, err), "eks:DescribeAccessEntry", e.eksARN("access-entry/"+cluster+"/*"), access.Command(e.Names, cluster, entry))
		return
	}
	update := fmt.Sprintf("aws eks update-access-entry --region %s --cluster-name %s --principal-arn %s --kubernetes-groups %s", e.Names.Region, cluster, principal, entry.Group)
	groups := out.AccessEntry.KubernetesGroups
	switch {
	case aws.ToString(out.AccessEntry.Type) != "STANDARD":
		e.add(area, what, Missing, "it is of type "+aws.ToString(out.AccessEntry.Type), "delete it, then: "+access.Command(e.Names, cluster, entry))
	case !slices.Contains(groups, string(entry.Group)):
		e.add(area, what, Missing, fmt.Sprintf("it is not in the group %s, but in %v", entry.Group, groups), update)
	case len(groups) > 1:
		e.add(area, what, Warning, fmt.Sprintf("it is in more groups than it needs: %v", groups), update)
	default:
		e.ok(area, what, "in %s", entry.Group)
	}
	e.entryPolicies(ctx, area, what, cluster, principal)
}

// entryPolicies warns of access policies: the agent needs none.
func (e *examination) entryPolicies(ctx context.Context, area, what, cluster, principal string) {
	pages := eks.NewListAssociatedAccessPoliciesPaginator(e.api.eks, &eks.ListAssociatedAccessPoliciesInput{ClusterName: &cluster, PrincipalArn: &principal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			e.failed(area, what+", policies", awserr.Wrap("list the access policies of "+principal, err), "eks:ListAssociatedAccessPolicies", e.eksARN("access-entry/"+cluster+"/*"), "")
			return
		}
		for _, p := range page.AssociatedAccessPolicies {
			e.add(area, what, Warning, "it has the access policy "+last(aws.ToString(p.PolicyArn), "/")+", which the agent does not need",
				fmt.Sprintf("aws eks disassociate-access-policy --region %s --cluster-name %s --principal-arn %s --policy-arn %s", e.Names.Region, cluster, principal, aws.ToString(p.PolicyArn)))
		}
	}
}

// reviews at a time.
const parallel = 8

// kubernetes asks the API server what the agent's groups may do.
func (e *examination) kubernetes(ctx context.Context, area, name string, green bool) {
	client, err := e.Connect(ctx, name)
	if err == nil {
		var git string
		if git, _, err = client.Version(ctx); err == nil {
			e.ok(area, "API server", "it answers: %s", git)
		}
	}
	if err != nil {
		status, remedy := NotChecked, "see that it can be reached from here: public access, or a network of the VPC; the agent must reach it too"
		if upgrade.CodeOf(err) == upgrade.CodePermissionDenied {
			remedy = "give whoever runs this an access entry in the cluster"
		}
		e.add(area, "API server", status, err.Error(), remedy)
		return
	}
	var lacking []access.ClusterRole
	whole := map[access.Group]bool{} // groups that lack a cluster role altogether
	for _, role := range access.Kubernetes() {
		switch {
		case role.GreenOnly:
			continue // it comes and goes with a delivery
		case len(role.Collects) > 0: // what it collects is not known
			if whole[role.Group] {
				lacking = append(lacking, role)
			}
			continue
		}
		if missing, complete := e.reviewRole(ctx, area, client, role); !complete {
			return
		} else if len(missing.Rules) > 0 && (role.Optional == "" || whole[role.Group]) { // where nothing was given yet, nothing was left out either
			lacking = append(lacking, missing)
			whole[role.Group] = whole[role.Group] || missing.Name == role.Name
		}
	}
	e.deliverRole(ctx, area, client, green)
	if len(lacking) > 0 {
		e.report.Manifests[name] = access.Render(lacking)
	}
}

// question is one act that a rule allows.
type question struct {
	rule int
	ask  kube.Attributes
}

func questions(rules []access.Rule) []question {
	var all []question
	for i, r := range rules {
		names := r.Names
		if len(names) == 0 {
			names = []string{""}
		}
		for _, verb := range r.Verbs {
			for _, path := range r.URLs {
				all = append(all, question{i, kube.Attributes{Verb: verb, Path: path}})
			}
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					for _, name := range names {
						all = append(all, question{i, kube.Attributes{Verb: verb, Group: group, Resource: resource, Name: name}})
					}
				}
			}
		}
	}
	return all
}

// reviewRole asks for every act of a cluster role. It returns the role with
// only those that are not allowed; incomplete when the API server did not say.
func (e *examination) reviewRole(ctx context.Context, area string, client Cluster, role access.ClusterRole) (access.ClusterRole, bool) {
	all := questions(role.Rules)
	answers, errs := make([]bool, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	places := make(chan struct{}, parallel)
	for i, q := range all {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			// A member of any group is a member of this one too.
			answers[i], errs[i] = client.Review(ctx, []string{string(role.Group), "system:authenticated"}, q.ask)
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			remedy := "run this again; the error says what the API server did"
			if upgrade.CodeOf(err) == upgrade.CodePermissionDenied {
				remedy = "let whoever runs this create subjectaccessreviews.authorization.k8s.io"
			}
			e.add(area, string(role.Group), NotChecked, err.Error(), remedy)
			return access.ClusterRole{}, false
		}
	}
	missing := access.ClusterRole{Name: role.Name, Purpose: role.Purpose, Group: role.Group}
	refused, there := 0, false
	for i, q := range all {
		if answers[i] {
			there = there || q.ask.Path == "" // paths are open to everybody
			continue
		}
		refused++
		rule := role.Rules[q.rule]
		one := access.Rule{Why: rule.Why, Wide: rule.Wide, Verbs: []string{q.ask.Verb}}
		if q.ask.Path != "" {
			one.URLs = []string{q.ask.Path}
		} else {
			one.APIGroups, one.Resources = []string{q.ask.Group}, []string{q.ask.Resource}
		}
		missing.Rules = append(missing.Rules, one)
		if role.Optional != "" {
			continue
		}
		e.add(area, string(role.Group), Missing, "it may not "+words(q.ask)+" (it "+rule.Why+")", "kubectl apply -f docs/rbac.yaml, or the manifest of --fix-manifest")
	}
	if refused > 0 && role.Optional != "" {
		e.add(area, role.Name, Warning, "it is left out: "+role.Optional, "if that is not meant: kubectl apply -f docs/rbac.yaml")
	}
	switch {
	case refused == 0:
		e.ok(area, string(role.Group), "it may do the %d things that it needs", len(all))
	case there: // what it lacks must not replace it
		missing.Name += "-more"
	default:
		missing.Rules = role.Rules
	}
	return missing, true
}

func words(a kube.Attributes) string {
	if a.Path != "" {
		return a.Verb + " " + a.Path
	}
	if a.Group != "" {
		return a.Verb + " " + a.Resource + "." + a.Group
	}
	return a.Verb + " " + a.Resource
}

// deliverRole warns when the agent may write to a cluster that is not being
// filled.
func (e *examination) deliverRole(ctx context.Context, area string, client Cluster, green bool) {
	allowed, err := client.Review(ctx, []string{string(access.Writers), "system:authenticated"}, kube.Attributes{Verb: "create", Group: "*", Resource: "*"})
	switch {
	case err != nil:
		e.add(area, access.DeliverRole, NotChecked, err.Error(), "run this again; the error says what the API server did")
	case allowed:
		remedy := "when no upgrade fills this cluster: kubectl delete clusterrolebinding " + access.DeliverRole
		if green {
			remedy = "if the upgrade that made this cluster has ended: kubectl delete clusterrolebinding " + access.DeliverRole
		}
		e.add(area, access.DeliverRole, Warning, "the agent may write to this cluster, as it must while it fills a green one", remedy)
	default:
		e.ok(area, access.DeliverRole, "the agent may not write to this cluster")
	}
}
