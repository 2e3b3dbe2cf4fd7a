package validation_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
)

func cluster(status types.ClusterStatus, version string, issues ...types.ClusterIssue) types.Cluster {
	return types.Cluster{Status: status, Version: &version, Health: &types.ClusterHealth{Issues: issues}}
}

func TestClusterActive(t *testing.T) {
	for what, c := range map[string]struct {
		eks    account
		status upgrade.Status
		text   string
	}{
		"active at the version": {account{"g": cluster("ACTIVE", "1.35")}, upgrade.Pass, "ACTIVE at 1.35"},
		"another version":       {account{"g": cluster("ACTIVE", "1.34")}, upgrade.Fail, "1.34 instead of 1.35"},
		"health issues":         {account{"g": cluster("ACTIVE", "1.35", types.ClusterIssue{Code: "KmsKeyDisabled", Message: aws.String("key off")})}, upgrade.Fail, "KmsKeyDisabled: key off"},
		"failed":                {account{"g": cluster("FAILED", "1.35")}, upgrade.Fail, "FAILED"},
		"deleting":              {account{"g": cluster("DELETING", "1.35")}, upgrade.Fail, "DELETING"},
		"updating":              {account{"g": cluster("UPDATING", "1.35")}, upgrade.Inconclusive, "UPDATING"},
		"creating":              {account{"g": cluster("CREATING", "1.35")}, upgrade.Inconclusive, "CREATING"},
		"gone":                  {account{}, upgrade.Fail, "no such cluster"},
		"no answer":             {account{"g": cluster("unreachable", "")}, upgrade.Inconclusive, ""},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.ClusterActive{EKS: c.eks}.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Version: upgrade.Version{Major: 1, Minor: 35}})
			want(t, got, err, c.status, c.text)
		})
	}
}

// A protected blue would be found out at the very last step, which then takes
// the whole upgrade back.
func TestABlueThatMayNotBeDeletedIsFoundBeforeAnythingChanges(t *testing.T) {
	protected := cluster("ACTIVE", "1.34")
	protected.DeletionProtection = aws.Bool(true)
	destroy := upgrade.Plan{Mode: upgrade.Forward, Cluster: "b", Green: "g", Steps: []upgrade.Step{{Kind: upgrade.StepDecommission}}}
	keep := upgrade.Plan{Mode: upgrade.Forward, Cluster: "b", Green: "g", Steps: []upgrade.Step{{Kind: upgrade.StepSoak}}}
	for what, c := range map[string]struct {
		cluster string
		plan    upgrade.Plan
		status  upgrade.Status
	}{
		"blue is to go": {"b", destroy, upgrade.Fail},
		"blue is kept":  {"b", keep, upgrade.Pass},
		"green stays":   {"g", destroy, upgrade.Pass},
		"the way back":  {"b", upgrade.Plan{Mode: upgrade.RollingBack, Cluster: "b", Green: "g", Steps: destroy.Steps}, upgrade.Pass},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.ClusterActive{EKS: account{"b": protected, "g": protected}}.Check(t.Context(), run, c.plan, upgrade.Criterion{Cluster: c.cluster})
			text := "ACTIVE"
			if c.status == upgrade.Fail {
				text = "deletion protection"
			}
			want(t, got, err, c.status, text)
		})
	}
}

func TestClusterGone(t *testing.T) {
	tagged := func(id string) types.Cluster {
		c := cluster("ACTIVE", "1.35")
		c.Tags = map[string]string{provision.UpgradeTag: id}
		return c
	}
	back := upgrade.Plan{Mode: upgrade.RollingBack, Green: "g"}
	for what, c := range map[string]struct {
		eks    account
		plan   upgrade.Plan
		status upgrade.Status
		text   string
	}{
		"gone":                              {account{}, back, upgrade.Pass, "no such cluster"},
		"there":                             {account{"g": tagged("up-1")}, back, upgrade.Fail, "still there"},
		"on its way":                        {account{"g": cluster("DELETING", "1.35")}, back, upgrade.Inconclusive, "being deleted"},
		"green of somebody else":            {account{"g": tagged("up-0")}, back, upgrade.Pass, "not made by this upgrade"},
		"blue, which nobody tagged":         {account{"g": cluster("ACTIVE", "1.34")}, upgrade.Plan{Mode: upgrade.Forward, Cluster: "g"}, upgrade.Fail, "still there"},
		"a cluster that is not the green's": {account{"g": cluster("ACTIVE", "1.34")}, upgrade.Plan{Mode: upgrade.RollingBack, Green: "other"}, upgrade.Fail, "still there"},
		"no answer":                         {account{"g": cluster("unreachable", "")}, back, upgrade.Inconclusive, ""},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.ClusterGone{EKS: c.eks}.Check(t.Context(), run, c.plan, upgrade.Criterion{Cluster: "g"})
			want(t, got, err, c.status, c.text)
		})
	}
}

func node(name string, conditions ...objects.NodeCondition) objects.Node {
	return objects.Node{ShortMeta: objects.ShortMeta{Name: name}, Status: objects.NodeStatus{Conditions: conditions}}
}

func ready(status string) objects.NodeCondition {
	return objects.NodeCondition{Type: objects.NodeReady, Status: status, Reason: "Why"}
}

func TestNodesReady(t *testing.T) {
	for what, c := range map[string]struct {
		k      map[string]kubernetes
		status upgrade.Status
		text   string
	}{
		"all ready":        {map[string]kubernetes{"g": {nodes: []objects.Node{node("a", ready("True")), node("b", ready("True"))}}}, upgrade.Pass, "2 nodes"},
		"one not":          {map[string]kubernetes{"g": {nodes: []objects.Node{node("a", ready("True")), node("b", ready("False"))}}}, upgrade.Fail, "1 of 2 nodes are not Ready: b is Ready=False Why"},
		"one unknown":      {map[string]kubernetes{"g": {nodes: []objects.Node{node("a", ready("Unknown"))}}}, upgrade.Fail, "Ready=Unknown"},
		"one says nothing": {map[string]kubernetes{"g": {nodes: []objects.Node{node("a")}}}, upgrade.Fail, "says nothing"},
		"no nodes":         {map[string]kubernetes{"g": {}}, upgrade.Inconclusive, "no nodes"},
		"an error":         {map[string]kubernetes{"g": {err: errDown}}, upgrade.Inconclusive, ""},
		"no connection":    {nil, upgrade.Inconclusive, ""},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.NodesReady{Connect: servers(c.k)}.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g"})
			want(t, got, err, c.status, c.text)
		})
	}
}

// deployment wants two replicas of generation 3.
func deployment(name string, observed int64, updated, ready int32) objects.Deployment {
	return objects.Deployment{ObjectMeta: objects.ObjectMeta{Namespace: "web", Name: name, Generation: 3}, Spec: objects.DeploymentSpec{Replicas: aws.Int32(2)},
		Status: objects.DeploymentStatus{ObservedGeneration: observed, UpdatedReplicas: updated, ReadyReplicas: ready}}
}

func TestWorkloadsReady(t *testing.T) {
	fine := deployment("a", 3, 2, 2)
	one := func(ds ...objects.Deployment) map[string]kubernetes {
		return map[string]kubernetes{"g": {deployments: ds}}
	}
	daemon := func(wanted, updated, ready int32) map[string]kubernetes {
		return map[string]kubernetes{"g": {daemonSets: []objects.DaemonSet{{ObjectMeta: objects.ObjectMeta{Namespace: "web", Name: "d"},
			Status: objects.DaemonSetStatus{DesiredNumberScheduled: wanted, UpdatedNumberScheduled: updated, NumberReady: ready}}}}}
	}
	stateful := func(strategy string, updated int32) map[string]kubernetes {
		return map[string]kubernetes{"g": {statefulSets: []objects.StatefulSet{{ObjectMeta: objects.ObjectMeta{Namespace: "web", Name: "s"},
			Spec: objects.StatefulSetSpec{UpdateStrategy: objects.UpdateStrategy{Type: strategy}}, Status: objects.StatefulSetStatus{ReadyReplicas: 1, UpdatedReplicas: updated}}}}}
	}
	with := func(g, b kubernetes) map[string]kubernetes { return map[string]kubernetes{"g": g, "b": b} }
	for what, c := range map[string]struct {
		k      map[string]kubernetes
		like   string
		status upgrade.Status
		text   string
	}{
		"ready":                             {one(fine, deployment("b", 4, 2, 2)), "", upgrade.Pass, "2 applications"},
		"fewer ready than wanted":           {one(fine, deployment("b", 3, 2, 1)), "", upgrade.Fail, "1 of 2 applications are not ready: Deployment web/b has 1 of 2 replicas ready"},
		"an old generation":                 {one(deployment("b", 2, 2, 2)), "", upgrade.Fail, "not yet observed"},
		"still rolling out":                 {one(deployment("b", 3, 1, 2)), "", upgrade.Fail, "1 of 2 replicas of the present version"},
		"scaled to none":                    {one(objects.Deployment{Spec: objects.DeploymentSpec{Replicas: aws.Int32(0)}}), "", upgrade.Pass, ""},
		"one replica is the default":        {one(objects.Deployment{Status: objects.DeploymentStatus{UpdatedReplicas: 1}}), "", upgrade.Fail, "0 of 1 replicas ready"},
		"a daemon set that is ready":        {daemon(3, 3, 3), "", upgrade.Pass, ""},
		"a daemon set that is not":          {daemon(3, 3, 2), "", upgrade.Fail, "DaemonSet web/d has 2 of 3"},
		"a stateful set that is ready":      {stateful("RollingUpdate", 1), "", upgrade.Pass, ""},
		"a stateful set that rolls":         {stateful("RollingUpdate", 0), "", upgrade.Fail, "present version"},
		"a stateful set rolled by people":   {stateful(objects.OnDelete, 0), "", upgrade.Pass, ""},
		"no applications":                   {one(), "", upgrade.Inconclusive, "no applications"},
		"an error":                          {map[string]kubernetes{"g": {err: errDown}}, "", upgrade.Inconclusive, ""},
		"all of the other cluster":          {with(kubernetes{deployments: []objects.Deployment{fine}}, kubernetes{deployments: []objects.Deployment{deployment("a", 3, 0, 0)}}), "b", upgrade.Pass, ""},
		"one of the other cluster missing":  {with(kubernetes{deployments: []objects.Deployment{fine}}, kubernetes{deployments: []objects.Deployment{fine, deployment("z", 3, 2, 2)}}), "b", upgrade.Fail, "1 applications of b are missing: Deployment web/z"},
		"nothing here, something there":     {with(kubernetes{}, kubernetes{deployments: []objects.Deployment{fine}}), "b", upgrade.Inconclusive, "no applications"},
		"nothing to compare with":           {with(kubernetes{deployments: []objects.Deployment{fine}}, kubernetes{}), "b", upgrade.Inconclusive, "to compare with"},
		"the other cluster does not answer": {one(fine), "b", upgrade.Inconclusive, ""},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.WorkloadsReady{Connect: servers(c.k)}.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Like: c.like})
			want(t, got, err, c.status, c.text)
		})
	}
}

func TestEndpointAnswers(t *testing.T) {
	for what, c := range map[string]struct {
		lb       balancers
		statuses []int
		status   upgrade.Status
		text     string
	}{
		"answers":               {balancers{"g": "lb.example"}, []int{200}, upgrade.Pass, "status 200, 3 times"},
		"not found is no fault": {balancers{"g": "lb.example"}, []int{404}, upgrade.Pass, "404"},
		"fails once in three":   {balancers{"g": "lb.example"}, []int{200, 200, 503}, upgrade.Fail, "503"},
		"does not answer":       {balancers{"g": "lb.example"}, []int{200, 0}, upgrade.Fail, "connection refused"},
		"has no load balancer":  {balancers{"g": ""}, []int{200}, upgrade.Fail, "no load balancer"},
		"could not be found":    {balancers{}, []int{200}, upgrade.Inconclusive, ""},
	} {
		t.Run(what, func(t *testing.T) {
			w := &web{statuses: c.statuses}
			got, err := validation.EndpointAnswers{Endpoints: c.lb, HTTP: w}.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Service: frontend})
			want(t, got, err, c.status, c.text)
			for _, h := range w.hosts {
				if h != "lb.example shop.example.com" {
					t.Errorf("asked %q", h)
				}
			}
		})
	}
	t.Run("our own time is up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got, err := validation.EndpointAnswers{Endpoints: balancers{"g": "lb.example"}, HTTP: &web{statuses: []int{0}}}.Check(ctx, run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g"})
		want(t, got, err, upgrade.Inconclusive, "was not asked")
	})
}

func TestErrorRate(t *testing.T) {
	const window = 15 * time.Minute
	for what, c := range map[string]struct {
		m      metrics
		window time.Duration
		status upgrade.Status
		text   string
	}{
		"few failures":            {metrics{requests: []float64{60, 40}, errors: []float64{1, 0}}, window, upgrade.Pass, "1 of 100 requests failed"},
		"too many failures":       {metrics{requests: []float64{60, 40}, errors: []float64{1, 1}}, window, upgrade.Fail, "2 of 100"},
		"too few requests":        {metrics{requests: []float64{19}, errors: []float64{0}}, window, upgrade.Inconclusive, "no evidence"},
		"too few, all failed":     {metrics{requests: []float64{19}, errors: []float64{19}}, window, upgrade.Inconclusive, "no evidence"},
		"no data":                 {metrics{}, window, upgrade.Inconclusive, "no data"},
		"errors but no requests":  {metrics{errors: []float64{3}}, window, upgrade.Inconclusive, "no data"},
		"requests but no errors":  {metrics{requests: []float64{100}}, window, upgrade.Inconclusive, "no count of errors"},
		"zero requests":           {metrics{requests: []float64{0}, errors: []float64{0}}, window, upgrade.Inconclusive, "no evidence"},
		"an error":                {metrics{err: errDown}, window, upgrade.Inconclusive, ""},
		"a series that failed":    {metrics{requests: []float64{100}, errors: []float64{0}, status: cw.StatusCodeInternalError}, window, upgrade.Inconclusive, ""},
		"a series we may not see": {metrics{requests: []float64{100}, errors: []float64{0}, status: cw.StatusCodeForbidden}, window, upgrade.Inconclusive, ""},
		"CloudWatch lags":         {metrics{age: 4 * time.Minute, requests: []float64{100}, errors: []float64{0}}, window, upgrade.Pass, "0 of 100"},
		"the data ended":          {metrics{age: 10 * time.Minute, requests: []float64{100}, errors: []float64{0}}, window, upgrade.Inconclusive, "stale"},
		"the data ended badly":    {metrics{age: 10 * time.Minute, requests: []float64{100}, errors: []float64{50}}, window, upgrade.Fail, "50 of 100"},
		"a window of no minute":   {metrics{requests: []float64{100}, errors: []float64{0}}, time.Second, upgrade.Inconclusive, "shorter than"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.ErrorRate{CloudWatch: &c.m, Namespace: "N", Period: time.Minute, MaxLag: 5 * time.Minute, Clock: clock.NewVirtual(start)}.Check(t.Context(), run, upgrade.Plan{},
				upgrade.Criterion{Cluster: "g", Window: upgrade.Duration(c.window), MinRequests: 20, MaxErrorRate: 0.01})
			want(t, got, err, c.status, c.text)
		})
	}
	m := &metrics{requests: []float64{100}, errors: []float64{0}}
	if _, err := (validation.ErrorRate{CloudWatch: m, Namespace: "N", Period: time.Minute, MaxLag: 5 * time.Minute, Clock: clock.NewVirtual(start)}).Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Window: upgrade.Duration(window)}); err != nil {
		t.Fatal(err)
	}
	coarse := validation.ErrorRate{CloudWatch: m, Namespace: "N", Period: 5 * time.Minute, MaxLag: 5 * time.Minute, Clock: clock.NewVirtual(start)}
	got, err := coarse.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Window: upgrade.Duration(4 * time.Minute)})
	want(t, got, err, upgrade.Inconclusive, "shorter than the metrics' resolution of 5m")
	if _, err := coarse.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Cluster: "g", Window: upgrade.Duration(window)}); err != nil || *m.asked.MetricDataQueries[1].MetricStat.Period != 300 {
		t.Errorf("period %d, %v", *m.asked.MetricDataQueries[1].MetricStat.Period, err)
	}
	metric := m.asked.MetricDataQueries[0].MetricStat.Metric
	if !m.asked.StartTime.Equal(start.Add(-window)) || !m.asked.EndTime.Equal(start) || *metric.Namespace != "N" || *metric.MetricName != "Requests" || *metric.Dimensions[0].Value != "g" {
		t.Errorf("asked for %+v", m.asked)
	}
}

func TestWeightsHold(t *testing.T) {
	w := upgrade.Weights{Blue: 90, Green: 10}
	for what, c := range map[string]struct {
		dns    dns
		status upgrade.Status
		text   string
	}{
		"hold":      {dns{w, true, nil}, upgrade.Pass, "in sync"},
		"spreading": {dns{w, false, nil}, upgrade.Inconclusive, "still spreading"},
		"others":    {dns{upgrade.AllBlue, true, nil}, upgrade.Fail, "blue 100, green 0 instead of blue 90"},
		"no answer": {dns{err: errDown}, upgrade.Inconclusive, ""},
		"drifted":   {dns{err: upgrade.Errorf(upgrade.CodeDrift, "read", "somebody else changed them")}, upgrade.Fail, "somebody else"},
		"unfit":     {dns{err: upgrade.Errorf(upgrade.CodePrecondition, "read", "is not a CNAME")}, upgrade.Fail, "is not a CNAME"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := validation.WeightsHold{Traffic: c.dns}.Check(t.Context(), run, upgrade.Plan{}, upgrade.Criterion{Weights: w})
			want(t, got, err, c.status, c.text)
		})
	}
}

func TestHealthCheckIsAsGoodAsItsWorstPart(t *testing.T) {
	fine := kubernetes{nodes: []objects.Node{node("a", ready("True"))}, deployments: []objects.Deployment{deployment("a", 3, 2, 2)}}
	for what, c := range map[string]struct {
		k      map[string]kubernetes
		lb     balancers
		status upgrade.Status
	}{
		"healthy":            {map[string]kubernetes{"g": fine}, balancers{"g": "lb"}, upgrade.Pass},
		"no endpoint":        {map[string]kubernetes{"g": fine}, balancers{"g": ""}, upgrade.Fail},
		"endpoint not found": {map[string]kubernetes{"g": fine}, nil, upgrade.Inconclusive},
		"no API server":      {nil, balancers{"g": "lb"}, upgrade.Inconclusive},
		"nothing runs in it": {map[string]kubernetes{"g": {nodes: fine.nodes}}, balancers{"g": "lb"}, upgrade.Inconclusive},
	} {
		t.Run(what, func(t *testing.T) {
			check := validation.HealthCheck{Nodes: validation.NodesReady{Connect: servers(c.k)}, Workloads: validation.WorkloadsReady{Connect: servers(c.k)},
				Endpoint: validation.EndpointAnswers{Endpoints: c.lb, HTTP: &web{statuses: []int{200}}}, Clock: clock.NewVirtual(start)}
			h, err := check.Check(t.Context(), run, "g", frontend)
			if err != nil || h.Status != c.status || h.Cluster != "g" || h.Evidence == "" || !h.ObservedAt.Equal(start) {
				t.Errorf("%+v, %v; want %s", h, err, c.status)
			}
		})
	}
}
