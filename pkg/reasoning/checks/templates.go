package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	templatesPage = "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"
	workersPage   = "https://docs.aws.amazon.com/eks/latest/userguide/self-managed-nodes.html"
)

// lastAL2 is the last version of Kubernetes with images of Amazon Linux 2.
var lastAL2 = upgrade.Version{Major: 1, Minor: 32}

var templateChecks = []Check{
	{ID: "launch-template-pending", Family: Nodes, Title: "Launch template has a newer version than the group uses", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSNodeGroups, AWSScalingGroups, AWSLaunchTemplates},
		Source: templatesPage, Eksup: "EKS006 EKS007", Remedy: "update the group to the template's version before the upgrade, so that the upgrade changes one thing", run: templatePending},
	{ID: "launch-template-gone", Family: Nodes, Title: "Launch template does not exist", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{AWSNodeGroups, AWSScalingGroups, AWSLaunchTemplates},
		Source: templatesPage, Remedy: "give the group a launch template that exists: it cannot start nodes", run: templateGone},
	{ID: "instances-outdated", Family: Nodes, Title: "Instances are not as their group would launch them", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSScalingGroups, AWSInstances, AWSLaunchTemplates},
		Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html", Remedy: "replace them: aws autoscaling start-instance-refresh --auto-scaling-group-name NAME", run: instancesOutdated},
	{ID: "self-managed-health", Family: Nodes, Title: "Self-managed group cannot replace its nodes", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSScalingGroups}, Source: workersPage,
		Remedy: "resume the group's processes and see why instances are unhealthy: aws autoscaling describe-scaling-activities --auto-scaling-group-name NAME", run: selfManagedHealth},
	{ID: "launch-configuration", Family: Nodes, Title: "Group uses a launch configuration", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSScalingGroups},
		Source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html", Remedy: "move the group to a launch template: launch configurations get no new instance types, and new accounts cannot make any", run: launchConfigurations},
	{ID: "image-without-target", Family: Nodes, Title: "There is no image of this kind for the target", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSNodeGroups},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html", Eksup: "EKS008", Remedy: "make a node group with AL2023 or Bottlerocket and move the pods there", run: imageWithoutTarget},
	{ID: "custom-image", Family: Nodes, Title: "Nodes run an image that EKS does not choose", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSNodeGroups, AWSScalingGroups, AWSLaunchTemplates, AWSImages}, Source: templatesPage,
		Remedy: "build an image for the target and name it in a new version of the launch template: EKS cannot update these nodes by itself", run: customImages},
	{ID: "image-gone", Family: Nodes, Title: "Image of a group is not available any more", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSScalingGroups, AWSLaunchTemplates, AWSImages},
		Source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html", Remedy: "name an image that exists: the group cannot start nodes", run: imagesGone},
	{ID: "user-data-unread", Family: Nodes, Title: "User data could not be read wholly", Severity: upgrade.Info, Blocks: BlocksNever, Needs: []upgrade.Part{AWSScalingGroups, AWSLaunchTemplates}, Source: templatesPage,
		Remedy: "look by hand for kubelet flags and feature gates that the target does not know", run: userDataUnread},
	{ID: "fargate-health", Family: Nodes, Title: "Fargate profile is not healthy", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSFargate}, Source: "https://docs.aws.amazon.com/eks/latest/userguide/fargate-profile.html",
		Remedy: "repair the profile: pods that are restarted find no place", run: fargateHealth},
	{ID: "auto-mode-replaces-nodes", Family: Nodes, Title: "Auto Mode replaces the nodes after the upgrade by itself", Severity: upgrade.Info, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster}, Source: "https://docs.aws.amazon.com/eks/latest/userguide/auto-upgrade.html",
		Remedy: "see that disruption budgets and the node pools' own let nodes go: those that may not are ended at the latest after 21 days", run: autoMode},
}

// templateVersion returns the version of a launch template that is used.
func (v View) templateVersion(use *upgrade.TemplateUse) (upgrade.TemplateVersion, bool) {
	t, number, ok := v.template(use)
	if !ok {
		return upgrade.TemplateVersion{}, false
	}
	i := slices.IndexFunc(t.Versions, func(x upgrade.TemplateVersion) bool { return x.Number == number })
	if i < 0 {
		return upgrade.TemplateVersion{}, false
	}
	return t.Versions[i], true
}

// template returns a launch template and the number of the version used.
func (v View) template(use *upgrade.TemplateUse) (upgrade.LaunchTemplate, int64, bool) {
	if use == nil {
		return upgrade.LaunchTemplate{}, 0, false
	}
	i := slices.IndexFunc(v.AWS.LaunchTemplates, func(t upgrade.LaunchTemplate) bool { return t.ID == use.ID })
	if i < 0 {
		return upgrade.LaunchTemplate{}, 0, false
	}
	t := v.AWS.LaunchTemplates[i]
	switch use.Version {
	case "$Latest":
		return t, t.Latest, true
	case "", "$Default":
		return t, t.Default, true
	}
	number, err := strconv.ParseInt(use.Version, 10, 64)
	return t, number, err == nil
}

// nodeSource is a node group or a self-managed Auto Scaling group.
type nodeSource struct {
	object   upgrade.ObjectRef
	template *upgrade.TemplateUse
	scaling  *upgrade.AutoScalingGroup // nil: a managed node group
	managed  *upgrade.NodeGroup
}

// nodeSources are the managed node groups and the self-managed Auto Scaling groups.
func (v View) nodeSources() []nodeSource {
	var out []nodeSource
	for i := range v.AWS.NodeGroups {
		g := &v.AWS.NodeGroups[i]
		out = append(out, nodeSource{object: eksObject("NodeGroup", g.Name), template: g.Template, managed: g})
	}
	for i := range v.AWS.ScalingGroups {
		if g := &v.AWS.ScalingGroups[i]; g.NodeGroup == "" {
			out = append(out, nodeSource{object: scalingObject(g.Name), template: g.Template, scaling: g})
		}
	}
	return out
}

func templatePending(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		t, number, ok := v.template(g.template)
		if !ok || t.Gone || number >= t.Latest {
			continue
		}
		f := c.found(v, fmt.Sprintf("launch template %s (%s) is used at version %d; its default is %d, its latest %d", t.Name, t.ID, number, t.Default, t.Latest))
		if number == t.Default {
			f = at(f, upgrade.Low) // that the latest is not the default can be on purpose
		}
		if g.managed != nil {
			f.Remedy = fmt.Sprintf("aws eks update-nodegroup-version --cluster-name %s --nodegroup-name %s --launch-template id=%s,version=%d", v.Request.Cluster, g.managed.Name, t.ID, max(t.Default, number))
		}
		out = append(out, on(f, g.object))
	}
	return out
}

func templateGone(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		if t, _, ok := v.template(g.template); ok && t.Gone {
			out = append(out, on(c.found(v, fmt.Sprintf("EC2 does not know launch template %s (any more)", t.ID)), g.object))
		}
	}
	return out
}

// instancesOutdated counts the instances of self-managed groups that come from
// another template or from another version of it than the group's. Those of
// managed node groups EKS keeps track of.
func instancesOutdated(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		if g.scaling == nil {
			continue
		}
		_, number, ok := v.template(g.template)
		var old []string
		for _, i := range v.AWS.Instances {
			if i.Provisioner == upgrade.ByItself && i.Group == g.scaling.Name && ok && i.TemplateUsed != "" && (i.Template != g.template.ID || i.TemplateUsed != strconv.FormatInt(number, 10)) {
				old = append(old, i.ID+" of version "+i.TemplateUsed)
			}
		}
		n := max(len(old), g.scaling.Outdated)
		if n == 0 {
			continue
		}
		evidence := fmt.Sprintf("%d of its instances are not of the template or configuration that the group has now", n)
		if len(old) > 0 {
			evidence = fmt.Sprintf("%d of its instances are not of version %d of %s: %s", n, number, g.template.ID, some(old))
		}
		f := c.found(v, evidence)
		f.Remedy = "aws autoscaling start-instance-refresh --auto-scaling-group-name " + g.scaling.Name
		out = append(out, on(f, g.object))
	}
	return out
}

func selfManagedHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.ScalingGroups {
		var wrong []string
		for _, p := range g.Suspended {
			if p == "Launch" || p == "Terminate" {
				wrong = append(wrong, "its process "+p+" is suspended")
			}
		}
		if g.Unhealthy > 0 {
			wrong = append(wrong, fmt.Sprintf("%d of its instances are unhealthy", g.Unhealthy))
		}
		if len(wrong) > 0 {
			out = append(out, on(c.found(v, strings.Join(wrong, "; ")), scalingObject(g.Name)))
		}
	}
	return out
}

func launchConfigurations(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.ScalingGroups {
		if g.LaunchConfiguration != "" {
			out = append(out, on(c.found(v, "it launches by launch configuration "+g.LaunchConfiguration), scalingObject(g.Name)))
		}
	}
	return out
}

// imageWithoutTarget: Amazon Linux 2 ended on 2025-11-26 and has no images after
// 1.32.
func imageWithoutTarget(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.NodeGroups {
		if strings.HasPrefix(g.AMIType, "AL2_") && v.Request.Target.Compare(lastAL2) > 0 {
			out = append(out, on(c.found(v, fmt.Sprintf("its images are of type %s (Amazon Linux 2), which EKS made for %s for the last time; the target is %s", g.AMIType, lastAL2, v.Request.Target)), eksObject("NodeGroup", g.Name)))
		}
	}
	return out
}

// customImages names the image of each group that names one itself, and what is
// known of it.
func customImages(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		id := v.imageOf(g)
		if id == "" && (g.managed == nil || g.managed.AMIType != "CUSTOM") {
			continue
		}
		evidence := "it names the image " + cmp.Or(id, "in its launch template")
		severity := c.Severity
		if i := slices.IndexFunc(v.AWS.Images, func(x upgrade.Image) bool { return x.ID == id && !x.Gone }); i >= 0 {
			image := v.AWS.Images[i]
			evidence += fmt.Sprintf(": %s, of %s, %s", image.Name, image.Owner, image.Architecture)
			if image.Family != "" {
				evidence += fmt.Sprintf(", %s for %s", image.Family, image.Version)
			}
			if image.Family == "AL2" && v.Request.Target.Compare(lastAL2) > 0 {
				severity = upgrade.High
				evidence += "; there is no such image for " + v.Request.Target.String()
			}
		}
		if v.Request.Strategy == upgrade.BlueGreen && g.managed != nil {
			continue // node-groups-known says that it cannot be carried over
		}
		out = append(out, on(at(c.found(v, evidence), severity), g.object))
	}
	return out
}

func (v View) imageOf(g nodeSource) string {
	if g.scaling != nil && g.scaling.Image != "" {
		return g.scaling.Image
	}
	t, _ := v.templateVersion(g.template)
	return t.Image
}

func imagesGone(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		id := v.imageOf(g)
		if slices.ContainsFunc(v.AWS.Images, func(x upgrade.Image) bool { return x.ID == id && x.Gone }) {
			out = append(out, on(c.found(v, "EC2 does not describe image "+id+": it was deregistered, or is not shared with this account"), g.object))
		}
	}
	return out
}

func userDataUnread(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.nodeSources() {
		why := ""
		if t, ok := v.templateVersion(g.template); ok {
			why = t.Node.Unread
		} else if g.scaling != nil {
			why = g.scaling.Node.Unread
		}
		if why != "" {
			out = append(out, on(c.unseen("user data: "+why, c.Remedy), g.object))
		}
	}
	return out
}

func fargateHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, p := range v.AWS.FargateProfiles {
		if p.Status != "ACTIVE" || len(p.Health) > 0 {
			evidence := "it is " + p.Status
			if len(p.Health) > 0 {
				evidence += ": " + issues(p.Health)
			}
			out = append(out, on(c.found(v, evidence), eksObject("FargateProfile", p.Name)))
		}
	}
	return out
}

func autoMode(v View, c Check) []upgrade.Finding {
	if v.AWS.AutoMode == nil {
		return nil
	}
	evidence := fmt.Sprintf("Auto Mode is on (node pools: %s): it replaces nodes when the control plane is updated, and any node after 14 days unless its node pool says otherwise, after 21 at the latest", cmp.Or(some(v.AWS.AutoMode.NodePools), "own ones"))
	return []upgrade.Finding{c.found(v, evidence)}
}
