package rehearsal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
)

// ownerRole is the role of those around the agent: of people, and of what looks
// on.
const ownerRole = "rehearsal-owner"

// names say what the agent's roles may touch.
func (s *stage) names() access.Names {
	return access.Names{Partition: "aws", Account: s.world.Account(), Region: s.world.Region(), Clusters: []string{Cluster, Green},
		HostedZones: []string{s.zone}, Roles: []string{"shop-cluster", "shop-nodes"}, Source: "arn:aws:s3:::eks-upgrade-source/source.zip"}
}

// createOwners makes the roles of the clusters and of those around the agent,
// which the owner of the account has.
func (s *stage) createOwners(ctx context.Context) error {
	for role, service := range map[string]string{"shop-cluster": "eks.amazonaws.com", "shop-nodes": "ec2.amazonaws.com", ownerRole: "ec2.amazonaws.com"} {
		if err := s.createRole(ctx, access.Role{Name: role, Service: service}); err != nil {
			return err
		}
	}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	if _, err := iam.NewFromConfig(s.aws).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(ownerRole), PolicyName: aws.String("all"), PolicyDocument: &all}); err != nil {
		return fmt.Errorf("put the policy of role %s: %w", ownerRole, err)
	}
	for _, caller := range unwatched {
		s.world.Judge().SetFunctionRole(caller, s.names().Role(ownerRole))
	}
	return nil
}

// createRoles makes the agent's roles, with the permissions that the stack gives
// them.
func (s *stage) createRoles(ctx context.Context) error {
	for _, role := range access.Roles(s.names()) {
		if err := s.createRole(ctx, role); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) createRole(ctx context.Context, role access.Role) error {
	api := iam.NewFromConfig(s.aws)
	if _, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role.Name, AssumeRolePolicyDocument: aws.String(role.Trust())}); err != nil {
		return fmt.Errorf("create role %s: %w", role.Name, err)
	}
	if len(role.Statements) == 0 {
		return nil
	}
	if _, err := api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role.Name, PolicyName: aws.String("own"), PolicyDocument: aws.String(access.Document(role.Statements))}); err != nil {
		return fmt.Errorf("put the policy of role %s: %w", role.Name, err)
	}
	return nil
}

// admitAgent lets the agent into blue as a person does: by the manifest and by access
// entries.
func (s *stage) admitAgent(ctx context.Context) error {
	if err := s.applyManifest(ctx); err != nil {
		return err
	}
	if err := s.openCustomResources(ctx); err != nil {
		return err
	}
	for _, e := range access.Entries() {
		if _, err := eks.NewFromConfig(s.aws).CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{ClusterName: aws.String(Cluster), PrincipalArn: aws.String(s.names().Role(e.Role)),
			KubernetesGroups: []string{string(e.Group)}}); err != nil {
			return fmt.Errorf("let %s into %s: %w", e.Role, Cluster, err)
		}
	}
	return nil
}

// applyManifest gives the groups of the agent's roles their permissions in blue.
func (s *stage) applyManifest(ctx context.Context) error {
	rc, err := s.fleet.RESTConfig(Cluster)
	if err != nil {
		return err
	}
	client, err := kube.New(rc, Cluster, kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	if err != nil {
		return err
	}
	for _, o := range access.Objects(false) {
		if _, err := client.Apply(ctx, &unstructured.Unstructured{Object: o}, "kubectl", false); err != nil {
			return fmt.Errorf("let the agent into %s: %w", Cluster, err)
		}
	}
	return nil
}

// openCustomResources lets the scan build read the custom resources of blue, as
// docs/proof.md says: their makers' own roles do not.
func (s *stage) openCustomResources(ctx context.Context) error {
	all, err := manifests.Read(s.o.Manifests...)
	if err != nil {
		return err
	}
	groups := map[string]bool{}
	for _, m := range all {
		if group, _, _ := unstructured.NestedString(m.Object.Object, "spec", "group"); m.Object.GetKind() == "CustomResourceDefinition" {
			groups[group] = true
		}
	}
	if len(groups) == 0 {
		return nil
	}
	rc, err := s.fleet.RESTConfig(Cluster)
	if err != nil {
		return err
	}
	client, err := kube.New(rc, Cluster, kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	if err != nil {
		return err
	}
	role := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": map[string]any{"name": "custom-resources-for-proofs", "labels": map[string]any{access.ProveLabel: "true"}},
		"rules":    []any{map[string]any{"apiGroups": anys(slices.Sorted(maps.Keys(groups))), "resources": []any{"*"}, "verbs": []any{"list"}}}}}
	if _, err := client.Apply(ctx, role, "kubectl", false); err != nil {
		return fmt.Errorf("let the scan read the custom resources of %s: %w", Cluster, err)
	}
	return nil
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// ApplyManifest does in blue what a person does with what `eks-upgrade access
// --output manifest` prints.
func (s Site) ApplyManifest(ctx context.Context) error { return s.stage.applyManifest(ctx) }

// sessionAge is after how much simulated time a function gets new credentials:
// well within the twelve hours that they last.
const sessionAge = 6 * time.Hour

// asFunction returns the configuration of a function's handler: with the
// credentials of the function's role, as Lambda gives them.
func (s *stage) asFunction(name string) aws.Config {
	cfg := s.as(name)
	var mu sync.Mutex
	var held aws.Credentials
	var since time.Time
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := s.clock.Now(); held.AccessKeyID == "" || now.Sub(since) > sessionAge {
			c := s.world.STS().Issue(s.names().Role(name), name)
			held, since = aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, now
		}
		return held, nil
	})
	return cfg
}
