package checks

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	irsaGuide = "https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html"
	iamQuotas = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
	// Quotas of IAM: characters of a trust policy by default and at most, and
	// OpenID Connect providers of an account by default.
	trustSize, maxTrustSize, maxProviders = 2048, 4096, 100
)

var identityChecks = []Check{
	{ID: "irsa-trust-green", Family: Identity, Title: "IAM role does not trust a second cluster's service accounts", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSTrustedRoles, AWSAddons, ServiceAccounts},
		Source: irsaGuide, Remedy: "add green's issuer to the role's trust policy, or use EKS Pod Identity", run: trustOfGreen},
	{ID: "irsa-trust", Family: Identity, Title: "IAM role does not trust the service account that names it", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSTrustedRoles, ServiceAccounts},
		Source: irsaGuide, Remedy: "let the role's trust policy accept the service account, or remove the annotation eks.amazonaws.com/role-arn", run: trustOfBlue},
	{ID: "oidc-provider", Family: Identity, Title: "IAM does not trust the cluster's issuer of tokens", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSProviders, ServiceAccounts},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html", Remedy: "make an OpenID Connect provider of the cluster's issuer with the audience sts.amazonaws.com", run: ownProvider},
	{ID: "oidc-provider-quota", Family: Identity, Title: "No room for another OpenID Connect provider", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSProviders, AWSTrustedRoles},
		Source: iamQuotas, Remedy: "remove providers of clusters that are gone, or have the quota raised", run: providerRoom},
	{ID: "pod-identity-green", Family: Identity, Title: "A second cluster has no Pod Identity associations", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSPodIdentities},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html", Remedy: "make the same associations on green before its workloads start: aws eks create-pod-identity-association", run: podIdentities},
	{ID: "login-providers-green", Family: Identity, Title: "People cannot log in to a second cluster as they do now", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSLoginProviders},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/authenticate-oidc-identity-provider.html", Remedy: "associate the identity provider with green too: aws eks associate-identity-provider-config", run: loginProviders},
	{ID: "service-account-issuer", Family: Identity, Title: "The API server issues tokens of another issuer than EKS says", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, Cluster},
		Source: irsaGuide, Remedy: "trust the issuer that the API server names in IAM and in other verifiers of tokens; if it is a proxy's, look past it", run: issuer},
}

// users are who uses roles, by ARN: "default/orders", "add-on vpc-cni".
func users(v View) map[string][]string {
	out := map[string][]string{}
	for _, a := range v.Kubernetes.ServiceAccounts {
		out[a.RoleARN] = append(out[a.RoleARN], a.Object.Namespace+"/"+a.Object.Name)
	}
	for _, a := range v.AWS.Addons {
		if a.RoleARN != "" && len(out[a.RoleARN]) == 0 {
			out[a.RoleARN] = append(out[a.RoleARN], "add-on "+a.Name)
		}
	}
	return out
}

// accountOf is the account in an ARN.
func accountOf(arn string) string {
	if p := strings.SplitN(arn, ":", 6); len(p) == 6 {
		return p[4]
	}
	return ""
}

func role(arn string) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "iam.amazonaws.com", Kind: "Role", Name: path.Base(arn)}
}

func (v View) issuer() string {
	return strings.TrimSuffix(strings.TrimPrefix(v.AWS.OIDCIssuer, "https://"), "/")
}

// trustOfGreen names the roles that green's service accounts cannot take on:
// its issuer is not known before green is made, so no role can trust it.
func trustOfGreen(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	by := users(v)
	for _, r := range v.AWS.Surroundings.Roles {
		who := by[r.ARN]
		delete(by, r.ARN)
		statement := trustStatement(r, v.issuer())
		need := r.Size + len(statement) + 1
		room := fmt.Sprintf("its trust policy has %d characters and needs %d then", r.Size, need)
		remedy := "once green is made and its issuer has an OpenID Connect provider in IAM, add to the trust policy, with green's issuer for GREEN: " + statement
		switch {
		case need > maxTrustSize:
			room += fmt.Sprintf("; IAM takes %d at most", maxTrustSize)
			remedy = "the trust policy has no room for green: take what is not needed out of it, make green's service accounts a role of their own, or use EKS Pod Identity"
		case need > trustSize:
			room += fmt.Sprintf("; IAM takes %d unless the quota is raised (to %d at most)", trustSize, maxTrustSize)
		}
		others := ""
		if len(r.Issuers) > 1 {
			others = fmt.Sprintf(" (and %d other issuers)", len(r.Issuers)-1)
		}
		if len(who) == 0 {
			out = append(out, on(at(c.finding(fmt.Sprintf("role %s trusts %s%s; no service account that was seen names it; %s", r.Name, v.issuer(), others, room), remedy), upgrade.Low), role(r.ARN)))
			continue
		}
		slices.Sort(who)
		out = append(out, on(c.finding(fmt.Sprintf("role %s of %s trusts tokens of %s%s, and green's have another issuer; %s", r.Name, some(who), v.issuer(), others, room), remedy), role(r.ARN)))
	}
	for _, arn := range slices.Sorted(maps.Keys(by)) {
		if accountOf(arn) != accountOf(v.AWS.ARN) && accountOf(arn) != "" {
			out = append(out, on(c.unseen(fmt.Sprintf("role %s of %s is of account %s, whose trust policies are not seen from here; green's tokens have another issuer", path.Base(arn), some(by[arn]), accountOf(arn)),
				"have green's issuer trusted there: by an OpenID Connect provider of that account and by the role's trust policy"), role(arn)))
		}
	}
	return out
}

// trustStatement is what the trust policy of a role needs for a second cluster:
// what it says of the first, of issuer GREEN.
func trustStatement(r upgrade.TrustedRole, issuer string) string {
	green := path.Join(path.Dir(issuer), "GREEN")
	partition := "aws"
	if p := strings.SplitN(r.ARN, ":", 3); len(p) == 3 {
		partition = p[1]
	}
	conditions := map[string]map[string][]string{}
	for _, t := range r.Trusts {
		for claim, all := range map[string][]upgrade.TrustCondition{"sub": t.Subjects, "aud": t.Audiences} {
			for _, one := range all {
				if conditions[one.Operator] == nil {
					conditions[one.Operator] = map[string][]string{}
				}
				have := append(conditions[one.Operator][green+":"+claim], one.Values...)
				slices.Sort(have)
				conditions[one.Operator][green+":"+claim] = slices.Compact(have)
			}
		}
	}
	s := struct {
		Effect    string
		Principal map[string]string
		Action    string
		Condition map[string]map[string][]string `json:",omitempty"`
	}{"Allow", map[string]string{"Federated": "arn:" + partition + ":iam::" + accountOf(r.ARN) + ":oidc-provider/" + green}, "sts:AssumeRoleWithWebIdentity", conditions}
	text, err := json.Marshal(s)
	if err != nil {
		return "" // texts and lists of texts only
	}
	return string(text)
}

// admits says whether a role accepts the tokens of a service account; known is
// false when its policy has what is not evaluated here.
func admits(r upgrade.TrustedRole, account upgrade.ObjectRef) (yes, known bool) {
	subject := "system:serviceaccount:" + account.Namespace + ":" + account.Name
	known = !r.Denies
	for _, t := range r.Trusts {
		fits, sure := true, len(t.Others) == 0
		for claim, all := range map[string][]upgrade.TrustCondition{subject: t.Subjects, "sts.amazonaws.com": t.Audiences} {
			for _, one := range all {
				switch strings.TrimSuffix(one.Operator, "IfExists") {
				case "StringEquals", "ForAnyValue:StringEquals":
					fits = fits && slices.Contains(one.Values, claim)
				case "StringLike", "ForAnyValue:StringLike":
					fits = fits && slices.ContainsFunc(one.Values, func(pattern string) bool { return glob(pattern, claim) })
				default:
					sure = false
				}
			}
		}
		if fits && sure {
			return true, known
		}
		known = known && (sure || !fits)
	}
	return false, known
}

// glob matches * and ? as IAM does.
func glob(pattern, text string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*':
			for j := 0; j <= len(text); j++ {
				if glob(pattern[i+1:], text[j:]) {
					return true
				}
			}
			return false
		case '?':
			if text == "" {
				return false
			}
		default:
			if text == "" || text[0] != pattern[i] {
				return false
			}
		}
		text = text[1:]
	}
	return text == ""
}

func trustOfBlue(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.Kubernetes.ServiceAccounts {
		if accountOf(a.RoleARN) != accountOf(v.AWS.ARN) {
			continue // of another account: not seen
		}
		i := slices.IndexFunc(v.AWS.Surroundings.Roles, func(r upgrade.TrustedRole) bool { return r.ARN == a.RoleARN })
		if i < 0 {
			out = append(out, on(c.found(v, fmt.Sprintf("role %s does not trust %s, or is gone: pods of %s/%s get no credentials", path.Base(a.RoleARN), v.issuer(), a.Object.Namespace, a.Object.Name)), a.Object))
			continue
		}
		if yes, known := admits(v.AWS.Surroundings.Roles[i], a.Object); known && !yes {
			out = append(out, on(c.found(v, fmt.Sprintf("role %s trusts the cluster, but not service account %s/%s: its pods get no credentials", path.Base(a.RoleARN), a.Object.Namespace, a.Object.Name)), a.Object))
		}
	}
	return out
}

func ownProvider(v View, c Check) []upgrade.Finding {
	if len(v.Kubernetes.ServiceAccounts) == 0 || v.issuer() == "" {
		return nil
	}
	i := slices.IndexFunc(v.AWS.Surroundings.Providers, func(p upgrade.OIDCProvider) bool { return strings.HasSuffix(p.ARN, ":oidc-provider/"+v.issuer()) })
	switch {
	case i < 0:
		return []upgrade.Finding{c.found(v, fmt.Sprintf("%d service accounts name IAM roles, and IAM has no OpenID Connect provider of %s", len(v.Kubernetes.ServiceAccounts), v.issuer()))}
	case !slices.Contains(v.AWS.Surroundings.Providers[i].Audiences, "sts.amazonaws.com"):
		return []upgrade.Finding{c.found(v, fmt.Sprintf("the OpenID Connect provider of %s does not accept the audience sts.amazonaws.com, which the tokens of %d service accounts with IAM roles have", v.issuer(), len(v.Kubernetes.ServiceAccounts)))}
	}
	return nil
}

func providerRoom(v View, c Check) []upgrade.Finding {
	n := len(v.AWS.Surroundings.Providers)
	if v.Request.Strategy != upgrade.BlueGreen || len(v.AWS.Surroundings.Roles) == 0 || n < maxProviders {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("the account has %d OpenID Connect providers; IAM takes %d unless the quota is raised, and green needs one", n, maxProviders))}
}

func podIdentities(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var names []string
	for _, a := range v.AWS.Surroundings.PodIdentities {
		if a.Addon == "" {
			names = append(names, a.Namespace+"/"+a.ServiceAccount)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("%d service accounts have roles by Pod Identity, of which green knows nothing: %s", len(names), some(names)))}
}

func loginProviders(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for _, p := range v.AWS.Surroundings.Logins {
		out = append(out, on(c.found(v, fmt.Sprintf("people log in by %s provider %s, which green does not know", p.Type, p.Name)),
			upgrade.ObjectRef{APIVersion: "eks.amazonaws.com", Kind: "IdentityProviderConfig", Name: p.Name}))
	}
	return out
}

func issuer(v View, c Check) []upgrade.Finding {
	if v.Kubernetes.Issuer == "" || v.issuer() == "" {
		return []upgrade.Finding{at(c.unseen("the issuer of service account tokens was not seen, of the API server or of EKS", "let the agent read /.well-known/openid-configuration of the API server"), upgrade.Info)}
	}
	if strings.TrimSuffix(v.Kubernetes.Issuer, "/") == "https://"+v.issuer() {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("the API server says %s, EKS says https://%s", v.Kubernetes.Issuer, v.issuer()))}
}
