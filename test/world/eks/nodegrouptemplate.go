package eks

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

// useTemplate takes the launch template of a new node group. What it must not
// say follows the EKS User Guide, "Customize managed nodes with launch
// templates".
func (s *Service) useTemplate(c *cluster, n *nodegroup, in *sdk.CreateNodegroupInput) error {
	if in.AmiType == types.AMITypesCustom && in.LaunchTemplate == nil {
		return invalidParameter(c.Name, "Launch template details can't be null for Custom ami type node group")
	}
	if in.CapacityType == types.CapacityTypesCapacityBlock && in.LaunchTemplate == nil {
		return invalidParameter(c.Name, "capacityType CAPACITY_BLOCK needs a launch template that targets a capacity reservation")
	}
	if in.LaunchTemplate == nil {
		return nil
	}
	t, err := s.findTemplate(c, *in.LaunchTemplate)
	if err != nil {
		return err
	}
	switch {
	case in.RemoteAccess != nil:
		return invalidParameter(c.Name, "Remote access configuration cannot be specified with a launch template.")
	case in.DiskSize != nil:
		return invalidParameter(c.Name, "Disk size must be specified within the launch template.")
	case len(in.InstanceTypes) > 0 && t.Data.InstanceType != "":
		return invalidParameter(c.Name, "You cannot specify instance types in both the API request and the launch template")
	}
	if t.Data.ImageId != nil {
		switch {
		case in.AmiType != "" && in.AmiType != types.AMITypesCustom:
			return invalidParameter(c.Name, "You cannot specify an AMI Type other than CUSTOM, when specifying an image id in your launch template.")
		case in.Version != nil || in.ReleaseVersion != nil:
			return invalidParameter(c.Name, "You cannot specify the field kubernetesVersion or releaseVersion when using custom AMIs.")
		}
		n.AmiType = types.AMITypesCustom
	} else if in.AmiType == types.AMITypesCustom {
		return invalidParameter(c.Name, "You must specify an image id in your launch template when the AMI type is CUSTOM.")
	}
	n.template = &t
	n.LaunchTemplate = &types.LaunchTemplateSpecification{Id: &t.ID, Name: &t.Name, Version: &t.Version}
	return nil
}

// findTemplate looks up a version of a launch template that nodes can use.
func (s *Service) findTemplate(c *cluster, want types.LaunchTemplateSpecification) (ec2.Template, error) {
	if (want.Id == nil) == (want.Name == nil) {
		return ec2.Template{}, invalidParameter(c.Name, "You must specify either the launch template ID or the launch template name in the request, but not both.")
	}
	t, err := s.opts.EC2.LaunchTemplate(value(want.Id), value(want.Name), value(want.Version))
	if err != nil {
		return t, invalidParameter(c.Name, "The launch template could not be used: %s", err)
	}
	return t, checkTemplate(c, t.Data)
}

func checkTemplate(c *cluster, d ec2types.ResponseLaunchTemplateData) error {
	switch {
	case d.IamInstanceProfile != nil:
		return invalidParameter(c.Name, "Launch template should not specify an instance profile. The noderole in your request will be used to construct an instance profile.")
	case slices.ContainsFunc(d.NetworkInterfaces, func(i ec2types.LaunchTemplateInstanceNetworkInterfaceSpecification) bool { return i.SubnetId != nil }):
		return invalidParameter(c.Name, "Launch template should not specify subnets. The subnets in your request will be used.")
	case d.InstanceMarketOptions != nil:
		return invalidParameter(c.Name, "Launch template should not specify instance market options. Use capacityType of the node group.")
	case d.HibernationOptions != nil:
		return invalidParameter(c.Name, "Launch template should not specify hibernation options.")
	case d.InstanceInitiatedShutdownBehavior != "":
		return invalidParameter(c.Name, "Launch template should not specify the instance initiated shutdown behavior.")
	case aws.ToBool(d.DisableApiTermination):
		return invalidParameter(c.Name, "Launch template should not disable API termination.")
	}
	return nil
}

// nextTemplate finds the launch template version that an update asks for. Only
// a node group that was made with a launch template takes one, and only the same.
func (s *Service) nextTemplate(c *cluster, n *nodegroup, want *types.LaunchTemplateSpecification) (*ec2.Template, error) {
	if want == nil {
		return n.template, nil
	}
	if n.template == nil {
		return nil, invalidParameter(c.Name, "Cannot update a launch template on a nodegroup that was not created with one")
	}
	t, err := s.findTemplate(c, *want)
	if err != nil {
		return nil, err
	}
	if t.ID != n.template.ID {
		return nil, invalidParameter(c.Name, "Launch template %s does not match the launch template %s that the nodegroup was created with", t.ID, n.template.ID)
	}
	if (t.Data.ImageId == nil) != (n.template.Data.ImageId == nil) {
		return nil, invalidParameter(c.Name, "You cannot change a nodegroup between custom AMIs and AMIs of Amazon EKS: version %s of the launch template does", t.Version)
	}
	return &t, nil
}
