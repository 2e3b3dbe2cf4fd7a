package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const addonsPage = "https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html"

var addonChecks = []Check{
	{ID: "addon-compatibility", Family: Addons, Eksup: "EKS005", Title: "Add-on has no version for the target", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSAddons}, Source: addonsPage,
		Remedy: "remove the add-on, or wait until EKS offers a version", run: addonCompatibility},
	{ID: "addon-health", Family: Addons, Eksup: "EKS004", Title: "Add-on is not healthy", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons}, Source: addonsPage,
		Remedy: "repair the add-on before the upgrade", run: addonHealth},
}

func addonCompatibility(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.AWS.Addons {
		choice, seen := a.Compatible[v.Request.Target.String()]
		switch {
		case !seen:
			f := c.unseen(fmt.Sprintf("which versions of add-on %s fit %s was not seen", a.Name, v.Request.Target), "allow eks:DescribeAddonVersions and start the upgrade again")
			f.Blocks = true
			out = append(out, f)
		case len(choice.Versions) == 0:
			out = append(out, c.blocking(fmt.Sprintf("EKS offers no version of add-on %s for %s", a.Name, v.Request.Target), "remove the add-on, or wait until EKS offers it"))
		}
	}
	return out
}

func addonHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.AWS.Addons {
		if a.Status != "ACTIVE" || len(a.Health) > 0 {
			evidence := fmt.Sprintf("add-on %s is %s", a.Name, a.Status)
			if len(a.Health) > 0 {
				evidence += ": " + issues(a.Health)
			}
			out = append(out, c.finding(evidence, "repair the add-on: green gets the same one"))
		}
	}
	return out
}
