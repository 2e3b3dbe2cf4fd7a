package resource

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
)

type alarm struct {
	ActionsEnabled                   *bool
	AlarmActions                     []string
	AlarmDescription                 *string
	AlarmName                        *string
	ComparisonOperator               types.ComparisonOperator `cfn:"required"`
	DatapointsToAlarm                *int32
	Dimensions                       []types.Dimension
	EvaluateLowSampleCountPercentile *string
	EvaluationPeriods                int32 `cfn:"required"`
	ExtendedStatistic                *string
	InsufficientDataActions          []string
	MetricName                       *string
	Metrics                          []types.MetricDataQuery
	Namespace                        *string
	OKActions                        []string
	Period                           *int32
	Statistic                        types.Statistic
	Tags                             []Tag
	Threshold                        *float64
	ThresholdMetricId                *string
	TreatMissingData                 *string
	Unit                             types.StandardUnit
}

func metricTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func (p *alarm) put(x *Context, name *string) error {
	return do(x, &cloudwatch.PutMetricAlarmInput{AlarmName: name, ActionsEnabled: p.ActionsEnabled, AlarmActions: p.AlarmActions, AlarmDescription: p.AlarmDescription,
		ComparisonOperator: p.ComparisonOperator, DatapointsToAlarm: p.DatapointsToAlarm, Dimensions: p.Dimensions, EvaluateLowSampleCountPercentile: p.EvaluateLowSampleCountPercentile,
		EvaluationPeriods: &p.EvaluationPeriods, ExtendedStatistic: p.ExtendedStatistic, InsufficientDataActions: p.InsufficientDataActions, MetricName: p.MetricName, Metrics: p.Metrics,
		Namespace: p.Namespace, OKActions: p.OKActions, Period: p.Period, Statistic: p.Statistic, Tags: tagsAs(x.tags(p.Tags), metricTag), Threshold: p.Threshold,
		ThresholdMetricId: p.ThresholdMetricId, TreatMissingData: p.TreatMissingData, Unit: p.Unit})
}

type compositeAlarm struct {
	ActionsEnabled                   *bool
	ActionsSuppressor                *string
	ActionsSuppressorExtensionPeriod *int32
	ActionsSuppressorWaitPeriod      *int32
	AlarmActions                     []string
	AlarmDescription                 *string
	AlarmName                        *string
	AlarmRule                        string `cfn:"required"`
	InsufficientDataActions          []string
	OKActions                        []string
	Tags                             []Tag
}

func (p *compositeAlarm) put(x *Context, name *string) error {
	return do(x, &cloudwatch.PutCompositeAlarmInput{AlarmName: name, ActionsEnabled: p.ActionsEnabled, ActionsSuppressor: p.ActionsSuppressor,
		ActionsSuppressorExtensionPeriod: p.ActionsSuppressorExtensionPeriod, ActionsSuppressorWaitPeriod: p.ActionsSuppressorWaitPeriod, AlarmActions: p.AlarmActions,
		AlarmDescription: p.AlarmDescription, AlarmRule: &p.AlarmRule, InsufficientDataActions: p.InsufficientDataActions, OKActions: p.OKActions, Tags: tagsAs(x.tags(p.Tags), metricTag)})
}

// retagAlarm: PutMetricAlarm tags only alarms that are new.
func retagAlarm(x *Context, id string, old, is []Tag) error {
	arn := x.ARN("cloudwatch", "alarm:"+id)
	return retag(x, old, is,
		func(tags map[string]string) error {
			return do(x, &cloudwatch.TagResourceInput{ResourceARN: &arn, Tags: tagsAs(tags, metricTag)})
		},
		func(keys []string) error {
			return do(x, &cloudwatch.UntagResourceInput{ResourceARN: &arn, TagKeys: keys})
		})
}

func alarmState(x *Context, id string) (State, error) {
	return State{Attributes: map[string]any{"Arn": x.ARN("cloudwatch", "alarm:"+id)}}, nil
}

type dashboard struct {
	DashboardBody Document `cfn:"required"`
	DashboardName *string
	Tags          []Tag // CloudWatch takes them at creation only
}

func (p *dashboard) put(x *Context, name *string) error {
	out, err := invoke[cloudwatch.PutDashboardOutput](x, &cloudwatch.PutDashboardInput{DashboardName: name, DashboardBody: p.DashboardBody.text(), Tags: tagsAs(x.tags(p.Tags), metricTag)})
	if err != nil {
		return err
	}
	for _, m := range out.DashboardValidationMessages {
		return failedEntry(m.DataPath, aws.String("InvalidParameterInput"), m.Message)
	}
	return nil
}

type metricFilter struct {
	ApplyOnTransformedLogs *bool
	FilterName             *string
	FilterPattern          string                 `cfn:"required"`
	LogGroupName           string                 `cfn:"required"`
	MetricTransformations  []metricTransformation `cfn:"required"`
}

type metricTransformation struct {
	DefaultValue *float64
	Dimensions   []struct {
		Key   string `cfn:"required"`
		Value string `cfn:"required"`
	}
	MetricName      string `cfn:"required"`
	MetricNamespace string `cfn:"required"`
	MetricValue     string `cfn:"required"`
	Unit            logtypes.StandardUnit
}

func (p *metricFilter) put(x *Context, name *string) error {
	in := &cloudwatchlogs.PutMetricFilterInput{FilterName: name, FilterPattern: &p.FilterPattern, LogGroupName: &p.LogGroupName}
	if aws.ToBool(p.ApplyOnTransformedLogs) {
		return refuse("ApplyOnTransformedLogs")
	}
	for _, t := range p.MetricTransformations {
		m := logtypes.MetricTransformation{MetricName: &t.MetricName, MetricNamespace: &t.MetricNamespace, MetricValue: &t.MetricValue, DefaultValue: t.DefaultValue, Unit: t.Unit}
		for _, d := range t.Dimensions {
			if m.Dimensions == nil {
				m.Dimensions = map[string]string{}
			}
			m.Dimensions[d.Key] = d.Value
		}
		in.MetricTransformations = append(in.MetricTransformations, m)
	}
	return do(x, in)
}

type logPolicy struct {
	PolicyDocument Document `cfn:"required"`
	PolicyName     string   `cfn:"required"`
}

func (p *logPolicy) put(x *Context) error {
	return do(x, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: &p.PolicyName, PolicyDocument: p.PolicyDocument.text()})
}

func init() {
	register(definition[alarm]{
		name: "AWS::CloudWatch::Alarm", nameProperty: "AlarmName", replace: []string{"AlarmName"}, attributes: []string{"Arn"},
		create: func(x *Context, p *alarm) (string, error) {
			name := x.Or(p.AlarmName, 255)
			return made(*name, p.put(x, name))
		},
		read: func(x *Context, id string, _ *alarm) (State, error) { return alarmState(x, id) },
		update: func(x *Context, id string, old, p *alarm) error {
			if err := p.put(x, &id); err != nil {
				return err
			}
			return retagAlarm(x, id, old.Tags, p.Tags)
		},
		remove: func(x *Context, id string, _ *alarm) error {
			return do(x, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{id}})
		},
	}, definition[compositeAlarm]{
		name: "AWS::CloudWatch::CompositeAlarm", nameProperty: "AlarmName", replace: []string{"AlarmName"}, attributes: []string{"Arn"},
		create: func(x *Context, p *compositeAlarm) (string, error) {
			name := x.Or(p.AlarmName, 255)
			return made(*name, p.put(x, name))
		},
		read: func(x *Context, id string, _ *compositeAlarm) (State, error) { return alarmState(x, id) },
		update: func(x *Context, id string, old, p *compositeAlarm) error {
			if err := p.put(x, &id); err != nil {
				return err
			}
			return retagAlarm(x, id, old.Tags, p.Tags)
		},
		remove: func(x *Context, id string, _ *compositeAlarm) error {
			return do(x, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{id}})
		},
	}, definition[dashboard]{
		name: "AWS::CloudWatch::Dashboard", nameProperty: "DashboardName", replace: []string{"DashboardName"},
		create: func(x *Context, p *dashboard) (string, error) {
			name := x.Or(p.DashboardName, 255)
			return made(*name, p.put(x, name))
		},
		update: func(x *Context, id string, _, p *dashboard) error { return p.put(x, &id) },
		remove: func(x *Context, id string, _ *dashboard) error {
			return do(x, &cloudwatch.DeleteDashboardsInput{DashboardNames: []string{id}})
		},
	}, definition[metricFilter]{
		name: "AWS::Logs::MetricFilter", nameProperty: "FilterName", replace: []string{"FilterName", "LogGroupName"},
		create: func(x *Context, p *metricFilter) (string, error) {
			name := x.Or(p.FilterName, 512)
			return made(*name, p.put(x, name))
		},
		update: func(x *Context, id string, _, p *metricFilter) error { return p.put(x, &id) },
		remove: func(x *Context, id string, p *metricFilter) error {
			return do(x, &cloudwatchlogs.DeleteMetricFilterInput{FilterName: &id, LogGroupName: &p.LogGroupName})
		},
	}, definition[logPolicy]{
		name: "AWS::Logs::ResourcePolicy", nameProperty: "PolicyName", replace: []string{"PolicyName"},
		create: func(x *Context, p *logPolicy) (string, error) { return made(p.PolicyName, p.put(x)) },
		update: func(x *Context, _ string, _, p *logPolicy) error { return p.put(x) },
		remove: func(x *Context, id string, _ *logPolicy) error {
			return do(x, &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: &id})
		},
	}, definition[accessEntry]{
		name: "AWS::EKS::AccessEntry", replace: []string{"ClusterName", "PrincipalArn", "Type"}, attributes: []string{"AccessEntryArn"},
		create: func(x *Context, p *accessEntry) (string, error) {
			if err := do(x, &eks.CreateAccessEntryInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn, KubernetesGroups: p.KubernetesGroups, Tags: x.tags(p.Tags), Type: p.Type, Username: p.Username}); err != nil {
				return "", err
			}
			return p.PrincipalArn + "|" + p.ClusterName, p.associate(x, &accessEntry{})
		},
		read: func(x *Context, _ string, p *accessEntry) (State, error) {
			out, err := invoke[eks.DescribeAccessEntryOutput](x, &eks.DescribeAccessEntryInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"AccessEntryArn": *out.AccessEntry.AccessEntryArn}}, nil
		},
		update: updateAccessEntry,
		remove: func(x *Context, _ string, p *accessEntry) error {
			return do(x, &eks.DeleteAccessEntryInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn})
		},
	})
}

type accessEntry struct {
	AccessPolicies []struct {
		AccessScope ekstypes.AccessScope `cfn:"required"`
		PolicyArn   string               `cfn:"required"`
	}
	ClusterName      string `cfn:"required"`
	KubernetesGroups []string
	PrincipalArn     string `cfn:"required"`
	Tags             []Tag
	Type             *string
	Username         *string
}

// associate gives the entry p's access policies; old has what they were.
func (p *accessEntry) associate(x *Context, old *accessEntry) error {
	wanted := map[string]bool{}
	for _, a := range p.AccessPolicies {
		wanted[a.PolicyArn] = true
		if err := do(x, &eks.AssociateAccessPolicyInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn, PolicyArn: &a.PolicyArn, AccessScope: &a.AccessScope}); err != nil {
			return err
		}
	}
	for _, a := range old.AccessPolicies {
		if !wanted[a.PolicyArn] {
			if err := unlessGone(do(x, &eks.DisassociateAccessPolicyInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn, PolicyArn: &a.PolicyArn})); err != nil {
				return err
			}
		}
	}
	return nil
}

func updateAccessEntry(x *Context, _ string, old, p *accessEntry) error {
	groups := p.KubernetesGroups
	if groups == nil {
		groups = []string{}
	}
	if err := do(x, &eks.UpdateAccessEntryInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn, KubernetesGroups: groups, Username: p.Username}); err != nil {
		return err
	}
	out, err := invoke[eks.DescribeAccessEntryOutput](x, &eks.DescribeAccessEntryInput{ClusterName: &p.ClusterName, PrincipalArn: &p.PrincipalArn})
	if err != nil {
		return err
	}
	arn := out.AccessEntry.AccessEntryArn
	if err := retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error { return do(x, &eks.TagResourceInput{ResourceArn: arn, Tags: tags}) },
		func(keys []string) error { return do(x, &eks.UntagResourceInput{ResourceArn: arn, TagKeys: keys}) }); err != nil {
		return err
	}
	return p.associate(x, old)
}
