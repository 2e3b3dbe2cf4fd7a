package provision

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Command is what the command line tool needs to provision. All fields are
// needed.
type Command struct {
	EKS API
	S3  artifacts.S3API
	// Kubernetes lets the agent's roles into the new cluster.
	Kubernetes Kubernetes
	Clock      clock.Clock
	Getenv     func(string) string
}

// defaultPoll is how often EKS is looked at: its shortest creations take
// minutes.
const defaultPoll = 15 * time.Second

// Run provisions the cluster of the specification at location: a file, or
// s3://bucket/key. The environment says the rest, as the execute phase sets it
// for the build: EXECUTION is needed; STEP_ID names the step; SPEC_SHA256,
// when set, is the hash that the specification must have; POLL_INTERVAL is a
// duration, 15s when it is not set. Progress goes to the logger of ctx.
func (c Command) Run(ctx context.Context, location string) error {
	id := c.Getenv("EXECUTION")
	if id == "" {
		return upgrade.KindInvalidInput.Field("provision", "EXECUTION", "is not set", "set it to the id of the upgrade")
	}
	poll := defaultPoll
	if text := c.Getenv("POLL_INTERVAL"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return upgrade.KindInvalidInput.Field("provision", "POLL_INTERVAL", fmt.Sprintf("%q is not a duration above 0", text), `write it as "15s"`)
		}
		poll = d
	}
	spec, err := c.load(ctx, location)
	if err != nil {
		return err
	}
	return Provision(ctx, c.EKS, spec, Options{Upgrade: id, Step: c.Getenv("STEP_ID"), Poll: poll, Clock: c.Clock, Kubernetes: c.Kubernetes,
		Progress: func(line string) { logging.From(ctx).Info().Msg(line) }})
}

func (c Command) load(ctx context.Context, location string) (upgrade.ProvisionInput, error) {
	data, err := c.read(ctx, location)
	if err != nil {
		return upgrade.ProvisionInput{}, err
	}
	spec, err := upgrade.Decode[upgrade.ProvisionInput](data)
	if err != nil {
		return spec, fmt.Errorf("specification %s: %w", location, err)
	}
	return spec, check(spec)
}

func (c Command) read(ctx context.Context, location string) ([]byte, error) {
	if !strings.HasPrefix(location, "s3://") {
		data, err := os.ReadFile(location)
		if err != nil {
			return nil, upgrade.KindSpecificationUnreadable.Errorf("read specification", "%w", err)
		}
		return data, nil
	}
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || len(u.Path) < 2 {
		return nil, upgrade.KindInvalidInput.Errorf("read specification", "%q is not an S3 location", location).WithRemedy("write it as s3://bucket/key")
	}
	store, key := artifacts.New(c.S3, u.Host), u.Path[1:]
	if sum := c.Getenv("SPEC_SHA256"); sum != "" {
		return store.GetBytes(ctx, upgrade.Ref{Bucket: u.Host, Key: key, SHA256: sum})
	}
	return store.Read(ctx, key)
}

// check names the first field that EKS could not do without.
func check(spec upgrade.ProvisionInput) error {
	missing := func(field string) error {
		return upgrade.KindInvalidInput.Field("read specification", field, "is missing", "give the input of a provision step")
	}
	switch {
	case spec.Cluster == "":
		return missing("cluster")
	case spec.Like == "":
		return missing("like")
	case spec.Version == (upgrade.Version{}):
		return missing("version")
	case spec.RoleARN == "":
		return missing("roleArn")
	case len(spec.Subnets) == 0:
		return missing("subnets")
	}
	return nil
}
