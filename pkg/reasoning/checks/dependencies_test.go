package checks_test

import (
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const ordersHost = "orders.abc.eu-west-1.rds.amazonaws.com"

// orders is a database that the frontend uses and that lets blue in only.
func orders(change func(*upgrade.Datastore, *upgrade.Workload, *reasoningtest.Cluster)) func(*upgrade.Request, *reasoningtest.Cluster) {
	return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		d := upgrade.Datastore{ID: "orders", ARN: "arn:aws:rds:eu-west-1:123456789012:db:orders", Kind: "instance", Engine: "postgres", Version: "16.3", Status: "available", Hosts: []string{ordersHost}, Port: 5432,
			VPC: "vpc-1", Groups: []string{"sg-db"}, Inbound: []upgrade.InboundRule{{Groups: []string{"sg-blue"}}}, MultiZone: true, Secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf"}
		w := &c.Kubernetes.Workloads[0]
		w.DependsOn.Hosts = []string{"example.com", ordersHost}
		if change != nil {
			change(&d, w, c)
		}
		c.AWS.Surroundings.Databases = []upgrade.Datastore{d}
	}
}

type (
	store    = upgrade.Datastore
	workload = upgrade.Workload
	place    = reasoningtest.Cluster
)

func TestDatabasesThatLetOneClusterIn(t *testing.T) {
	rules := func(all ...upgrade.InboundRule) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(d *store, _ *workload, _ *place) { d.Inbound = all })
	}
	networks := func(all ...string) upgrade.InboundRule { return upgrade.InboundRule{Networks: all} }
	groups := func(all ...string) upgrade.InboundRule { return upgrade.InboundRule{Groups: all} }
	try(t, "dependency-shuts-out-green", []trial{
		{"only the cluster's security group", orders(nil), []outcome{{upgrade.Critical, true, false, "database orders, which Deployment default/frontend (host " + ordersHost + ") use, lets only security group sg-blue of the cluster in on port 5432"}}},
		{"a security group of its nodes", orders(func(d *store, _ *workload, c *place) {
			d.Inbound, c.AWS.Surroundings.NodeSecurityGroups = []upgrade.InboundRule{groups("sg-nodes")}, []string{"sg-nodes"}
		}), []outcome{{upgrade.Critical, true, false, "sg-nodes"}}},
		{"one subnet of two by address", rules(groups("sg-blue"), networks("10.0.0.0/20")), []outcome{{upgrade.Critical, true, false, "sg-blue"}}},
		{"a part of each subnet by address", rules(groups("sg-blue"), networks("10.0.0.0/24", "10.0.16.0/24")), []outcome{{upgrade.Critical, true, false, "sg-blue"}}},
		{"no workload is known to use it", orders(func(_ *store, w *workload, _ *place) { w.DependsOn.Hosts = nil }), []outcome{{upgrade.Medium, false, false, "No workload was found"}}},
		{"others besides, whose members are not known", rules(groups("sg-blue", "sg-pods")), []outcome{{upgrade.High, false, true, "members are not known"}}},
		{"a prefix list besides", rules(groups("sg-blue"), upgrade.InboundRule{PrefixLists: []string{"pl-1"}}), []outcome{{upgrade.High, false, true, "members are not known"}}},
		{"no rule is the cluster's", rules(groups("sg-pods")), []outcome{{upgrade.High, false, true, "was not seen (0 of 2 subnets"}}},
		{"all subnets by address", rules(groups("sg-blue"), networks("10.0.0.0/16")), nil},
		{"all subnets, each by its address", rules(networks("10.0.0.0/20"), networks("10.0.16.0/20")), nil},
		{"everybody", rules(networks("0.0.0.0/0")), nil},
		{"in place", inPlace(orders(nil)), nil},
		{"a database that nobody uses", orders(func(d *store, w *workload, _ *place) {
			w.DependsOn.Hosts, d.Inbound = nil, []upgrade.InboundRule{groups("sg-else")}
		}), nil},
	})
}

func TestHowWorkloadsUseDatabases(t *testing.T) {
	external := func(host, real string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(_ *store, w *workload, c *place) {
			w.DependsOn.Hosts = []string{host}
			c.Kubernetes.Services = []upgrade.Service{{Object: upgrade.ObjectRef{APIVersion: "v1", Kind: "Service", Namespace: "default", Name: "db"}, Type: "ExternalName", ExternalName: real}}
		})
	}
	secret := func(names []string, change func(*upgrade.OuterSecret, *workload)) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(_ *store, w *workload, c *place) {
			s := upgrade.OuterSecret{Object: upgrade.ObjectRef{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Namespace: "default", Name: "db"}, Secret: "db-login", Names: names}
			w.DependsOn.Hosts, w.DependsOn.Secrets = nil, []string{"db-login"}
			if change != nil {
				change(&s, w)
			}
			c.Kubernetes.OuterSecrets = []upgrade.OuterSecret{s}
		})
	}
	says := func(text string) []outcome { return []outcome{{upgrade.Info, false, false, text}} }
	try(t, "dependency-map", []trial{
		{"by its host", orders(nil), says("database orders (postgres 16.3, port 5432): Deployment default/frontend (host " + ordersHost + ")")},
		{"by an alias", orders(func(d *store, w *workload, _ *place) {
			d.Aliases, w.DependsOn.Hosts = []string{"db.example.com"}, []string{"db.example.com"}
		}), says("host db.example.com")},
		{"by a Service", external("db", ordersHost+"."), says("Service db (ExternalName " + ordersHost + ")")},
		{"by a Service, in full", external("db.default.svc.cluster.local", ordersHost), says("Service db.default.svc")},
		{"by a secret", secret([]string{"rds!db-1"}, nil), says("ExternalSecret db")},
		{"by a secret's ARN", secret([]string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf"}, nil), says("ExternalSecret db")},
		{"by a class of a CSI volume", secret([]string{"rds!db-1"}, func(s *upgrade.OuterSecret, w *workload) {
			s.Secret, s.Object.Kind, w.DependsOn.Secrets, w.DependsOn.SecretClasses = "", "SecretProviderClass", nil, []string{"db"}
		}), says("SecretProviderClass db")},
		{"in another network", orders(func(d *store, _ *workload, _ *place) { d.VPC = "vpc-2" }), says("in another network (vpc-2)")},
		{"a Service of another namespace", external("db.other", ordersHost), nil},
		{"a host that begins like a Service", external("db.default.example.com", ordersHost), nil},
		{"a Service that leads elsewhere", external("db", "db.example.com"), nil},
		{"another secret", secret([]string{"rds!db-11"}, nil), nil},
		{"a secret that the workload does not use", secret([]string{"rds!db-1"}, func(_ *upgrade.OuterSecret, w *workload) { w.DependsOn.Secrets = []string{"other"} }), nil},
	})
	host := func(h string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(_ *store, w *workload, _ *place) { w.DependsOn.Hosts = []string{h} })
	}
	try(t, "dependency-unknown", []trial{
		{"a database that is not there", host("gone.abc.eu-west-1.rds.amazonaws.com"), []outcome{{upgrade.Medium, false, true, "gone.abc.eu-west-1.rds.amazonaws.com, which default/frontend use"}}},
		{"a cache that is not there, in China", host("s.abc.cache.amazonaws.com.cn"), []outcome{{upgrade.Medium, false, true, "s.abc.cache"}}},
		{"one that is there", orders(nil), nil},
		{"something else of AWS", host("sqs.eu-west-1.amazonaws.com"), nil},
	})
}

func TestTheStateOfDatabases(t *testing.T) {
	status := func(s string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(d *store, _ *workload, _ *place) { d.Status = s })
	}
	try(t, "dependency-health", []trial{
		{"it is stopped", inPlace(status("stopped")), []outcome{{upgrade.High, false, false, "is stopped"}}},
		{"it is backed up", status("backing-up"), []outcome{{upgrade.Low, false, false, "is backing-up"}}},
		{"it is available", status("available"), nil},
		{"nobody uses it", orders(func(d *store, w *workload, _ *place) { d.Status, w.DependsOn.Hosts = "stopped", nil }), nil},
	})
	try(t, "dependency-single-zone", []trial{
		{"one zone", orders(func(d *store, _ *workload, _ *place) { d.MultiZone = false }), []outcome{{upgrade.Low, false, false, "in one zone"}}},
		{"several", orders(nil), nil},
	})
	try(t, "dependency-connections", []trial{
		{"two clusters", orders(nil), []outcome{{upgrade.Medium, false, true, "connects twice; how many connections are free was not looked at: database orders"}}},
		{"in place", inPlace(orders(nil)), nil},
		{"nobody uses it", orders(func(_ *store, w *workload, _ *place) { w.DependsOn.Hosts = nil }), nil},
	})
}

// It is Saturday, 12:00 UTC.
func TestMaintenanceDuringTheUpgrade(t *testing.T) {
	window := func(w string, pending ...string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(d *store, _ *workload, _ *place) { d.Window, d.Pending = w, pending })
	}
	action := func(after time.Duration) func(*upgrade.Request, *reasoningtest.Cluster) {
		return orders(func(d *store, _ *workload, _ *place) {
			d.Actions = []upgrade.MaintenanceAction{{Action: "system-update", At: upgrade.At(reasoningtest.Now.Add(after))}}
		})
	}
	try(t, "dependency-maintenance", []trial{
		{"a change tomorrow", window("sun:05:00-sun:06:00", "engine version 16.4"), []outcome{{upgrade.Medium, false, false, "engine version 16.4 at 2026-08-02T05:00:00Z"}}},
		{"the window is open", window("sat:11:30-sat:12:30", "class db.r7g.large"), []outcome{{upgrade.Medium, false, false, "at 2026-08-01T12:00:00Z"}}},
		{"a window over the end of the week", window("sat:11:00-sun:01:00", "x"), []outcome{{upgrade.Medium, false, false, "2026-08-01T12:00:00Z"}}},
		{"a change and no window", window("", "engine version 16.4"), []outcome{{upgrade.Medium, false, false, "engine version 16.4"}}},
		{"an action soon", inPlace(action(3 * time.Hour)), []outcome{{upgrade.Medium, false, false, "system-update from 2026-08-01T15:00:00Z on"}}},
		{"an action that is due", action(-time.Hour), []outcome{{upgrade.Medium, false, false, "system-update"}}},
		{"a change on Monday", window("mon:05:00-mon:06:00", "engine version 16.4"), nil},
		{"a window that was over an hour ago", window("sat:10:00-sat:11:00", "engine version 16.4"), nil},
		{"a window tomorrow and nothing to do", window("sun:05:00-sun:06:00"), nil},
		{"an action next week", action(7 * 24 * time.Hour), nil},
		{"an action without a date", orders(func(d *store, _ *workload, _ *place) { d.Actions = []upgrade.MaintenanceAction{{Action: "db-upgrade"}} }), nil},
	})
}
