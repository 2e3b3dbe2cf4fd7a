package eks

import (
	"slices"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// clusterVersion is a Kubernetes version that EKS serves. The dates are those
// of the EKS release calendar; for 1.37, which the calendar did not list yet,
// they follow its rule: 14 months of standard and 12 of extended support.
type clusterVersion struct {
	version, patch, platform            string
	released, endStandard, endExtension time.Time
	isDefault                           bool
	ami                                 string // date of the newest AMI release
}

// clusterVersions lists the versions, newest first.
var clusterVersions = []clusterVersion{
	{version: "1.37", patch: "1.37.0", platform: "eks.2", released: day(2026, 10, 6), endStandard: day(2027, 12, 6), endExtension: day(2028, 12, 6), ami: "20261012"},
	{version: "1.36", patch: "1.36.2", platform: "eks.5", released: day(2026, 6, 2), endStandard: day(2027, 8, 2), endExtension: day(2028, 8, 2), ami: "20260720"},
	{version: "1.35", patch: "1.35.5", platform: "eks.12", released: day(2026, 1, 27), endStandard: day(2027, 3, 27), endExtension: day(2028, 3, 27), isDefault: true, ami: "20260720"},
	{version: "1.34", patch: "1.34.8", platform: "eks.20", released: day(2025, 10, 2), endStandard: day(2026, 12, 2), endExtension: day(2027, 12, 2), ami: "20260720"},
	{version: "1.33", patch: "1.33.12", platform: "eks.34", released: day(2025, 5, 29), endStandard: day(2026, 7, 29), endExtension: day(2027, 7, 29), ami: "20260720"},
	{version: "1.32", patch: "1.32.14", platform: "eks.41", released: day(2025, 1, 23), endStandard: day(2026, 3, 23), endExtension: day(2027, 3, 23), ami: "20260720"},
	{version: "1.31", patch: "1.31.14", platform: "eks.57", released: day(2024, 9, 26), endStandard: day(2025, 11, 26), endExtension: day(2026, 11, 26), ami: "20260720"},
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func findVersion(v string) (clusterVersion, bool) {
	i := slices.IndexFunc(clusterVersions, func(c clusterVersion) bool { return c.version == v })
	if i < 0 {
		return clusterVersion{}, false
	}
	return clusterVersions[i], true
}

func defaultVersion() clusterVersion {
	return clusterVersions[slices.IndexFunc(clusterVersions, func(c clusterVersion) bool { return c.isDefault })]
}

// minor returns the NN of "1.NN", or -1.
func minor(v string) int {
	m := versionForm.FindStringSubmatch(v)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// kubelet is the version that nodes of the newest AMI report.
func (v clusterVersion) kubelet() string { return "v" + v.patch + "-eks-3c60543" }

func (v clusterVersion) status(now time.Time) types.VersionStatus {
	switch {
	case now.Before(v.endStandard):
		return types.VersionStatusStandardSupport
	case now.Before(v.endExtension):
		return types.VersionStatusExtendedSupport
	}
	return types.VersionStatusUnsupported
}

// clusterType is that of clusters in the cloud; others are not simulated.
const clusterType = "eks"

// DescribeClusterVersions lists the versions with their support dates. Without
// IncludeAll, versions out of support are left out.
func (s *Service) DescribeClusterVersions(_ *wire.Call, in *sdk.DescribeClusterVersionsInput) (*sdk.DescribeClusterVersionsOutput, error) {
	now := s.opts.Clock.Now()
	byVersion := map[string]types.ClusterVersionInformation{}
	var names []string
	for _, v := range clusterVersions {
		status := v.status(now)
		deprecated := map[types.VersionStatus]types.ClusterVersionStatus{
			types.VersionStatusStandardSupport: types.ClusterVersionStatusStandardSupport,
			types.VersionStatusExtendedSupport: types.ClusterVersionStatusExtendedSupport,
			types.VersionStatusUnsupported:     types.ClusterVersionStatusUnsupported,
		}[status]
		//lint:ignore SA1019 AWS still serves the filter that versionStatus replaces
		oldFilter := in.Status
		switch {
		case value(in.DefaultOnly) && !v.isDefault,
			in.ClusterType != nil && *in.ClusterType != clusterType,
			in.VersionStatus != "" && in.VersionStatus != status,
			oldFilter != "" && oldFilter != deprecated,
			len(in.ClusterVersions) > 0 && !slices.Contains(in.ClusterVersions, v.version),
			status == types.VersionStatusUnsupported && !value(in.IncludeAll) && in.VersionStatus == "" && oldFilter == "" && len(in.ClusterVersions) == 0:
			continue
		}
		names = append(names, v.version)
		byVersion[v.version] = types.ClusterVersionInformation{
			ClusterType: ptr(clusterType), ClusterVersion: ptr(v.version), DefaultPlatformVersion: ptr(v.platform),
			DefaultVersion: v.isDefault, KubernetesPatchVersion: ptr(v.patch), ReleaseDate: ptr(v.released),
			EndOfStandardSupportDate: ptr(v.endStandard), EndOfExtendedSupportDate: ptr(v.endExtension),
			Status: deprecated, VersionStatus: status, ControlPlaneComponentConfig: componentDefaults(), ControlPlaneScalingTiers: scalingTiers(),
		}
	}
	for _, wanted := range in.ClusterVersions {
		if _, ok := findVersion(wanted); !ok {
			return nil, invalidParameter(nil, "unsupported Kubernetes version %s", wanted)
		}
	}
	names, next, err := page(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeClusterVersionsOutput{NextToken: next, ClusterVersions: []types.ClusterVersionInformation{}}
	for _, n := range names {
		out.ClusterVersions = append(out.ClusterVersions, byVersion[n])
	}
	return out, nil
}
