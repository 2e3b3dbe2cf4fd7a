package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
)

// eksup are the checks of clowdhaus/eksup, and what each asks.
// Source: https://github.com/clowdhaus/eksup/blob/main/docs/info/checks.md
var eksup = [][2]string{
	{"AWS001", "addresses for nodes"}, {"AWS002", "addresses for pods, with custom networking"}, {"AWS003", "EC2 limits"}, {"AWS004", "gp2 limits"}, {"AWS005", "gp3 limits"},
	{"EKS001", "addresses for the control plane"}, {"EKS002", "health of the cluster"}, {"EKS003", "health of managed node groups"}, {"EKS004", "health of add-ons"}, {"EKS005", "versions of add-ons"},
	{"EKS006", "launch templates of managed node groups"}, {"EKS007", "launch templates of self-managed nodes"}, {"EKS008", "Amazon Linux 2"},
	{"K8S001", "skew of kubelets"}, {"K8S002", "3 replicas"}, {"K8S003", "minReadySeconds"}, {"K8S004", "a disruption budget"}, {"K8S005", "anti-affinity or spread constraints"},
	{"K8S006", "a readiness probe"}, {"K8S007", "a grace period above 0"}, {"K8S008", "the socket of Docker"}, {"K8S009", "PodSecurityPolicies"}, {"K8S010", "in-tree EBS volumes"},
	{"K8S011", "skew of kube-proxy"}, {"K8S012", "IPVS"}, {"K8S013", "Ingress NGINX"},
}

// TestEksupPage writes docs/eksup.md from the catalogue.
func TestEksupPage(t *testing.T) {
	here := map[string][]string{}
	for _, c := range checks.All() {
		for _, id := range strings.Fields(c.Eksup) {
			if !slices.ContainsFunc(eksup, func(row [2]string) bool { return row[0] == id }) {
				t.Errorf("check %s names %s, which is no check of eksup", c.ID, id)
			}
			here[id] = append(here[id], fmt.Sprintf("[%s](checks.md#%s)", c.ID, c.ID))
		}
	}
	var b strings.Builder
	b.WriteString(`# Checks of eksup, and those here

For who comes from [eksup](https://github.com/clowdhaus/eksup). The page is made of the catalogue in ` + "`pkg/reasoning/checks`" + `
(` + "`go test ./pkg/reasoning/checks -run Eksup -update`" + `); [checks.md](checks.md) has all checks.

| eksup | asks for | here |
| --- | --- | --- |
`)
	for _, row := range eksup {
		ids := here[row[0]]
		if len(ids) == 0 {
			ids = []string{"none"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row[0], row[1], strings.Join(ids, ", "))
	}
	b.WriteString(`
Where the two differ on purpose:

- A finding here has a severity for the strategy: what hurts only while nodes are drained does not stop a blue/green upgrade.
- Workloads that EKS runs itself (kube-system, add-ons) are not judged for replicas, budgets and the like.
- One replica that only works in the background is information; one that a Service sends requests to is a problem. Two replicas are
  information, not an error.
- Pods that all stand on one node are a problem; pods that merely might are information.
- IPVS: eksup lets it end in 1.36. kube-proxy 1.37 still has the mode and says itself that it is off by default from 1.40 and gone in 1.43.
- Disruption budgets are judged by what they allow, not only by whether there is one.
`)
	compare(t, "../../../docs/eksup.md", b.String())
}

func TestKubernetesChecksOfEksupAreThere(t *testing.T) {
	missing := map[string]bool{}
	for _, row := range eksup {
		if strings.HasPrefix(row[0], "K8S") {
			missing[row[0]] = true
		}
	}
	for _, c := range checks.All() {
		for _, id := range strings.Fields(c.Eksup) {
			delete(missing, id)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no check stands for %v", missing)
	}
}
