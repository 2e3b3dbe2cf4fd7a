package checks

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// soon is how far ahead maintenance counts as during the upgrade: a blue/green
// upgrade with its bakes and soak takes a day at most.
const soon = 24 * time.Hour

// dependencyNeeds are what says which databases and caches workloads use.
var dependencyNeeds = []upgrade.Part{KubeWorkloads, Services, AWSDatabases, AWSCaches}

var dependencyChecks = []Check{
	{ID: "dependency-shuts-out-green", Family: Dependencies, Title: "A database or cache lets only the present cluster in", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: append(slices.Clone(dependencyNeeds), AWSInbound, AWSNetworks),
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html", Remedy: "let in the addresses of the cluster's subnets, or, once green is made, its cluster security group", run: shutsOut},
	{ID: "dependency-health", Family: Dependencies, Title: "A database or cache that workloads use is not available", Severity: upgrade.High, Blocks: BlocksNever, Needs: dependencyNeeds,
		Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html", Remedy: "wait until it is available: an upgrade that fails its checks because of it is rolled back", run: dependencyHealth},
	{ID: "dependency-maintenance", Family: Dependencies, Title: "A database or cache may be changed during the upgrade", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: dependencyNeeds,
		Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Maintenance.html", Remedy: "upgrade the cluster at another time, or apply or postpone the maintenance first", run: dependencyMaintenance},
	{ID: "dependency-connections", Family: Dependencies, Title: "Two clusters need twice the connections", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: dependencyNeeds,
		Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections", Remedy: "compare the limit (max_connections, maxclients) with the metric DatabaseConnections or CurrConnections, twice", run: dependencyConnections},
	{ID: "dependency-single-zone", Family: Dependencies, Title: "A database or cache that workloads use is in one zone", Severity: upgrade.Low, Blocks: BlocksNever, Needs: dependencyNeeds,
		Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html", Remedy: "spread it over zones, so that trouble of one zone is not taken for the upgrade's", run: dependencyZones},
	{ID: "dependency-unknown", Family: Dependencies, Title: "A database or cache that workloads use was not found", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: dependencyNeeds,
		Source: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_CommonTasks.Connect.html", Remedy: "see by hand whether it lets a second cluster in, and whether it is there at all", run: dependencyUnknown},
	{ID: "dependency-map", Family: Dependencies, Title: "What workloads use outside the cluster", Severity: upgrade.Info, Blocks: BlocksNever, Needs: append(slices.Clone(dependencyNeeds), OuterSecrets),
		Source: "https://docs.aws.amazon.com/eks/latest/best-practices/cluster-upgrades.html", Remedy: "nothing is to be done; watch these while the cluster is upgraded", run: dependencyMap},
}

// Dependency is a database or cache that workloads use, and how that is known.
type Dependency struct {
	Store upgrade.Datastore
	Users map[upgrade.ObjectRef][]string // why: "host orders...rds.amazonaws.com", "secret db"
	Lets  []string                       // security groups of the cluster that it lets in
}

// usedOutside returns the databases and caches that workloads use, or that let the
// cluster's security groups in.
func usedOutside(v View) []Dependency {
	var out []Dependency
	around := v.AWS.Surroundings
	targets := externalNames(v)
	groups := ownGroups(v)
	for _, store := range slices.Concat(around.Databases, around.Caches) {
		d := Dependency{Store: store, Users: map[upgrade.ObjectRef][]string{}}
		names := slices.Concat(store.Hosts, store.Aliases)
		for _, w := range v.Kubernetes.Workloads {
			for _, host := range w.DependsOn.Hosts {
				switch real, external := targets(w.Object.Namespace, host); {
				case slices.Contains(names, host):
					d.Users[w.Object] = append(d.Users[w.Object], "host "+host)
				case external && slices.Contains(names, real):
					d.Users[w.Object] = append(d.Users[w.Object], "Service "+host+" (ExternalName "+real+")")
				}
			}
			for _, s := range v.Kubernetes.OuterSecrets {
				if s.Object.Namespace == w.Object.Namespace && holds(s, store.Secret) &&
					(s.Secret != "" && slices.Contains(w.DependsOn.Secrets, s.Secret) || slices.Contains(w.DependsOn.SecretClasses, s.Object.Name)) {
					d.Users[w.Object] = append(d.Users[w.Object], s.Object.Kind+" "+s.Object.Name)
				}
			}
		}
		for _, r := range store.Inbound {
			for _, g := range r.Groups {
				if slices.Contains(groups, g) && !slices.Contains(d.Lets, g) {
					d.Lets = append(d.Lets, g)
				}
			}
		}
		if len(d.Users) > 0 || len(d.Lets) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// holds reports whether an outer secret is the one of an ARN, by the ARN or by
// the name in it, which ends with a hyphen and six characters that AWS adds.
func holds(s upgrade.OuterSecret, arn string) bool {
	if arn == "" {
		return false
	}
	name := arn[strings.LastIndex(arn, ":")+1:]
	plain := name
	if i := len(name) - 7; i > 0 && name[i] == '-' {
		plain = name[:i]
	}
	return slices.ContainsFunc(s.Names, func(n string) bool { return n == arn || n == name || n == plain })
}

// externalNames resolves names of Services of type ExternalName, as a pod of a
// namespace may write them.
func externalNames(v View) func(namespace, host string) (string, bool) {
	all := map[upgrade.ObjectName]string{}
	for _, s := range v.Kubernetes.Services {
		if s.ExternalName != "" {
			all[upgrade.ObjectName{Namespace: s.Object.Namespace, Name: s.Object.Name}] = strings.ToLower(strings.TrimSuffix(s.ExternalName, "."))
		}
	}
	return func(namespace, host string) (string, bool) {
		p := strings.SplitN(host, ".", 4)
		n := upgrade.ObjectName{Namespace: namespace, Name: p[0]}
		if len(p) > 1 {
			n.Namespace = p[1]
		}
		if len(p) > 2 && p[2] != "svc" {
			return "", false
		}
		real, ok := all[n]
		return real, ok
	}
}

// ownGroups are the security groups that blue has and green will not: the one
// that EKS made, and those of blue's instances.
func ownGroups(v View) []string {
	around := v.AWS.Surroundings
	groups := slices.Clone(around.NodeSecurityGroups)
	if around.SecurityGroup != "" {
		groups = append(groups, around.SecurityGroup)
	}
	return groups
}

func (d Dependency) what() string {
	kind := "database"
	if strings.Contains(strings.ToLower(d.Store.Kind), "cache") || d.Store.Kind == "replicationGroup" {
		kind = "cache"
	}
	return kind + " " + d.Store.ID
}

// Object names it as findings do.
func (d Dependency) Object() upgrade.ObjectRef {
	kinds := map[string]upgrade.ObjectRef{
		"instance": {APIVersion: "rds.amazonaws.com", Kind: "DBInstance"}, "cluster": {APIVersion: "rds.amazonaws.com", Kind: "DBCluster"},
		"replicationGroup": {APIVersion: "elasticache.amazonaws.com", Kind: "ReplicationGroup"}, "cacheCluster": {APIVersion: "elasticache.amazonaws.com", Kind: "CacheCluster"},
		"serverlessCache": {APIVersion: "elasticache.amazonaws.com", Kind: "ServerlessCache"},
	}
	o := kinds[d.Store.Kind]
	o.Name = d.Store.ID
	return o
}

// used are the workloads that use it, with the reason of the first.
func (d Dependency) used() string {
	var names []string
	for o, why := range d.Users {
		names = append(names, o.Kind+" "+o.Namespace+"/"+o.Name+" ("+why[0]+")")
	}
	slices.Sort(names)
	return some(names)
}

// eachUsed makes findings of the databases and caches that workloads use for sure.
func eachUsed(v View, f func(Dependency) []upgrade.Finding) []upgrade.Finding {
	var out []upgrade.Finding
	for _, d := range v.outside {
		if len(d.Users) == 0 {
			continue
		}
		for _, finding := range f(d) {
			out = append(out, on(finding, d.Object()))
		}
	}
	return out
}

// shutsOut looks whether green, whose nodes are in the same subnets and have
// another security group, may connect.
func shutsOut(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for _, d := range v.outside {
		covered, lists, others := 0, 0, 0
		for _, network := range v.AWS.Surroundings.Networks {
			if slices.ContainsFunc(d.Store.Inbound, func(r upgrade.InboundRule) bool { return slices.ContainsFunc(r.Networks, covers(network)) }) {
				covered++
			}
		}
		for _, r := range d.Store.Inbound {
			lists += len(r.PrefixLists)
			others += len(r.Groups)
		}
		others -= len(d.Lets)
		subnets := len(v.AWS.Surroundings.Networks)
		port := fmt.Sprintf("port %d", d.Store.Port)
		switch {
		case subnets > 0 && covered == subnets:
		case len(d.Lets) > 0 && len(d.Users) == 0:
			out = append(out, on(at(c.finding(fmt.Sprintf("%s lets security group %s of the cluster in on %s; green has another one. No workload was found that uses it", d.what(), some(d.Lets), port), c.Remedy), upgrade.Medium), d.Object()))
		case len(d.Lets) > 0 && (lists > 0 || others > 0):
			out = append(out, on(at(c.unseen(fmt.Sprintf("%s, which %s use, lets security group %s of the cluster in on %s, and others whose members are not known; green has another one", d.what(), d.used(), some(d.Lets), port), c.Remedy), upgrade.High), d.Object()))
		case len(d.Lets) > 0:
			out = append(out, on(c.found(v, fmt.Sprintf("%s, which %s use, lets only security group %s of the cluster in on %s: green's nodes have another one and cannot connect", d.what(), d.used(), some(d.Lets), port)), d.Object()))
		case len(d.Users) > 0:
			out = append(out, on(at(c.unseen(fmt.Sprintf("by which rule %s, which %s use, lets the cluster in on %s was not seen (%d of %d subnets are let in by address)", d.what(), d.used(), port, covered, subnets), c.Remedy), upgrade.High), d.Object()))
		}
	}
	return out
}

// covers reports whether a block of addresses holds all of another.
func covers(inner string) func(outer string) bool {
	in, err := netip.ParsePrefix(inner)
	return func(outer string) bool {
		o, broken := netip.ParsePrefix(outer)
		return err == nil && broken == nil && o.Bits() <= in.Bits() && o.Contains(in.Addr())
	}
}

func dependencyHealth(v View, c Check) []upgrade.Finding {
	return eachUsed(v, func(d Dependency) []upgrade.Finding {
		if d.Store.Status == "available" {
			return nil
		}
		f := c.found(v, fmt.Sprintf("%s, which %s use, is %s", d.what(), d.used(), d.Store.Status))
		// States in which it answers all the same. Source:
		// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
		if slices.Contains([]string{"backing-up", "storage-optimization", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports", "snapshotting"}, d.Store.Status) {
			f = at(f, upgrade.Low)
		}
		return []upgrade.Finding{f}
	})
}

func dependencyMaintenance(v View, c Check) []upgrade.Finding {
	return eachUsed(v, func(d Dependency) []upgrade.Finding {
		var what []string
		opens, known := nextWindow(d.Store.Window, v.Now)
		within := known && opens.Sub(v.Now) < soon
		if within {
			for _, p := range d.Store.Pending {
				what = append(what, fmt.Sprintf("%s at %s", p, opens.Format(time.RFC3339)))
			}
		}
		if !known && len(d.Store.Pending) > 0 {
			what = append(what, d.Store.Pending...)
		}
		for _, a := range d.Store.Actions {
			if !a.At.IsZero() && a.At.Sub(v.Now) < soon {
				what = append(what, fmt.Sprintf("%s from %s on", a.Action, a.At.Format(time.RFC3339)))
			}
		}
		if len(what) == 0 {
			return nil
		}
		return []upgrade.Finding{c.found(v, fmt.Sprintf("%s, which %s use, waits for maintenance: %s", d.what(), d.used(), some(what)))}
	})
}

// nextWindow returns when a window such as "sun:05:00-sun:06:00" (UTC) opens next,
// or now while it is open.
func nextWindow(window string, now time.Time) (time.Time, bool) {
	from, to, ok := strings.Cut(window, "-")
	begin, valid := weekly(from)
	end, alsoValid := weekly(to)
	if !ok || !valid || !alsoValid {
		return time.Time{}, false
	}
	const week = 7 * 24 * time.Hour
	now = now.UTC()
	sunday := now.Truncate(24*time.Hour).AddDate(0, 0, -int(now.Weekday()))
	at := now.Sub(sunday)
	if long := (end - begin + week) % week; (at-begin+week)%week < long {
		return now, true
	}
	return now.Add((begin - at + week) % week), true
}

// weekly reads "sun:05:00" as the time since Sunday began.
func weekly(text string) (time.Duration, bool) {
	days := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	day, clock, ok := strings.Cut(strings.ToLower(strings.TrimSpace(text)), ":")
	t, err := time.Parse("15:04", clock)
	n := slices.Index(days, day)
	if !ok || err != nil || n < 0 {
		return 0, false
	}
	return time.Duration(n)*24*time.Hour + time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// dependencyConnections says that nobody knows: limits stand in parameter groups,
// by formulas of the memory of the machine.
func dependencyConnections(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var names []string
	eachUsed(v, func(d Dependency) []upgrade.Finding {
		names = append(names, d.what())
		return nil
	})
	if len(names) == 0 {
		return nil
	}
	return []upgrade.Finding{c.unseen("while both clusters run, each workload connects twice; how many connections are free was not looked at: "+some(names), c.Remedy)}
}

func dependencyZones(v View, c Check) []upgrade.Finding {
	return eachUsed(v, func(d Dependency) []upgrade.Finding {
		if d.Store.MultiZone {
			return nil
		}
		return []upgrade.Finding{c.found(v, fmt.Sprintf("%s, which %s use, is in one zone", d.what(), d.used()))}
	})
}

// dependencyUnknown names hosts that are AWS's for databases and caches, and that
// none of the region's has.
func dependencyUnknown(v View, c Check) []upgrade.Finding {
	known := map[string]bool{}
	for _, store := range slices.Concat(v.AWS.Surroundings.Databases, v.AWS.Surroundings.Caches) {
		for _, h := range store.Hosts {
			known[h] = true
		}
	}
	targets, found := externalNames(v), map[string][]string{}
	for _, w := range v.Kubernetes.Workloads {
		for _, host := range w.DependsOn.Hosts {
			if real, external := targets(w.Object.Namespace, host); external {
				host = real
			}
			if managed(host) && !known[host] && !slices.Contains(found[host], w.Object.Namespace+"/"+w.Object.Name) {
				found[host] = append(found[host], w.Object.Namespace+"/"+w.Object.Name)
			}
		}
	}
	var out []upgrade.Finding
	for _, host := range slices.Sorted(maps.Keys(found)) {
		out = append(out, c.unseen(fmt.Sprintf("%s, which %s use, is no endpoint of a database or cache of this account and region (it can be a proxy, another region's, or gone)", host, some(found[host])), c.Remedy))
	}
	return out
}

// managed reports whether a host is one that RDS or ElastiCache gives.
func managed(host string) bool {
	host = strings.TrimSuffix(host, ".cn")
	return strings.HasSuffix(host, ".rds.amazonaws.com") || strings.HasSuffix(host, ".cache.amazonaws.com")
}

func dependencyMap(v View, c Check) []upgrade.Finding {
	out := eachUsed(v, func(d Dependency) []upgrade.Finding {
		where := ""
		if d.Store.VPC != "" && d.Store.VPC != v.AWS.VPC {
			where = ", in another network (" + d.Store.VPC + ")"
		}
		return []upgrade.Finding{c.found(v, fmt.Sprintf("%s (%s %s, port %d%s): %s", d.what(), d.Store.Engine, d.Store.Version, d.Store.Port, where, d.used()))}
	})
	return out
}
