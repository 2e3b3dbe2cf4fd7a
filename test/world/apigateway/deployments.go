package apigateway

import (
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const noRoutes = "At least one route is required before deploying the Api."

// deploy keeps the API as it is now; s.mu is held.
func (s *Service) deploy(a *api, description *string, auto bool) (*deployment, error) {
	if len(a.routes) == 0 {
		return nil, refuse(noRoutes)
	}
	d := &deployment{routes: sorted(a, a.routes), integrations: maps.Clone(a.integrations), authorizers: maps.Clone(a.authorizers)}
	d.v = types.Deployment{DeploymentId: ptr(s.id("deployment", 6)), DeploymentStatus: types.DeploymentStatusDeployed, CreatedDate: ptr(s.o.Clock.Now()), AutoDeployed: &auto, Description: description}
	if auto {
		d.v.Description = ptr("Automatic deployment triggered by changes to the Api configuration")
	}
	a.deployments[*d.v.DeploymentId], a.numbers[*d.v.DeploymentId] = d, s.count
	return d, nil
}

// changed deploys to the stages that want every change; s.mu is held. On AWS it
// takes seconds.
func (s *Service) changed(a *api) {
	for _, st := range sorted(a, a.stages) {
		s.autoDeploy(a, st)
	}
}

func (s *Service) autoDeploy(a *api, st *stage) {
	if !aws.ToBool(st.v.AutoDeploy) {
		return
	}
	d, err := s.deploy(a, nil, true)
	if err != nil {
		st.v.LastDeploymentStatusMessage = ptr("Deployment attempt failed: " + wire.Describe(err).Message)
		return
	}
	st.v.DeploymentId, st.v.LastUpdatedDate = d.v.DeploymentId, d.v.CreatedDate
	st.v.LastDeploymentStatusMessage = ptr(fmt.Sprintf("Successfully deployed stage with deployment ID '%s'", *d.v.DeploymentId))
	st.grants = map[string]grant{}
}

// used reports whether a stage points to a deployment.
func used(a *api, id string) bool {
	for _, st := range a.stages {
		if aws.ToString(st.v.DeploymentId) == id {
			return true
		}
	}
	return false
}

// CreateDeployment deploys an API, and lets a stage point to it.
func (s *Service) CreateDeployment(_ *wire.Call, in *v2.CreateDeploymentInput) (*v2.CreateDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	var st *stage
	if in.StageName != nil {
		if st, err = part(a.stages, in.StageName, "stage"); err != nil {
			return nil, err
		}
		if aws.ToBool(st.v.AutoDeploy) {
			return nil, refuse("Deployment ID cannot be set for stages with AutoDeploy enabled")
		}
	}
	d, err := s.deploy(a, in.Description, false)
	if err != nil {
		return nil, err
	}
	if st != nil {
		st.v.DeploymentId, st.v.LastUpdatedDate, st.grants = d.v.DeploymentId, d.v.CreatedDate, map[string]grant{}
	}
	return project[v2.CreateDeploymentOutput](d.v), nil
}

// GetDeployment describes a deployment.
func (s *Service) GetDeployment(_ *wire.Call, in *v2.GetDeploymentInput) (*v2.GetDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	d, err := part(a.deployments, in.DeploymentId, "Deployment")
	if err != nil {
		return nil, err
	}
	return project[v2.GetDeploymentOutput](d.v), nil
}

// GetDeployments lists an API's deployments.
func (s *Service) GetDeployments(_ *wire.Call, in *v2.GetDeploymentsInput) (*v2.GetDeploymentsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	all := []types.Deployment{}
	for _, d := range sorted(a, a.deployments) {
		all = append(all, d.v)
	}
	items, next, err := page(all, in.MaxResults, in.NextToken)
	return &v2.GetDeploymentsOutput{Items: items, NextToken: next}, err
}

// UpdateDeployment changes a deployment's description.
func (s *Service) UpdateDeployment(_ *wire.Call, in *v2.UpdateDeploymentInput) (*v2.UpdateDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	d, err := part(a.deployments, in.DeploymentId, "Deployment")
	if err != nil {
		return nil, err
	}
	d.v.Description = in.Description
	return project[v2.UpdateDeploymentOutput](d.v), nil
}

// DeleteDeployment deletes a deployment that no stage points to.
func (s *Service) DeleteDeployment(_ *wire.Call, in *v2.DeleteDeploymentInput) (*v2.DeleteDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := part(a.deployments, in.DeploymentId, "Deployment"); err != nil {
		return nil, err
	}
	if used(a, *in.DeploymentId) {
		return nil, refuse("Active stages pointing to this deployment must be moved or deleted")
	}
	delete(a.deployments, *in.DeploymentId)
	return &v2.DeleteDeploymentOutput{}, nil
}
