package eventbridge

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestPoliciesOfBuses(t *testing.T) {
	clk := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	s := New(clk, "123456789012", "eu-west-1", wire.NewMux(clk.Now, nil))
	policy := func() string {
		out, err := s.DescribeEventBus(nil, &awseb.DescribeEventBusInput{})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.Policy)
	}
	allow := func(sid, principal string) error {
		_, err := s.PutPermission(nil, &awseb.PutPermissionInput{StatementId: &sid, Action: aws.String("events:PutEvents"), Principal: &principal})
		return err
	}
	if policy() != "" {
		t.Errorf("a new bus has %s", policy())
	}
	for _, sid := range []string{"a", "b", "a"} {
		if err := allow(sid, "999999999999"); err != nil {
			t.Fatal(err)
		}
	}
	if p := policy(); strings.Count(p, `"Sid":"a"`) != 1 || !strings.Contains(p, `"arn:aws:iam::999999999999:root"`) {
		t.Errorf("policy = %s", p)
	}
	if err := allow("c", "nobody"); err == nil {
		t.Error("a principal that is no account was accepted")
	}
	if _, err := s.RemovePermission(nil, &awseb.RemovePermissionInput{StatementId: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemovePermission(nil, &awseb.RemovePermissionInput{StatementId: aws.String("a")}); err == nil {
		t.Error("a statement was removed twice")
	}
	if _, err := s.PutPermission(nil, &awseb.PutPermissionInput{Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Sid":"whole","Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":"*"}}`)}); err != nil {
		t.Fatal(err)
	}
	if p := policy(); !strings.Contains(p, "whole") || strings.Contains(p, `"Sid":"b"`) {
		t.Errorf("policy = %s", p)
	}
	if _, err := s.RemovePermission(nil, &awseb.RemovePermissionInput{RemoveAllPermissions: true}); err != nil || policy() != "" {
		t.Errorf("%v, %s", err, policy())
	}
}
