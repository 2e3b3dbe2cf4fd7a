package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// trial changes a healthy cluster and says what one check finds then.
type trial struct {
	name   string
	change func(*upgrade.Request, *reasoningtest.Cluster)
	want   []outcome
}

// outcome is a finding, as far as a test is about it.
type outcome struct {
	severity   upgrade.Severity
	blocks     bool
	notChecked bool
	says       string
}

// try runs the trials of one check.
func try(t *testing.T, check string, trials []trial) {
	t.Helper()
	for _, tt := range trials {
		t.Run(check+"/"+tt.name, func(t *testing.T) {
			t.Helper()
			var got []upgrade.Finding
			for _, f := range run(t, tt.change) {
				if f.Check == check {
					got = append(got, f)
				}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%d findings, want %d: %+v", len(got), len(tt.want), got)
			}
			for i, w := range tt.want {
				g := got[i]
				if g.Severity != w.severity || g.Blocks != w.blocks || g.NotChecked != w.notChecked || !strings.Contains(g.Evidence+" REMEDY "+g.Remedy, w.says) {
					t.Errorf("finding %+v, want %+v", g, w)
				}
			}
		})
	}
}

const (
	ordersRole = "arn:aws:iam::123456789012:role/app/orders"
	issuerOf   = reasoningtest.Issuer
)

func account(name, arn string) upgrade.ServiceAccount {
	return upgrade.ServiceAccount{Object: upgrade.ObjectRef{APIVersion: "v1", Kind: "ServiceAccount", Namespace: "default", Name: name}, RoleARN: arn}
}

func trusting(operator string, subjects ...string) upgrade.TrustedRole {
	return upgrade.TrustedRole{Name: "orders", ARN: ordersRole, Size: 400, Issuers: []string{issuerOf}, Trusts: []upgrade.TrustStatement{{
		Subjects: []upgrade.TrustCondition{{Operator: operator, Values: subjects}}, Audiences: []upgrade.TrustCondition{{Operator: "StringEquals", Values: []string{"sts.amazonaws.com"}}}}}}
}

// irsa gives service account default/orders the role, as it should be.
func irsa(change func(r *upgrade.TrustedRole)) func(*upgrade.Request, *reasoningtest.Cluster) {
	return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		r := trusting("StringEquals", "system:serviceaccount:default:orders")
		if change != nil {
			change(&r)
		}
		c.Kubernetes.ServiceAccounts = []upgrade.ServiceAccount{account("orders", ordersRole)}
		c.AWS.Surroundings.Roles = []upgrade.TrustedRole{r}
		c.AWS.Surroundings.Providers = []upgrade.OIDCProvider{{ARN: "arn:aws:iam::123456789012:oidc-provider/" + issuerOf, Audiences: []string{"sts.amazonaws.com"}}}
	}
}

func inPlace(change func(*upgrade.Request, *reasoningtest.Cluster)) func(*upgrade.Request, *reasoningtest.Cluster) {
	return func(r *upgrade.Request, c *reasoningtest.Cluster) {
		change(r, c)
		r.Strategy = upgrade.InPlace
	}
}

func TestRolesThatASecondClusterCannotTakeOn(t *testing.T) {
	const statement = `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/GREEN"},"Action":"sts:AssumeRoleWithWebIdentity",` +
		`"Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/GREEN:aud":["sts.amazonaws.com"],"oidc.eks.eu-west-1.amazonaws.com/id/GREEN:sub":["system:serviceaccount:default:orders"]}}}`
	try(t, "irsa-trust-green", []trial{
		{"a role of a service account", irsa(nil), []outcome{{upgrade.High, false, false, "role orders of default/orders trusts tokens of " + issuerOf}}},
		{"the remedy is the statement", irsa(nil), []outcome{{upgrade.High, false, false, statement}}},
		{"it needs a raised quota", irsa(func(r *upgrade.TrustedRole) { r.Size = 1900 }), []outcome{{upgrade.High, false, false, "2048 unless the quota is raised"}}},
		{"it does not fit", irsa(func(r *upgrade.TrustedRole) { r.Size = 4000 }), []outcome{{upgrade.High, false, false, "has no room for green"}}},
		{"it trusts others too", irsa(func(r *upgrade.TrustedRole) { r.Issuers = append(r.Issuers, "a", "b") }), []outcome{{upgrade.High, false, false, "(and 2 other issuers)"}}},
		{"a role of an add-on", func(_ *upgrade.Request, c *reasoningtest.Cluster) {
			r := trusting("StringEquals", "system:serviceaccount:kube-system:aws-node")
			r.Name, r.ARN = "cni", c.AWS.Addons[1].RoleARN
			c.AWS.Surroundings.Roles = []upgrade.TrustedRole{r}
		}, []outcome{{upgrade.High, false, false, "of add-on vpc-cni trusts"}}},
		{"nobody uses it", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			irsa(nil)(r, c)
			c.Kubernetes.ServiceAccounts = []upgrade.ServiceAccount{}
		}, []outcome{{upgrade.Low, false, false, "no service account that was seen names it"}}},
		{"a role of another account", func(_ *upgrade.Request, c *reasoningtest.Cluster) {
			c.Kubernetes.ServiceAccounts = []upgrade.ServiceAccount{account("orders", "arn:aws:iam::999999999999:role/orders")}
		}, []outcome{{upgrade.High, false, true, "account 999999999999"}}},
		{"the cluster itself is upgraded", inPlace(irsa(nil)), nil},
		{"no roles", nil, nil},
	})
}

func TestRolesThatTheirServiceAccountsCannotTakeOn(t *testing.T) {
	with := func(r upgrade.TrustedRole) func(*upgrade.Request, *reasoningtest.Cluster) {
		return irsa(func(have *upgrade.TrustedRole) { *have = r })
	}
	condition := func(operator, value string) upgrade.TrustedRole { return trusting(operator, value) }
	other := condition("StringEquals", "system:serviceaccount:default:orders")
	other.Trusts[0].Audiences[0].Values = []string{"vault"}
	unsure := condition("StringEquals", "system:serviceaccount:default:cart")
	unsure.Trusts[0].Subjects[0].Operator = "StringNotEquals"
	denies := condition("StringEquals", "system:serviceaccount:default:cart")
	denies.Denies = true
	second := condition("StringEquals", "system:serviceaccount:default:cart")
	second.Trusts = append(second.Trusts, condition("StringLike", "system:serviceaccount:*:ord?rs").Trusts...)
	try(t, "irsa-trust", []trial{
		{"it trusts another service account", with(condition("StringEquals", "system:serviceaccount:default:cart")), []outcome{{upgrade.Medium, false, false, "not service account default/orders"}}},
		{"its pattern is not one", with(condition("StringEquals", "system:serviceaccount:default:*")), []outcome{{upgrade.Medium, false, false, "not service account"}}},
		{"its pattern is of another namespace", with(condition("StringLike", "system:serviceaccount:prod-*:*")), []outcome{{upgrade.Medium, false, false, "not service account"}}},
		{"it wants another audience", with(other), []outcome{{upgrade.Medium, false, false, "not service account"}}},
		{"it is gone", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			irsa(nil)(r, c)
			c.AWS.Surroundings.Roles = []upgrade.TrustedRole{}
		}, []outcome{{upgrade.Medium, false, false, "does not trust"}}},
		{"it trusts it by name", irsa(nil), nil},
		{"it trusts it by a pattern", with(condition("StringLike", "system:serviceaccount:def*:*")), nil},
		{"its second statement does", with(second), nil},
		{"it trusts everybody", irsa(func(r *upgrade.TrustedRole) { r.Trusts = []upgrade.TrustStatement{{}} }), nil},
		{"its condition is not understood", with(unsure), nil},
		{"it denies something", with(denies), nil},
		{"it is of another account", func(_ *upgrade.Request, c *reasoningtest.Cluster) {
			c.Kubernetes.ServiceAccounts = []upgrade.ServiceAccount{account("orders", "arn:aws:iam::999999999999:role/orders")}
		}, nil},
		{"also in place", inPlace(with(condition("StringEquals", "x"))), []outcome{{upgrade.Medium, false, false, "orders"}}},
	})
}

func TestProvidersOfTheAccount(t *testing.T) {
	many := func(n int) func(*upgrade.Request, *reasoningtest.Cluster) {
		return func(r *upgrade.Request, c *reasoningtest.Cluster) {
			irsa(nil)(r, c)
			for i := 1; i < n; i++ {
				c.AWS.Surroundings.Providers = append(c.AWS.Surroundings.Providers, upgrade.OIDCProvider{ARN: fmt.Sprint("arn:aws:iam::123456789012:oidc-provider/", i)})
			}
		}
	}
	try(t, "oidc-provider-quota", []trial{
		{"no room", many(100), []outcome{{upgrade.High, false, false, "100 OpenID Connect providers"}}},
		{"room for one", many(99), nil},
		{"in place", inPlace(many(100)), nil},
		{"nobody has roles", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			many(100)(r, c)
			c.AWS.Surroundings.Roles = []upgrade.TrustedRole{}
		}, nil},
	})
	try(t, "oidc-provider", []trial{
		{"none of the cluster", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			irsa(nil)(r, c)
			c.AWS.Surroundings.Providers[0].ARN += "2"
		}, []outcome{{upgrade.Medium, false, false, "no OpenID Connect provider of " + issuerOf}}},
		{"another audience", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			irsa(nil)(r, c)
			c.AWS.Surroundings.Providers[0].Audiences = []string{"vault"}
		}, []outcome{{upgrade.Medium, false, false, "audience"}}},
		{"as it should be", irsa(nil), nil},
		{"none, and nobody needs it", nil, nil},
	})
}

func TestWhatASecondClusterDoesNotKnow(t *testing.T) {
	associations := func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		c.AWS.Surroundings.PodIdentities = []upgrade.PodIdentity{{Namespace: "default", ServiceAccount: "cart"}, {Namespace: "kube-system", ServiceAccount: "ebs-csi", Addon: "arn:aws:eks:eu-west-1:123456789012:addon/shop/ebs/1"}}
	}
	try(t, "pod-identity-green", []trial{
		{"an association", associations, []outcome{{upgrade.High, false, false, "1 service accounts have roles by Pod Identity, of which green knows nothing: default/cart"}}},
		{"in place", inPlace(associations), nil},
		{"only the add-ons'", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			associations(r, c)
			c.AWS.Surroundings.PodIdentities = c.AWS.Surroundings.PodIdentities[1:]
		}, nil},
	})
	logins := func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		c.AWS.Surroundings.Logins = []upgrade.LoginProvider{{Name: "staff", Type: "oidc"}}
	}
	try(t, "login-providers-green", []trial{
		{"a provider", logins, []outcome{{upgrade.Medium, false, false, "oidc provider staff"}}},
		{"in place", inPlace(logins), nil},
		{"none", nil, nil},
	})
}

func TestIssuers(t *testing.T) {
	says := func(issuer string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return func(_ *upgrade.Request, c *reasoningtest.Cluster) { c.Kubernetes.Issuer = issuer }
	}
	try(t, "service-account-issuer", []trial{
		{"another", says("https://kubernetes.default.svc"), []outcome{{upgrade.High, false, false, "the API server says https://kubernetes.default.svc, EKS says https://" + issuerOf}}},
		{"not seen", says(""), []outcome{{upgrade.Info, false, true, "was not seen"}}},
		{"the same with a slash", says("https://" + issuerOf + "/"), nil},
	})
}

func TestSurroundingsThatWereNotSeenAreNamed(t *testing.T) {
	findings := run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		c.AWS.Surroundings.Roles = nil
		c.NotChecked = []upgrade.NotChecked{{Part: "aws.trustedRoles", What: "roles", Why: "AccessDenied", Remedy: "allow iam:ListRoles"}}
	})
	if len(findings) != 1 || !findings[0].NotChecked || findings[0].Remedy != "allow iam:ListRoles" {
		t.Errorf("findings %+v", findings)
	}
	if all := run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) { c.AWS.Surroundings = nil }); len(all) == 0 || slices.ContainsFunc(all, func(f upgrade.Finding) bool { return !f.NotChecked }) {
		t.Errorf("findings %+v", all)
	}
}
