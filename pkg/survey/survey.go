// Package survey looks at clusters between upgrades and tells what changed:
// insights of EKS that no longer pass, and versions whose support ends. EKS
// itself sends no events about either.
package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS is what a survey asks of EKS.
type EKS interface {
	ListClusters(context.Context, *eks.ListClustersInput, ...func(*eks.Options)) (*eks.ListClustersOutput, error)
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	DescribeClusterVersions(context.Context, *eks.DescribeClusterVersionsInput, ...func(*eks.Options)) (*eks.DescribeClusterVersionsOutput, error)
	ListInsights(context.Context, *eks.ListInsightsInput, ...func(*eks.Options)) (*eks.ListInsightsOutput, error)
}

// EventBridge takes the events.
type EventBridge interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Input is what the schedule sends.
type Input struct {
	Clusters []string `json:"clusters"`           // names; * stands for any text
	WarnDays []int    `json:"warnDays,omitempty"` // days before the end of support at which to tell; default 180, 90, 60, 30, 14, 7, 1
}

// Validate implements the strict decoding of upgrade.Decode.
func (in Input) Validate() error {
	if len(in.Clusters) == 0 {
		return invalid("clusters", "is empty", `give the names of clusters: ["shop", "team-*"]`)
	}
	for i, pattern := range in.Clusters {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return invalid(fmt.Sprintf("clusters[%d]", i), fmt.Sprintf("%q is no name", pattern), "give a name; * stands for any text")
		}
	}
	for i, days := range in.WarnDays {
		if days < 1 {
			return invalid(fmt.Sprintf("warnDays[%d]", i), fmt.Sprintf("%d is out of range", days), "give a number of days, 1 or more")
		}
	}
	return nil
}

func invalid(field, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("survey", field, message, remedy)
}

// Output says what was seen.
type Output struct {
	Clusters []Seen `json:"clusters"`
}

// Seen is one cluster of a survey.
type Seen struct {
	Cluster  string          `json:"cluster"`
	Version  upgrade.Version `json:"version,omitzero"`
	Insights int             `json:"insights"` // that EKS keeps, passing ones too
	Events   int             `json:"events"`   // that were sent
}

// Handler surveys clusters. All fields are needed.
type Handler struct {
	EKS    EKS
	Events EventBridge
	Bus    string // name of the event bus
	Memory Memory
	Clock  clock.Clock
}

var defaultWarnDays = []int{180, 90, 60, 30, 14, 7, 1}

// Handle looks at every cluster that the input names. A cluster that cannot be
// seen does not keep the others from being seen; the error then names it, and
// the next call tells nothing twice.
func (h *Handler) Handle(ctx context.Context, in Input) (Output, error) {
	if err := in.Validate(); err != nil {
		return Output{}, err
	}
	if len(in.WarnDays) == 0 {
		in.WarnDays = defaultWarnDays
	}
	names, err := h.clusters(ctx, in.Clusters)
	if err != nil {
		return Output{}, err
	}
	support, err := h.support(ctx)
	if err != nil {
		return Output{}, err
	}
	out := Output{Clusters: []Seen{}}
	var problems []error
	for _, name := range names {
		seen, err := h.survey(ctx, name, support, in.WarnDays)
		if err != nil {
			logging.From(ctx).Error().Str("cluster", name).Msg(err.Error())
			problems = append(problems, fmt.Errorf("cluster %s: %w", name, err))
			continue
		}
		out.Clusters = append(out.Clusters, seen)
	}
	if len(names) == 0 {
		logging.From(ctx).Warn().Strs("clusters", in.Clusters).Msg("no cluster of this account and region has such a name")
	}
	return out, errors.Join(problems...)
}

// clusters returns the names of the clusters that a pattern matches.
func (h *Handler) clusters(ctx context.Context, patterns []string) ([]string, error) {
	var out []string
	pages := eks.NewListClustersPaginator(h.EKS, &eks.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list clusters", err)
		}
		for _, name := range page.Clusters {
			if slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, name); return ok && err == nil }) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// lifetime is until when EKS supports a version. The zero time is unknown.
type lifetime struct{ standard, extended time.Time }

func (h *Handler) support(ctx context.Context) (map[string]lifetime, error) {
	out := map[string]lifetime{}
	pages := eks.NewDescribeClusterVersionsPaginator(h.EKS, &eks.DescribeClusterVersionsInput{IncludeAll: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list the versions that EKS offers", err)
		}
		for _, v := range page.ClusterVersions {
			out[aws.ToString(v.ClusterVersion)] = lifetime{aws.ToTime(v.EndOfStandardSupportDate), aws.ToTime(v.EndOfExtendedSupportDate)}
		}
	}
	return out, nil
}

func (h *Handler) survey(ctx context.Context, name string, support map[string]lifetime, warnDays []int) (Seen, error) {
	described, err := h.EKS.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return Seen{}, awserr.Wrap("describe cluster "+name, err)
	}
	version, err := upgrade.ParseVersion(aws.ToString(described.Cluster.Version))
	if err != nil {
		return Seen{}, upgrade.KindSourceUnreadable.Errorf("describe cluster "+name, "%w", err)
	}
	seen := Seen{Cluster: name, Version: version}
	told, err := h.tellSupport(ctx, name, version, support[version.String()], warnDays)
	seen.Events += told
	if err != nil {
		return seen, err
	}
	pages := eks.NewListInsightsPaginator(h.EKS, &eks.ListInsightsInput{ClusterName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return seen, awserr.Wrap("list insights", err)
		}
		for _, insight := range page.Insights {
			seen.Insights++
			told, err := h.tellInsight(ctx, name, version, insight)
			seen.Events += told
			if err != nil {
				return seen, err
			}
		}
	}
	return seen, nil
}

// InsightEvent is the detail of a "Cluster Insight" event.
type InsightEvent struct {
	Cluster            string          `json:"cluster"`
	Version            upgrade.Version `json:"version"`
	ID                 string          `json:"id"`
	Name               string          `json:"name"`
	Category           string          `json:"category"`
	KubernetesVersion  string          `json:"kubernetesVersion,omitempty"` // the version that the insight is about
	Status             string          `json:"status"`
	Reason             string          `json:"reason,omitempty"`
	LastRefreshTime    upgrade.Time    `json:"lastRefreshTime,omitzero"`
	LastTransitionTime upgrade.Time    `json:"lastTransitionTime,omitzero"`
}

// maxReason bounds the reason of an insight, in characters.
const maxReason = 1000

// tellInsight sends an event when the status of an insight is another than the
// last time; an insight that has always passed is no news. A status that EKS
// does not give is UNKNOWN, which never counts as a pass.
func (h *Handler) tellInsight(ctx context.Context, cluster string, version upgrade.Version, from types.InsightSummary) (int, error) {
	e := InsightEvent{Cluster: cluster, Version: version, ID: aws.ToString(from.Id), Name: logging.Line(aws.ToString(from.Name), maxReason), Category: string(from.Category),
		KubernetesVersion: aws.ToString(from.KubernetesVersion), Status: string(types.InsightStatusValueUnknown)}
	if s := from.InsightStatus; s != nil && s.Status != "" {
		e.Status, e.Reason = string(s.Status), logging.Line(aws.ToString(s.Reason), maxReason)
	}
	if t := from.LastRefreshTime; t != nil {
		e.LastRefreshTime = upgrade.At(*t)
	}
	if t := from.LastTransitionTime; t != nil {
		e.LastTransitionTime = upgrade.At(*t)
	}
	return h.tell(ctx, cluster, "insight#"+e.ID, e.Status, string(types.InsightStatusValuePassing), events.ClusterInsight, e)
}

// SupportEvent is the detail of a "Support Ending" event.
type SupportEvent struct {
	Cluster  string          `json:"cluster"`
	Version  upgrade.Version `json:"version"`
	Support  string          `json:"support"` // "standard" or "extended"
	Ends     upgrade.Time    `json:"ends"`
	DaysLeft int             `json:"daysLeft"` // below 0: it has ended
}

// tellSupport sends an event each time the end of support comes nearer than one
// of the numbers of days, and when it is there.
func (h *Handler) tellSupport(ctx context.Context, cluster string, version upgrade.Version, until lifetime, warnDays []int) (int, error) {
	total := 0
	for _, s := range []struct {
		name string
		ends time.Time
	}{{"standard", until.standard}, {"extended", until.extended}} {
		if s.ends.IsZero() {
			continue
		}
		left := days(s.ends.Sub(h.Clock.Now()))
		stage := ""
		for _, d := range slices.Backward(slices.Sorted(slices.Values(warnDays))) {
			if left <= d {
				stage = fmt.Sprintf("%d days", d)
			}
		}
		if left < 0 {
			stage = "ended"
		}
		if stage == "" { // far away, or farther than it was
			continue
		}
		told, err := h.tell(ctx, cluster, "support#"+version.String()+"#"+s.name, stage, "", events.SupportEnding,
			SupportEvent{Cluster: cluster, Version: version, Support: s.name, Ends: upgrade.At(s.ends), DaysLeft: left})
		total += told
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// days counts whole days, rounded down.
func days(d time.Duration) int {
	n := int(d / (24 * time.Hour))
	if d < 0 && d%(24*time.Hour) != 0 {
		n--
	}
	return n
}

// tell sends an event if the state under the key is another than it was; quiet
// is the state of what was never told. The state is noted after the event was
// taken: a crash between the two tells twice, never not at all.
func (h *Handler) tell(ctx context.Context, cluster, key, state, quiet, detailType string, detail any) (int, error) {
	before, err := h.Memory.Told(ctx, cluster, key)
	if err != nil {
		return 0, err
	}
	if before == "" {
		before = quiet
	}
	if state == before {
		return 0, nil
	}
	if err := h.put(ctx, detailType, detail); err != nil {
		return 0, err
	}
	return 1, h.Memory.Tell(ctx, cluster, key, state)
}

func (h *Handler) put(ctx context.Context, detailType string, detail any) error {
	op := "send event " + detailType
	data, err := json.Marshal(detail)
	if err != nil {
		return upgrade.KindEventUnencodable.Errorf(op, "%w", err)
	}
	out, err := h.Events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: &h.Bus, Source: aws.String(events.Source), DetailType: &detailType, Detail: aws.String(string(data)), Time: aws.Time(h.Clock.Now())}}})
	if err != nil {
		return awserr.Wrap(op, err)
	}
	if out.FailedEntryCount > 0 {
		return upgrade.KindEventRefused.Errorf(op, "EventBridge did not take it: %s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	return nil
}
