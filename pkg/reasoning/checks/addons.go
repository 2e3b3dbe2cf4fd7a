package checks

import (
	"fmt"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const addonsPage = "https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html"

var addonChecks = []Check{
	{ID: "addon-compatibility", Family: Addons, Eksup: "EKS005", Title: "Add-on has no version for the target", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSAddons}, Source: addonsPage,
		Remedy: "remove the add-on, or wait until EKS offers a version", run: addonCompatibility},
	{ID: "addon-health", Family: Addons, Eksup: "EKS004", Title: "Add-on is not healthy", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons}, Source: addonsPage,
		Remedy: "repair the add-on before the upgrade", run: addonHealth},
	{ID: "addon-update-due", Family: Addons, Title: "Add-on must be updated on the way", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons}, Source: "https://docs.aws.amazon.com/eks/latest/userguide/updating-an-add-on.html",
		Remedy: "update the add-on to a version that fits both versions of Kubernetes before the hop", run: addonUpdateDue},
	{ID: "addon-default-newer", Family: Addons, Title: "EKS's default of an add-on is newer than the version that runs", Severity: upgrade.Info, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons}, Source: "https://docs.aws.amazon.com/eks/latest/userguide/updating-an-add-on.html", Eksup: "EKS005",
		Remedy: "update the add-on to the default of the target after the control plane", run: addonDefaultNewer},
	{ID: "addon-version-withdrawn", Family: Addons, Title: "Add-on's version is not offered for the running version", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons}, Source: addonsPage,
		Remedy: "update the add-on to a version that EKS offers", run: addonWithdrawn},
	{ID: "vpc-cni-one-minor", Family: Addons, Title: "vpc-cni has to move one minor version at a time", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSAddons},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/managing-vpc-cni.html", Remedy: "update vpc-cni minor version by minor version", run: cniSteps},
}

func addonCompatibility(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.AWS.Addons {
		for _, hop := range v.hops() {
			choice, seen := a.Compatible[hop.String()]
			if seen && len(choice.Versions) > 0 {
				continue
			}
			f := c.blocking(fmt.Sprintf("EKS offers no version of add-on %s for %s", a.Name, hop), "remove the add-on, or wait until EKS offers it")
			if !seen {
				f = c.unseen(fmt.Sprintf("which versions of add-on %s fit %s was not seen", a.Name, hop), "allow eks:DescribeAddonVersions and start the upgrade again")
				f.Blocks = true
			}
			out = append(out, on(f, eksObject("Addon", a.Name)))
			break
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
			f := c.finding(evidence, "repair the add-on: green gets the same one")
			if v.Request.Strategy == upgrade.InPlace {
				f.Remedy = c.Remedy
			}
			out = append(out, on(f, eksObject("Addon", a.Name)))
		}
	}
	return out
}

// addonUpdateDue walks the hops with each add-on: at a hop that its version does
// not fit it must have one that fits before and after.
func addonUpdateDue(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // green gets the target's default
	}
	var out []upgrade.Finding
	from, _ := v.From()
	for _, a := range v.AWS.Addons {
		if !semver.IsValid(a.Version) {
			continue // of a vendor that numbers in its own way; what the target takes is known all the same
		}
		version, before := a.Version, a.Compatible[from.String()].Versions
		for _, hop := range v.hops() {
			after := a.Compatible[hop.String()]
			if len(after.Versions) == 0 {
				break // another check says so
			}
			if !slices.Contains(after.Versions, version) {
				f, next := addonStep(v, c, a, version, before, hop, after)
				out = append(out, on(f, eksObject("Addon", a.Name)))
				version = next
			}
			before = after.Versions
		}
	}
	// At most one finding an object: the first hop's.
	return slices.CompactFunc(out, func(x, y upgrade.Finding) bool { return *x.Object == *y.Object })
}

func addonStep(v View, c Check, a upgrade.Addon, version string, before []string, hop upgrade.Version, after upgrade.AddonChoice) (f upgrade.Finding, next string) {
	both := slices.DeleteFunc(slices.Clone(after.Versions), func(x string) bool { return !slices.Contains(before, x) })
	command := "aws eks update-addon --cluster-name " + v.Request.Cluster + " --addon-name " + a.Name + " --addon-version "
	if len(both) > 0 {
		f = c.found(v, fmt.Sprintf("version %s does not fit %s; %s fits before and after the hop", version, hop, both[0]))
		f.Remedy = "before the hop to " + hop.String() + ": " + command + both[0]
		return f, both[0]
	}
	next = after.Default
	if next == "" {
		next = after.Versions[0]
	}
	f = c.found(v, fmt.Sprintf("version %s does not fit %s, and no version fits before and after the hop: the add-on is updated after it, to %s", version, hop, next))
	f.Remedy = "right after the hop to " + hop.String() + ": " + command + next
	if a.Name != "kube-proxy" { // which has a version for each minor, and may be three minors older
		f = at(f, upgrade.Medium)
	}
	return f, next
}

// addonDefaultNewer looks at versions that fit the target; of others another
// check says that they do not.
func addonDefaultNewer(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // green gets the default
	}
	var out []upgrade.Finding
	for _, a := range v.AWS.Addons {
		choice := a.Compatible[v.Request.Target.String()]
		if slices.Contains(choice.Versions, a.Version) && semver.Compare(choice.Default, a.Version) > 0 {
			f := c.found(v, fmt.Sprintf("version %s fits %s, whose default is %s", a.Version, v.Request.Target, choice.Default))
			f.Remedy = "aws eks update-addon --cluster-name " + v.Request.Cluster + " --addon-name " + a.Name + " --addon-version " + choice.Default
			out = append(out, on(f, eksObject("Addon", a.Name)))
		}
	}
	return out
}

func addonWithdrawn(v View, c Check) []upgrade.Finding {
	from, _ := v.From()
	var out []upgrade.Finding
	for _, a := range v.AWS.Addons {
		offered, seen := a.Compatible[from.String()]
		if seen && semver.IsValid(a.Version) && !slices.Contains(offered.Versions, a.Version) {
			out = append(out, on(c.found(v, fmt.Sprintf("EKS does not offer %s of add-on %s for %s (any more); its default is %s", a.Version, a.Name, from, offered.Default)), eksObject("Addon", a.Name)))
		}
	}
	return out
}

// cniSteps counts the minors of vpc-cni between its version and the oldest that
// fits the target.
func cniSteps(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // green's is new
	}
	for _, a := range v.AWS.Addons {
		versions := a.Compatible[v.Request.Target.String()].Versions
		if a.Name != "vpc-cni" || len(versions) == 0 || slices.Contains(versions, a.Version) {
			continue
		}
		have, err := upgrade.ParseBuildVersion(a.Version)
		if err != nil {
			return []upgrade.Finding{c.unseen(fmt.Sprintf("the version of vpc-cni cannot be read: %v", err), "check it by hand")}
		}
		oldest := slices.MinFunc(versions, semver.Compare)
		need, err := upgrade.ParseBuildVersion(oldest)
		if err != nil || need.Minor-have.Minor < 2 || need.Major != have.Major {
			return nil
		}
		f := c.found(v, fmt.Sprintf("vpc-cni is %s, and the oldest version that fits %s is %s, %d minor versions on", a.Version, v.Request.Target, oldest, need.Minor-have.Minor))
		f.Remedy = fmt.Sprintf("update vpc-cni to %s, then on, one minor version at a time: aws eks update-addon --cluster-name %s --addon-name vpc-cni --addon-version VERSION", have.Next(), v.Request.Cluster)
		return []upgrade.Finding{on(f, eksObject("Addon", a.Name))}
	}
	return nil
}
