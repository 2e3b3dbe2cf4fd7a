package full_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/smithy-go"
)

func TestAutoScalingGroupsAreFoundByTags(t *testing.T) {
	w, services := newWorldWithServices(t)
	api := autoscaling.NewFromConfig(w.AWSConfig())
	for _, name := range []string{"a", "b", "c"} {
		services.Scaling.PutGroup(scaling.AutoScalingGroup{AutoScalingGroupName: &name, LaunchConfigurationName: aws.String("lc"),
			Tags: []scaling.TagDescription{{Key: aws.String("kubernetes.io/cluster/shop-" + name), Value: aws.String("owned")}, {Key: aws.String("team"), Value: aws.String("x")}}})
	}
	services.Scaling.PutLaunchConfiguration(scaling.LaunchConfiguration{LaunchConfigurationName: aws.String("lc"), ImageId: aws.String("ami-1"), UserData: aws.String("eA==")})
	filter := func(name string, values ...string) []scaling.Filter {
		return []scaling.Filter{{Name: &name, Values: values}}
	}
	for _, tt := range []struct {
		filters []scaling.Filter
		want    string
	}{
		{nil, "abc"},
		{filter("tag-key", "kubernetes.io/cluster/shop-a", "kubernetes.io/cluster/shop-c"), "ac"},
		{append(filter("tag-key", "kubernetes.io/cluster/shop-a"), filter("tag-value", "y")...), ""},
		{filter("tag:team", "x"), "abc"},
		{filter("tag:team", "owned"), ""},
	} {
		got := ""
		pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(api, &autoscaling.DescribeAutoScalingGroupsInput{Filters: tt.filters, MaxRecords: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range page.AutoScalingGroups {
				got += *g.AutoScalingGroupName
			}
		}
		if got != tt.want {
			t.Errorf("%v finds %q, want %q", tt.filters, got, tt.want)
		}
	}
	out, err := api.DescribeLaunchConfigurations(t.Context(), &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: []string{"lc", "gone"}})
	if err != nil || len(out.LaunchConfigurations) != 1 || *out.LaunchConfigurations[0].ImageId != "ami-1" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = api.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{Filters: filter("name", "a")})
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "ValidationError" {
		t.Errorf("a filter that there is none of: %v", err)
	}
	_, err = api.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{NextToken: aws.String("x")})
	if _, ok := errors.AsType[*scaling.InvalidNextToken](err); !ok {
		t.Errorf("a token of nobody: %v", err)
	}
}

func TestQuotasAreTheAccountsOrElseTheDefault(t *testing.T) {
	w, services := newWorldWithServices(t)
	api := servicequotas.NewFromConfig(w.AWSConfig())
	const code = "L-1216C47A"
	get := func(code string) (*float64, error) {
		out, err := api.GetServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("ec2"), QuotaCode: &code})
		if err != nil {
			return nil, err
		}
		return out.Quota.Value, nil
	}
	services.Quotas.Set(code, 96)
	if v, err := get(code); err != nil || *v != 96 {
		t.Errorf("%v, %v", v, err)
	}
	services.Quotas.Unset(code)
	for _, code := range []string{code, "L-00000000"} {
		if _, err := get(code); err == nil {
			t.Errorf("%s has a value", code)
		} else if _, ok := errors.AsType[*types.NoSuchResourceException](err); !ok {
			t.Error(err)
		}
	}
	general, err := api.GetAWSDefaultServiceQuota(t.Context(), &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: aws.String("ec2"), QuotaCode: aws.String(code)})
	if err != nil || *general.Quota.Value != 5 || *general.Quota.QuotaArn != "arn:aws:servicequotas:eu-west-1::ec2/L-1216C47A" {
		t.Errorf("%+v, %v", general, err)
	}
	n := 0
	pages := servicequotas.NewListServiceQuotasPaginator(api, &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("ec2"), MaxResults: aws.Int32(4)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Quotas)
	}
	if n != 17 {
		t.Errorf("%d quotas, want all but the one without a value", n)
	}
}
