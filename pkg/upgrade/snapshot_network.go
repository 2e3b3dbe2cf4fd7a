package upgrade

// Surroundings is what a cluster shares with other clusters, and what its
// workloads can use outside of it, as AWS describes it. A list that is nil could
// not be seen; NotChecked says why. One that is empty was seen to be so. Tags and
// policies are anybody's: untrusted.
type Surroundings struct {
	SecurityGroup      string   `json:"securityGroup,omitempty"` // that EKS made for the cluster; a second cluster has another
	Networks           []string `json:"networks"`                // address blocks of the cluster's subnets
	NodeSecurityGroups []string `json:"nodeSecurityGroups"`      // of the cluster's instances, those that databases and caches let in

	Providers     []OIDCProvider  `json:"oidcProviders"` // all of the account
	Roles         []TrustedRole   `json:"trustedRoles"`  // those that trust the cluster's issuer
	PodIdentities []PodIdentity   `json:"podIdentities"`
	Logins        []LoginProvider `json:"loginProviders"`

	LoadBalancers []LoadBalancer `json:"loadBalancers"` // those that carry tags of a cluster
	TargetGroups  []TargetGroup  `json:"targetGroups"`  // of the cluster's VPC
	Databases     []Datastore    `json:"databases"`     // of RDS
	Caches        []Datastore    `json:"caches"`        // of ElastiCache
	Names         *NameOwners    `json:"names"`         // in the hosted zone of the upgrade; nil: not seen
}

// OIDCProvider is an issuer that IAM of the account trusts.
type OIDCProvider struct {
	ARN       string   `json:"arn"`
	Audiences []string `json:"audiences,omitempty"` // of the cluster's own only
}

// TrustedRole is an IAM role that service accounts of the cluster may take on
// (IRSA). Source:
// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
type TrustedRole struct {
	Name    string           `json:"name"`
	ARN     string           `json:"arn"`
	Size    int              `json:"size"`              // characters of its trust policy without white space, as IAM counts
	Trusts  []TrustStatement `json:"trusts,omitempty"`  // those that name the cluster's issuer
	Issuers []string         `json:"issuers,omitempty"` // all OIDC issuers that it trusts, without https://
	Denies  bool             `json:"denies,omitempty"`  // a statement of it denies something: who may take it on is not known
}

// TrustStatement says which tokens of the cluster's issuer are accepted. All
// conditions must hold; one that has none accepts every token.
type TrustStatement struct {
	Subjects  []TrustCondition `json:"subjects,omitempty"`
	Audiences []TrustCondition `json:"audiences,omitempty"`
	Others    []string         `json:"others,omitempty"` // conditions on anything else, which are not evaluated: "StringEquals aws:SourceIp"
}

// TrustCondition compares a claim of a token with values: one of them must match.
type TrustCondition struct {
	Operator string   `json:"operator"` // StringEquals, StringLike ...
	Values   []string `json:"values"`
}

// PodIdentity gives the pods of a service account a role (EKS Pod Identity).
type PodIdentity struct {
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	Addon          string `json:"addon,omitempty"` // ARN of the add-on that owns it
}

// LoginProvider lets people of an OIDC provider log in to the cluster.
type LoginProvider struct {
	Name string `json:"name"`
	Type string `json:"type"` // oidc
}

// LoadBalancer of a cluster.
type LoadBalancer struct {
	Name   string   `json:"name"`
	ARN    string   `json:"arn,omitempty"` // empty: a classic one
	Host   string   `json:"host"`
	Type   string   `json:"type"` // application, network, gateway, classic
	VPC    string   `json:"vpc,omitempty"`
	Owner  TagOwner `json:"owner"`
	Groups []string `json:"securityGroups,omitempty"`
	Zones  []string `json:"zones,omitempty"`
}

// TagOwner is which cluster's controller made a thing, as its tags say. Source:
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/configurations/
type TagOwner struct {
	Cluster string `json:"cluster,omitempty"` // empty: no controller's
	Stack   string `json:"stack,omitempty"`   // "default/web" or the name of an Ingress group
	By      string `json:"by,omitempty"`      // controller, autoMode, cloudProvider
}

// TargetGroup of a load balancer.
type TargetGroup struct {
	Name          string        `json:"name"`
	ARN           string        `json:"arn"`
	Type          string        `json:"type"` // instance, ip, lambda, alb
	Protocol      string        `json:"protocol,omitempty"`
	Port          int           `json:"port,omitempty"`
	LoadBalancers []string      `json:"loadBalancers,omitempty"` // ARNs
	Owner         TagOwner      `json:"owner,omitzero"`
	Targets       *TargetHealth `json:"targets,omitempty"`             // nil: not seen, or another cluster's
	Delay         *int          `json:"deregistrationDelay,omitempty"` // seconds; nil: likewise
}

// TargetHealth counts the targets of a target group by state.
type TargetHealth struct {
	Healthy   int    `json:"healthy"`
	Unhealthy int    `json:"unhealthy"`
	Draining  int    `json:"draining"`
	Other     int    `json:"other"`         // initial, unused, unavailable
	Why       string `json:"why,omitempty"` // of one that is unhealthy
}

// Datastore is a database of RDS or a cache of ElastiCache.
type Datastore struct {
	ID        string              `json:"id"`
	ARN       string              `json:"arn"`
	Kind      string              `json:"kind"` // instance, cluster, replicationGroup, cacheCluster, serverlessCache
	Engine    string              `json:"engine,omitempty"`
	Version   string              `json:"version,omitempty"`
	Status    string              `json:"status"`
	Hosts     []string            `json:"hosts,omitempty"`   // of its endpoints, lower case
	Aliases   []string            `json:"aliases,omitempty"` // CNAMEs of the upgrade's hosted zone that lead to a host
	Port      int                 `json:"port,omitempty"`
	VPC       string              `json:"vpc,omitempty"` // empty: not known
	Groups    []string            `json:"securityGroups,omitempty"`
	Inbound   []InboundRule       `json:"inbound"`             // of its security groups, for its port; nil: not seen
	Secret    string              `json:"secretArn,omitempty"` // of its master user, in Secrets Manager
	MultiZone bool                `json:"multiZone"`
	Window    string              `json:"maintenanceWindow,omitempty"` // "sun:05:00-sun:06:00", UTC
	Pending   []string            `json:"pending,omitempty"`           // changes that the next window makes: "engine version 16.4"
	Actions   []MaintenanceAction `json:"actions,omitempty"`
}

// InboundRule is who may connect to a port.
type InboundRule struct {
	Groups      []string `json:"groups,omitempty"`
	Networks    []string `json:"networks,omitempty"` // address blocks
	PrefixLists []string `json:"prefixLists,omitempty"`
}

// MaintenanceAction waits to be done to a database.
type MaintenanceAction struct {
	Action      string `json:"action"` // system-update, db-upgrade ...
	Description string `json:"description,omitempty"`
	At          Time   `json:"at,omitzero"`      // when it will be done; zero: nobody said
	Forced      bool   `json:"forced,omitempty"` // At is when it is done whatever people want
}

// NameOwners is who made the records of a hosted zone, as external-dns notes it
// in TXT records. Source:
// https://kubernetes-sigs.github.io/external-dns/latest/docs/registry/txt/
type NameOwners struct {
	Zone      string         `json:"zone,omitempty"` // empty: the upgrade names none
	Records   int            `json:"records"`
	Owners    map[string]int `json:"owners,omitempty"`    // number of TXT records by owner id
	Encrypted int            `json:"encrypted,omitempty"` // TXT records that look like encrypted ones of external-dns
	Traffic   []OwnedName    `json:"traffic,omitempty"`   // TXT records that can be about the name that the upgrade shifts
}

// OwnedName is one TXT record of external-dns.
type OwnedName struct {
	Name     string `json:"name"`            // of the TXT record, without the last dot
	SetID    string `json:"setId,omitempty"` // of a weighted record set
	Owner    string `json:"owner"`
	Resource string `json:"resource,omitempty"` // "ingress/default/web"
}
