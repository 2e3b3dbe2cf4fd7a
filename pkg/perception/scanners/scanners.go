// Package scanners perceives what kubent and pluto found, and what an API server
// of the target version says of the cluster's manifests. They run in CodeBuild
// (scripts/scan.sh), which leaves their output in the artifact bucket.
package scanners

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Reader reads an object of the artifact bucket by its key.
type Reader interface {
	Read(ctx context.Context, key string) ([]byte, error)
}

// Collector reads the output of one build.
type Collector struct {
	Artifacts Reader
	Table     lifecycle.Table // what the tools' tables are compared with, normally lifecycle.All()
}

// ours returns what the agent's table says of an API; nil when it does not have
// it.
func (c *Collector) ours(object upgrade.ObjectRef) *upgrade.OurAPI {
	group, version := lifecycle.Split(object.APIVersion)
	api, known := c.Table.Lookup(group, version, object.Kind)
	if !known {
		return nil
	}
	return &upgrade.OurAPI{Deprecated: api.Deprecated, Removed: api.Removed, Replacement: api.ReplacedBy(), Product: api.Product}
}

// tools are the scanners with the parsers of their output.
var tools = []struct {
	name  string
	parse func([]byte) ([]upgrade.ScanFinding, error)
}{{"kubent", ParseKubent}, {"pluto", ParsePluto}}

// maxDetail is how many characters of a tool's last words are passed on.
const maxDetail = 500

// toolStatus is how a tool fared, as the build leaves it in tool-status.json.
type toolStatus struct {
	Tool    string `json:"tool"`
	Version string `json:"version"`
	Status  string `json:"status"` // ok, missing, failed
	Detail  string `json:"detail"`
}

// Collect implements perception.Collector. A tool whose output is missing or
// cannot be read is named in NotChecked.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	var snapshot upgrade.Snapshot
	if in.Scan == "" {
		why := in.Why
		if why == "" {
			why = "no build was started"
		}
		for _, tool := range tools {
			snapshot.NotChecked = append(snapshot.NotChecked, upgrade.NotChecked{What: tool.name, Why: why, Remedy: "repair the CodeBuild project of the scanners"})
		}
		snapshot.NotChecked = append(snapshot.NotChecked, upgrade.NotChecked{Part: proofPart, What: proofWhat, Why: why, Remedy: "repair the CodeBuild project of the scanners"})
		return snapshot, "the scanners did not run", nil
	}
	// CodeBuild's ids are "<project>:<uuid>"; the artifacts lie under the uuid.
	folder := "scans/" + in.Scan[strings.LastIndexByte(in.Scan, ':')+1:] + "/"
	status, err := c.status(ctx, folder)
	if err != nil {
		return snapshot, "", err
	}
	found, ran := 0, []string{}
	for _, tool := range tools {
		scan, err := c.scan(ctx, folder, status, tool.name, tool.parse)
		if err != nil {
			unseen, err := partial.Unseen(tool.name, err)
			if err != nil {
				return snapshot, "", err
			}
			snapshot.NotChecked = append(snapshot.NotChecked, unseen)
			continue
		}
		snapshot.Scans = append(snapshot.Scans, scan)
		found += len(scan.Findings)
		ran = append(ran, tool.name)
	}
	proved, err := c.proof(ctx, folder, status, &snapshot)
	if err != nil {
		return snapshot, "", err
	}
	if len(ran) == 0 {
		return snapshot, "no scanner gave a result" + proved, nil
	}
	return snapshot, fmt.Sprintf("%d findings of %s%s", found, strings.Join(ran, " and "), proved), nil
}

// status reads how the tools fared; a build that left nothing is an empty list.
func (c *Collector) status(ctx context.Context, folder string) ([]toolStatus, error) {
	data, err := c.Artifacts.Read(ctx, folder+"tool-status.json")
	if upgrade.CodeOf(err) == upgrade.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return upgrade.Decode[[]toolStatus](data)
}

// output reads what a tool left in a file, if it ran.
func (c *Collector) output(ctx context.Context, status []toolStatus, tool, file string) ([]byte, toolStatus, error) {
	op := "read the output of " + tool
	i := slices.IndexFunc(status, func(s toolStatus) bool { return s.Tool == tool })
	if i < 0 {
		return nil, toolStatus{}, upgrade.KindScanMissing.Errorf(op, "the build left no word of it").WithRemedy("see the log of the scanners' build")
	}
	if s := status[i]; s.Status != "ok" {
		return nil, s, upgrade.KindScanMissing.Errorf(op, "%s: %s", s.Status, logging.Line(s.Detail, maxDetail)).WithRemedy("see the log of the scanners' build")
	}
	data, err := c.Artifacts.Read(ctx, file)
	return data, status[i], err
}

func (c *Collector) scan(ctx context.Context, folder string, status []toolStatus, tool string, parse func([]byte) ([]upgrade.ScanFinding, error)) (upgrade.Scan, error) {
	op := "read the output of " + tool
	data, state, err := c.output(ctx, status, tool, folder+tool+".json")
	if err != nil {
		return upgrade.Scan{}, err
	}
	findings, err := parse(data)
	if err != nil {
		return upgrade.Scan{}, upgrade.KindScanUnreadable.Errorf(op, "%w", err).WithRemedy("use a release of " + tool + " whose output the agent knows")
	}
	for i := range findings {
		findings[i].Ours = c.ours(findings[i].Object)
	}
	return upgrade.Scan{Tool: tool, Version: state.Version, Findings: findings}, nil
}
