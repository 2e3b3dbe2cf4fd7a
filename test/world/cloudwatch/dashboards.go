package cloudwatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// Limits of dashboards (source: "CloudWatch quotas").
const (
	maxWidgets     = 500
	dashboardsPage = 1000
)

type dashboard struct {
	body     string
	modified time.Time
}

// PutDashboard makes a dashboard or replaces its body. Of widgets the kind, the
// place and the size are checked; what they show is kept as it is.
func (s *Service) PutDashboard(_ *wire.Call, in *awscw.PutDashboardInput) (*awscw.PutDashboardOutput, error) {
	name := aws.ToString(in.DashboardName)
	if !dashboardName.MatchString(name) {
		return nil, invalidValue("The value " + name + " for parameter DashboardName is invalid. It may have letters, digits, - and _.")
	}
	if problems := checkBody(aws.ToString(in.DashboardBody)); len(problems) > 0 {
		return nil, &types.DashboardInvalidInputError{Message: aws.String("The field DashboardBody must be a valid JSON object"), DashboardValidationMessages: problems}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dashboards == nil {
		s.dashboards = map[string]dashboard{}
	}
	s.dashboards[name] = dashboard{*in.DashboardBody, s.clock.Now()}
	return &awscw.PutDashboardOutput{}, nil
}

var widgetKinds = []string{"metric", "text", "log", "alarm", "explorer", "custom"}

// checkBody says what is wrong with a dashboard (source: "Dashboard body
// structure and syntax").
func checkBody(text string) []types.DashboardValidationMessage {
	problem := func(path, format string, args ...any) []types.DashboardValidationMessage {
		return []types.DashboardValidationMessage{{DataPath: &path, Message: aws.String(fmt.Sprintf(format, args...))}}
	}
	var body struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height *int
			Properties          map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return problem("", "The dashboard body is not valid: %v", err)
	}
	if len(body.Widgets) > maxWidgets {
		return problem("/widgets", "A dashboard has at most %d widgets", maxWidgets)
	}
	for i, w := range body.Widgets {
		path := fmt.Sprintf("/widgets/%d", i)
		within := func(v *int, low, high int) bool { return v == nil || *v >= low && *v <= high }
		switch {
		case !slices.Contains(widgetKinds, w.Type):
			return problem(path+"/type", "Should be one of: %s", strings.Join(widgetKinds, ", "))
		case w.Properties == nil:
			return problem(path, "Should have property properties")
		case !within(w.X, 0, 23), !within(w.Width, 1, 24), !within(w.Height, 1, 1000), w.Y != nil && *w.Y < 0:
			return problem(path, "The widget does not fit the grid of 24 columns and 1000 rows")
		}
	}
	return nil
}

func (s *Service) dashboardARN(name string) string {
	return "arn:aws:cloudwatch::" + s.account + ":dashboard/" + name
}

func noDashboard(name string) error {
	return &types.DashboardNotFoundError{Message: aws.String("Dashboard " + name + " does not exist")}
}

// GetDashboard gives the body of a dashboard.
func (s *Service) GetDashboard(_ *wire.Call, in *awscw.GetDashboardInput) (*awscw.GetDashboardOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.DashboardName)
	d, ok := s.dashboards[name]
	if !ok {
		return nil, noDashboard(name)
	}
	return &awscw.GetDashboardOutput{DashboardArn: aws.String(s.dashboardARN(name)), DashboardName: &name, DashboardBody: &d.body}, nil
}

// DeleteDashboards deletes dashboards: all of them or, when one is not there,
// none.
func (s *Service) DeleteDashboards(_ *wire.Call, in *awscw.DeleteDashboardsInput) (*awscw.DeleteDashboardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.DashboardNames {
		if _, ok := s.dashboards[name]; !ok {
			return nil, noDashboard(name)
		}
	}
	for _, name := range in.DashboardNames {
		delete(s.dashboards, name)
	}
	return &awscw.DeleteDashboardsOutput{}, nil
}

// ListDashboards lists the dashboards by name.
func (s *Service) ListDashboards(_ *wire.Call, in *awscw.ListDashboardsInput) (*awscw.ListDashboardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.DashboardEntry{}
	for _, name := range slices.Sorted(maps.Keys(s.dashboards)) {
		if d := s.dashboards[name]; strings.HasPrefix(name, aws.ToString(in.DashboardNamePrefix)) {
			all = append(all, types.DashboardEntry{DashboardArn: aws.String(s.dashboardARN(name)), DashboardName: &name, LastModified: aws.Time(d.modified), Size: aws.Int64(int64(len(d.body)))})
		}
	}
	page, next, ok := paging.Cut(all, in.NextToken, dashboardsPage)
	if !ok {
		return nil, invalidValue("The value for parameter NextToken is invalid.")
	}
	return &awscw.ListDashboardsOutput{DashboardEntries: page, NextToken: next}, nil
}
