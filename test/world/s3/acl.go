package s3

import (
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// GetBucketOwnershipControls returns who owns new objects.
func (s *Service) GetBucketOwnershipControls(_ *wire.Call, in *sdk.GetBucketOwnershipControlsInput) (*sdk.GetBucketOwnershipControlsOutput, error) {
	out := &sdk.GetBucketOwnershipControlsOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		out.OwnershipControls = &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: b.ownership()}}}
		return nil
	})
}

// ownership is by whom ACLs are set, if at all: not in new buckets.
func (b *bucket) ownership() types.ObjectOwnership {
	if b.config.ownership != nil {
		return b.config.ownership.Rules[0].ObjectOwnership
	}
	return types.ObjectOwnershipBucketOwnerEnforced
}

// PutBucketOwnershipControls sets who owns new objects.
func (s *Service) PutBucketOwnershipControls(_ *wire.Call, in *sdk.PutBucketOwnershipControlsInput) (*sdk.PutBucketOwnershipControlsOutput, error) {
	if c := in.OwnershipControls; c == nil || len(c.Rules) != 1 || !slices.Contains(c.Rules[0].ObjectOwnership.Values(), c.Rules[0].ObjectOwnership) {
		return nil, malformed()
	}
	return &sdk.PutBucketOwnershipControlsOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.ownership = in.OwnershipControls
		return nil
	})
}

// fullControl is what every bucket and object here grants: everything to the
// account.
func (s *Service) fullControl() []types.Grant {
	return []types.Grant{{Permission: types.PermissionFullControl, Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: s.owner().ID}}}
}

// GetBucketAcl returns the owner's full control.
func (s *Service) GetBucketAcl(_ *wire.Call, in *sdk.GetBucketAclInput) (*sdk.GetBucketAclOutput, error) {
	return &sdk.GetBucketAclOutput{Owner: s.owner(), Grants: s.fullControl()}, s.with(in.Bucket, in.ExpectedBucketOwner, func(*bucket) error { return nil })
}

// GetObjectAcl returns the owner's full control.
func (s *Service) GetObjectAcl(_ *wire.Call, in *sdk.GetObjectAclInput) (*sdk.GetObjectAclOutput, error) {
	return &sdk.GetObjectAclOutput{Owner: s.owner(), Grants: s.fullControl()}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		_, err := b.find(value(in.Key), in.VersionId)
		return err
	})
}

// PutBucketAcl takes what is the owner's full control.
func (s *Service) PutBucketAcl(_ *wire.Call, in *sdk.PutBucketAclInput) (*sdk.PutBucketAclOutput, error) {
	asked := acl{canned: string(in.ACL), grants: given(in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP), policy: in.AccessControlPolicy}
	return &sdk.PutBucketAclOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { return s.setACL(b, asked) })
}

// PutObjectAcl takes what is the owner's full control.
func (s *Service) PutObjectAcl(_ *wire.Call, in *sdk.PutObjectAclInput) (*sdk.PutObjectAclOutput, error) {
	asked := acl{canned: string(in.ACL), grants: given(in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP), policy: in.AccessControlPolicy}
	return &sdk.PutObjectAclOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if _, err := b.find(value(in.Key), in.VersionId); err != nil {
			return err
		}
		return s.setACL(b, asked)
	})
}

// acl is an access control list as requests spell it: one of the three.
type acl struct {
	canned string
	grants bool // by headers
	policy *types.AccessControlPolicy
}

func given(headers ...*string) bool {
	return slices.ContainsFunc(headers, func(h *string) bool { return h != nil })
}

func noACLs() error {
	return fail(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// setACL judges a request that only sets an ACL.
func (s *Service) setACL(b *bucket, a acl) error {
	if a.canned == "" && !a.grants && a.policy == nil {
		return fail(400, "MissingSecurityHeader", "Your request was missing a required header")
	}
	if b.ownership() == types.ObjectOwnershipBucketOwnerEnforced {
		return noACLs()
	}
	return s.checkACL(b, a)
}

// checkACL judges the ACL of a new object. A bucket that enforces its owner
// takes his full control only; others take here only what comes to the same.
func (s *Service) checkACL(b *bucket, a acl) error {
	whole := a.canned == string(types.ObjectCannedACLBucketOwnerFullControl)
	if p := a.policy; p != nil {
		whole = len(p.Grants) == 1 && p.Grants[0].Permission == types.PermissionFullControl && p.Grants[0].Grantee != nil && value(p.Grants[0].Grantee.ID) == *s.owner().ID
	}
	switch {
	case a.canned == "" && !a.grants && a.policy == nil, whole:
		return nil
	case b.ownership() == types.ObjectOwnershipBucketOwnerEnforced:
		return noACLs()
	case (a.canned == string(types.ObjectCannedACLPublicRead) || a.canned == string(types.ObjectCannedACLPublicReadWrite)) && value(b.blocks().BlockPublicAcls):
		return fail(403, "AccessDenied", "Access Denied")
	case a.canned == string(types.ObjectCannedACLPrivate), a.canned == string(types.ObjectCannedACLBucketOwnerRead):
		return nil
	case a.canned != "" && !slices.Contains(types.ObjectCannedACL("").Values(), types.ObjectCannedACL(a.canned)):
		return fail(400, "InvalidArgument", "The canned ACL %s is not valid", a.canned)
	}
	return fail(501, "NotImplemented", "The simulated S3 has no ACLs but the owner's full control")
}
