package eks

import (
	"encoding/json"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// update is one update of a cluster, a node group or an add-on.
type update struct {
	types.Update
	nodegroup, addon string // both empty: of the cluster itself
}

// tokenUse remembers what a ClientRequestToken was used for.
type tokenUse struct {
	request string // the request as JSON
	update  *update
	answer  any // of an operation that starts no update, as a pointer
}

// startUpdate adds an update that is InProgress. The lock must be held.
func (s *Service) startUpdate(c *cluster, typ types.UpdateType, nodegroup, addon string, params ...types.UpdateParam) *update {
	if params == nil {
		params = []types.UpdateParam{}
	}
	u := &update{nodegroup: nodegroup, addon: addon, Update: types.Update{
		Id: ptr(s.uuid()), Type: typ, Status: types.UpdateStatusInProgress, CreatedAt: s.now(), Params: params, Errors: []types.ErrorDetail{},
	}}
	c.updates = append(c.updates, u)
	return u
}

// end makes an update Successful or, with a code, Failed.
func (u *update) end(code types.ErrorCode, message string, resources ...string) {
	if code == "" {
		u.Status = types.UpdateStatusSuccessful
		return
	}
	u.Status = types.UpdateStatusFailed
	u.Errors = []types.ErrorDetail{{ErrorCode: code, ErrorMessage: ptr(message), ResourceIds: resources}}
}

// inFlight returns the update of the cluster itself that is InProgress.
func (c *cluster) inFlight() *update {
	for _, u := range c.updates {
		if u.Status == types.UpdateStatusInProgress && u.nodegroup == "" && u.addon == "" {
			return u
		}
	}
	return nil
}

// findUpdate finds an update of the cluster itself; nil when there is none.
func (c *cluster) findUpdate(id string) *update {
	for _, u := range c.updates {
		if *u.Id == id && u.nodegroup == "" && u.addon == "" {
			return u
		}
	}
	return nil
}

// repeated answers a request whose ClientRequestToken was used before: with the
// update of the first request, or with an error when the requests differ.
func (c *cluster) repeated(token *string, request any) (*types.Update, error) {
	if value(token) == "" {
		return nil, nil
	}
	use, ok := c.tokens[tokenKey(*token, request)]
	if !ok {
		return nil, nil
	}
	if use.request != fingerprint(request) {
		return nil, invalidRequest(c.Name, "The ClientRequestToken %s was already used with different parameters", *token)
	}
	return ptr(use.update.Update), nil
}

func (c *cluster) remember(token *string, request any, u *update) {
	if value(token) != "" {
		c.tokens[tokenKey(*token, request)] = tokenUse{request: fingerprint(request), update: u}
	}
}

// answered returns what a request with this ClientRequestToken was answered
// before, for operations that start no update; nil for a new token.
func answered[T any](c *cluster, token *string, request any) (*T, error) {
	use, ok := c.tokens[tokenKey(value(token), request)]
	if value(token) == "" || !ok {
		return nil, nil
	}
	answer, ok := use.answer.(*T)
	if !ok || use.request != fingerprint(request) {
		return nil, invalidRequest(c.Name, "The ClientRequestToken %s was already used with different parameters", *token)
	}
	return answer, nil
}

// answer remembers what a request was answered.
func (c *cluster) answer(token *string, request, answer any) {
	if value(token) != "" {
		c.tokens[tokenKey(*token, request)] = tokenUse{request: fingerprint(request), answer: answer}
	}
}

// tokenKey keeps the tokens of different operations apart.
func tokenKey(token string, request any) string { return fmt.Sprintf("%T/%s", request, token) }

func fingerprint(request any) string {
	b, err := json.Marshal(request)
	if err != nil {
		panic(fmt.Sprintf("eks: SDK inputs are plain data: %v", err))
	}
	return fmt.Sprintf("%T %s", request, b)
}

func param(typ types.UpdateParamType, v string) types.UpdateParam {
	return types.UpdateParam{Type: typ, Value: ptr(v)}
}

// noCapability answers for capabilities, of which clusters have none here.
func noCapability(c *cluster, name *string) error {
	if name == nil {
		return nil
	}
	return &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr(fmt.Sprintf("No capability found for name: %s.", *name))}
}

// DescribeUpdate describes one update of a cluster, a node group or an add-on.
func (s *Service) DescribeUpdate(_ *wire.Call, in *sdk.DescribeUpdateInput) (*sdk.DescribeUpdateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	if err := required("updateId", in.UpdateId); err != nil {
		return nil, err
	}
	if err := noCapability(c, in.CapabilityName); err != nil {
		return nil, err
	}
	for _, u := range c.updates {
		if *u.Id == *in.UpdateId && u.nodegroup == value(in.NodegroupName) && u.addon == value(in.AddonName) {
			return &sdk.DescribeUpdateOutput{Update: ptr(u.Update)}, nil
		}
	}
	return nil, &types.ResourceNotFoundException{ClusterName: in.Name, NodegroupName: in.NodegroupName, AddonName: in.AddonName,
		Message: ptr(fmt.Sprintf("No update found for ID: %s", *in.UpdateId))}
}

// ListUpdates lists the ids of the updates of a cluster, or of one of its node
// groups or add-ons, newest first.
func (s *Service) ListUpdates(_ *wire.Call, in *sdk.ListUpdatesInput) (*sdk.ListUpdatesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	if in.NodegroupName != nil {
		if _, err := c.nodegroup(in.NodegroupName); err != nil {
			return nil, err
		}
	}
	if in.AddonName != nil {
		if _, err := c.addon(in.AddonName); err != nil {
			return nil, err
		}
	}
	if err := noCapability(c, in.CapabilityName); err != nil {
		return nil, err
	}
	var ids []string
	for _, u := range slices.Backward(c.updates) {
		if u.nodegroup == value(in.NodegroupName) && u.addon == value(in.AddonName) {
			ids = append(ids, *u.Id)
		}
	}
	ids, next, err := page(ids, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListUpdatesOutput{UpdateIds: ids, NextToken: next}, nil
}
