package provision

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
)

func (r *run) createAddons(ctx context.Context) error {
	for _, wanted := range r.spec.Addons {
		now, err := r.addon(ctx, wanted.Name)
		if err != nil {
			return err
		}
		if now != nil {
			continue
		}
		in := &eks.CreateAddonInput{
			ClusterName: &r.spec.Cluster, AddonName: aws.String(wanted.Name), AddonVersion: aws.String(wanted.Version),
			ClientRequestToken: r.token("create add-on " + wanted.Name),
			ResolveConflicts:   types.ResolveConflictsOverwrite, // EKS puts unmanaged ones into a new cluster
			Tags:               ownTags(nil, r.opts.Upgrade),
		}
		if wanted.Configuration != "" {
			in.ConfigurationValues = aws.String(wanted.Configuration)
		}
		if wanted.RoleARN != "" {
			in.ServiceAccountRoleArn = aws.String(wanted.RoleARN)
		}
		if _, err := r.api.CreateAddon(ctx, in); err != nil {
			return awserr.Wrap("create add-on "+wanted.Name, err)
		}
	}
	return nil
}

func (r *run) addon(ctx context.Context, name string) (*types.Addon, error) {
	out, err := r.api.DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: &r.spec.Cluster, AddonName: &name})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe add-on "+name, err)
	}
	return out.Addon, nil
}

func (r *run) awaitAddons(ctx context.Context) error {
	return r.await(ctx, func() (bool, error) {
		all := true
		for _, wanted := range r.spec.Addons {
			now, err := r.addon(ctx, wanted.Name)
			if err != nil {
				return false, err
			}
			if now == nil {
				return false, r.failed("add-on "+wanted.Name, "is gone: somebody deleted it")
			}
			switch now.Status {
			case types.AddonStatusActive:
				if v := aws.ToString(now.AddonVersion); v != wanted.Version {
					return false, r.failed("add-on "+wanted.Name, "has version %s instead of %s", v, wanted.Version)
				}
			case types.AddonStatusCreating, types.AddonStatusUpdating, types.AddonStatusDegraded: // EKS heals a degraded one when its pods become ready
				all = false
			default: // CREATE_FAILED and what follows a deletion
				return false, r.failed("add-on "+wanted.Name, "is %s: %s", now.Status, addonIssues(now))
			}
			r.say("add-on "+wanted.Name, "%s", now.Status)
		}
		return all, nil
	})
}

func addonIssues(addon *types.Addon) string {
	var texts []string
	if addon.Health != nil {
		for _, issue := range addon.Health.Issues {
			texts = append(texts, fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message)))
		}
	}
	return orNoReason(texts)
}
