package eks

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// AWS's patterns: names start with a letter or digit.
var (
	clusterName   = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)
	nodegroupName = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,62}$`)
	roleARN       = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
	versionForm   = regexp.MustCompile(`^1\.(\d{1,3})$`)
)

func invalidParameter(cluster *string, format string, args ...any) error {
	return &types.InvalidParameterException{ClusterName: cluster, Message: ptr(fmt.Sprintf(format, args...))}
}

func invalidRequest(cluster *string, format string, args ...any) error {
	return &types.InvalidRequestException{ClusterName: cluster, Message: ptr(fmt.Sprintf(format, args...))}
}

func inUse(cluster *string, format string, args ...any) error {
	return &types.ResourceInUseException{ClusterName: cluster, Message: ptr(fmt.Sprintf(format, args...))}
}

// required checks members in pairs of name and value.
func required(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		missing := false
		switch v := pairs[i+1].(type) {
		case *string:
			missing = v == nil || *v == ""
		case []string:
			missing = len(v) == 0
		case *types.VpcConfigRequest:
			missing = v == nil
		default:
			panic(fmt.Sprintf("eks: required cannot check %T", v))
		}
		if missing {
			return invalidParameter(nil, "Missing required parameter: %s", pairs[i])
		}
	}
	return nil
}

// cluster finds a cluster. The lock must be held.
func (s *Service) cluster(name *string) (*cluster, error) {
	if err := required("name", name); err != nil {
		return nil, err
	}
	c := s.clusters[*name]
	if c == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: name, Message: ptr(fmt.Sprintf("No cluster found for name: %s.", *name))}
	}
	s.refreshDue(c)
	return c, nil
}

// activeCluster finds a cluster that takes changes of its parts.
func (s *Service) activeCluster(name *string) (*cluster, error) {
	c, err := s.cluster(name)
	if err != nil {
		return nil, err
	}
	if c.Status != types.ClusterStatusActive {
		return nil, invalidRequest(name, "Cluster '%s' is not in ACTIVE status", *name)
	}
	return c, nil
}

func (c *cluster) nodegroup(name *string) (*nodegroup, error) {
	if err := required("nodegroupName", name); err != nil {
		return nil, err
	}
	n := c.nodegroups[*name]
	if n == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, NodegroupName: name, Message: ptr(fmt.Sprintf("No node group found for name: %s.", *name))}
	}
	return n, nil
}

func (c *cluster) addon(name *string) (*types.Addon, error) {
	if err := required("addonName", name); err != nil {
		return nil, err
	}
	a := c.addons[*name]
	if a == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, AddonName: name, Message: ptr(fmt.Sprintf("No addon: %s found in cluster: %s", *name, *c.Name))}
	}
	return a, nil
}

// page cuts one page out of sorted names. The token is opaque to callers.
func page(names []string, maxResults *int32, token *string) ([]string, *string, error) {
	limit := 100
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > 100 {
			return nil, nil, invalidParameter(nil, "maxResults must be between 1 and 100")
		}
		limit = int(*maxResults)
	}
	start := 0
	if token != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*token)
		last, ok := strings.CutPrefix(string(raw), "after:")
		if err != nil || !ok {
			return nil, nil, invalidParameter(nil, "Invalid nextToken")
		}
		if start = slices.Index(names, last) + 1; start == 0 {
			start, _ = slices.BinarySearch(names, last)
		}
	}
	names = names[start:]
	if len(names) <= limit {
		return append([]string{}, names...), nil, nil
	}
	names = append([]string{}, names[:limit]...)
	return names, ptr(base64.RawURLEncoding.EncodeToString([]byte("after:" + names[limit-1]))), nil
}
