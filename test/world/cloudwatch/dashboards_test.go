package cloudwatch

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestDashboards(t *testing.T) {
	clk := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	s := New(clk, "123456789012", "eu-west-1", wire.NewMux(clk.Now, nil), nil)
	put := func(name, body string) error {
		_, err := s.PutDashboard(nil, &awscw.PutDashboardInput{DashboardName: &name, DashboardBody: &body})
		return err
	}
	good := `{"widgets":[{"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{"markdown":"x"}}]}`
	if err := put("one", good); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"no JSON": `{`, "kind": `{"widgets":[{"type":"pie","properties":{}}]}`, "place": `{"widgets":[{"type":"text","x":24,"properties":{}}]}`, "properties": `{"widgets":[{"type":"text"}]}`} {
		if err := put("two", body); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := put("a b", good); err == nil {
		t.Error("a name with a space was accepted")
	}
	if out, err := s.GetDashboard(nil, &awscw.GetDashboardInput{DashboardName: aws.String("one")}); err != nil || *out.DashboardBody != good {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.DeleteDashboards(nil, &awscw.DeleteDashboardsInput{DashboardNames: []string{"one", "none"}}); err == nil {
		t.Error("a dashboard that is not there was deleted")
	}
	if out, err := s.ListDashboards(nil, &awscw.ListDashboardsInput{DashboardNamePrefix: aws.String("o")}); err != nil || len(out.DashboardEntries) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.DeleteDashboards(nil, &awscw.DeleteDashboardsInput{DashboardNames: []string{"one"}}); err != nil {
		t.Error(err)
	}
}
