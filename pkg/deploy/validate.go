package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a schedule's time zone is known on every machine

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	// Sources: API references of EKS CreateCluster (name), Route 53 (ResourceId)
	// and IAM CreateRole (RoleName, Path).
	clusterPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_*-]{0,99}$`)
	clusterName    = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)
	hostedZone     = regexp.MustCompile(`^Z[0-9A-Z]{1,31}$`)
	roleName       = regexp.MustCompile(`^[\w+=.@/-][\w+=.@/*-]{0,511}$`)
	vpcID          = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetID       = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupID        = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	prefixListID   = regexp.MustCompile(`^pl-[0-9a-f]{8,17}$`)
	scheduleName   = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`) // Scheduler, CreateSchedule Name
	externalID     = regexp.MustCompile(`^[\w+=,.@:/-]{2,1000}$`) // STS, AssumeRole ExternalId
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
	atExpression = regexp.MustCompile(`^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$`)
	rate         = regexp.MustCompile(`^rate\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\)$`)
	cron         = regexp.MustCompile(`^cron\((\S+ ){5}\S+\)$`)
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	tagKey   = regexp.MustCompile(`^[\pL\pZ\pN_.:/=+@-]{1,128}$`)
	tagValue = regexp.MustCompile(`^[\pL\pZ\pN_.:/=+@-]{0,256}$`)
	// CloudWatch Logs, PutRetentionPolicy retentionInDays.
	retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

// checker collects what is wrong.
type checker struct{ problems []error }

func (c *checker) say(field, message, remedy string) {
	c.problems = append(c.problems, problem(field, message, remedy))
}

func (c *checker) matches(field, value string, valid *regexp.Regexp, remedy string) {
	switch {
	case value == "":
		c.say(field, "is missing", remedy)
	case !valid.MatchString(value):
		c.say(field, fmt.Sprintf("%q is not valid", value), remedy)
	}
}

// each checks the items of a list, which may not be empty nor name one twice.
func (c *checker) each(field string, values []string, valid *regexp.Regexp, remedy string) {
	if len(values) == 0 {
		c.say(field, "is missing", remedy)
	}
	c.items(field, values, valid, remedy)
}

func (c *checker) items(field string, values []string, valid *regexp.Regexp, remedy string) {
	for i, v := range values {
		if !valid.MatchString(v) {
			c.say(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%q is not valid", v), remedy)
		}
		if slices.Contains(values[:i], v) {
			c.say(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%q is named twice", v), "remove one")
		}
	}
}

func (c *checker) within(field string, value, least, most int) {
	if value < least || value > most {
		c.say(field, fmt.Sprintf("%d is out of range", value), fmt.Sprintf("give %d to %d", least, most))
	}
}

// complete decodes the requests and returns everything that is wrong.
func (s *Settings) complete() []error {
	var c checker
	c.matches("account", s.Account, accountID, "give the 12 digits of the AWS account, in quotes")
	c.matches("region", s.Region, regionName, `give the AWS region as "eu-west-1"`)
	c.each("clusters", s.Clusters, clusterPattern, "name the EKS clusters that the agent may upgrade, and their green ones")
	c.each("hostedZones", s.HostedZones, hostedZone, `give the ids of the hosted zones with the weighted records as "Z0123456789ABC"`)
	c.each("roles", s.Roles, roleName, "name the IAM roles of the clusters, their node groups and add-ons")
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		if !tagKey.MatchString(key) || strings.HasPrefix(strings.ToLower(key), "aws:") || !tagValue.MatchString(s.Tags[key]) {
			c.say("tags."+key, fmt.Sprintf("%q is not a tag", key+"="+s.Tags[key]), "use letters, digits, spaces and _.:/=+-@, and no key that begins with aws:")
		}
	}
	if s.Architecture != Arm && s.Architecture != X86 {
		c.say("architecture", fmt.Sprintf("%q is not valid", s.Architecture), "use one of: arm64, x86_64")
	}
	c.within("reservedConcurrency", s.ReservedConcurrency, 0, 1000)
	if !slices.Contains(retentions, s.LogRetentionDays) {
		c.say("logRetentionDays", fmt.Sprintf("CloudWatch Logs cannot keep logs for %d days", s.LogRetentionDays), fmt.Sprintf("use one of: %v", retentions))
	}
	c.within("artifactDays", s.ArtifactDays, 0, 36500)
	if s.ArtifactDays > 0 && s.ArtifactDays < 90 {
		c.say("artifactDays", fmt.Sprintf("an upgrade that waits for an approval needs its plan for longer than %d days", s.ArtifactDays), "give 90 or more, or 0 for ever")
	}
	c.within("noncurrentDays", s.NoncurrentDays, 1, 36500)
	c.within("stuckHours", s.StuckHours, 1, 168) // CloudWatch evaluates an alarm over seven days at most
	s.VPC.check(&c)
	s.checkPeople(&c)
	for i := range s.Schedules {
		s.checkSchedule(&c, i)
	}
	for i := range s.EndOfSupport {
		s.checkSupport(&c, i)
	}
	for i, name := range s.AccessEntries {
		field := fmt.Sprintf("accessEntries[%d]", i)
		c.matches(field, name, clusterName, "name a cluster that exists, without *")
		if !covered(s.Clusters, name) {
			c.say(field, fmt.Sprintf("the cluster %q is not in clusters", name), "add it there, or remove it here")
		}
	}
	s.checkSpokes(&c)
	s.checkConfig(&c)
	return c.problems
}

func (v VPC) check(c *checker) {
	if !v.Inside() {
		if len(v.Subnets)+len(v.SecurityGroups)+len(v.Egress)+len(v.PrefixLists) > 0 {
			c.say("vpc.id", "is missing", `give the id as "vpc-0123456789abcdef0"`)
		}
		return
	}
	c.matches("vpc.id", v.ID, vpcID, `give the id as "vpc-0123456789abcdef0"`)
	c.each("vpc.subnets", v.Subnets, subnetID, `give ids as "subnet-0123456789abcdef0", in at least two zones`)
	c.items("vpc.securityGroups", v.SecurityGroups, groupID, `give ids as "sg-0123456789abcdef0"`)
	c.items("vpc.prefixLists", v.PrefixLists, prefixListID, `give ids as "pl-0123456789abcdef0"`)
	for i, block := range v.Egress {
		if p, err := netip.ParsePrefix(block); err != nil || p != p.Masked() {
			c.say(fmt.Sprintf("vpc.egress[%d]", i), fmt.Sprintf("%q is not a CIDR block", block), `give it as "10.0.0.0/16"`)
		}
	}
	switch own := len(v.SecurityGroups) == 0; {
	case own && len(v.Egress) == 0:
		c.say("vpc.egress", "is missing", "name the CIDR blocks of the VPC, in which API servers and interface endpoints are")
	case !own && len(v.Egress)+len(v.PrefixLists) > 0:
		c.say("vpc.egress", "is for a security group of the stack, but vpc.securityGroups names others", "remove one of the two")
	}
}

func (s Settings) checkPeople(c *checker) {
	for i, address := range s.AlertEmails {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			c.say(fmt.Sprintf("alertEmails[%d]", i), fmt.Sprintf("%q is not an e-mail address", address), `give it as "team@example.com"`)
		}
	}
	if s.Budget.MonthlyUSD < 0 {
		c.say("budget.monthlyUSD", "is negative", "give US dollars a month, or 0 for no budget")
	}
	switch oidc := s.Approvals.OIDC; {
	case oidc.Given():
		if u, err := url.Parse(oidc.Issuer); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			c.say("approvals.oidc.issuer", fmt.Sprintf("%q is not an issuer", oidc.Issuer), "give its https address")
		}
		if len(oidc.Audience) == 0 || slices.Contains(oidc.Audience, "") {
			c.say("approvals.oidc.audience", "is missing", "name the client ids for which tokens are accepted")
		}
	case len(oidc.Audience) > 0:
		c.say("approvals.oidc.issuer", "is missing", "give its https address")
	}
}

func (s *Settings) checkSchedule(c *checker, i int) {
	one := &s.Schedules[i]
	field := fmt.Sprintf("schedules[%d]", i)
	c.matches(field+".name", one.Name, scheduleName, "give 1 to 64 letters, digits, hyphens, underscores or dots")
	if slices.ContainsFunc(s.Schedules[:i], func(other Schedule) bool { return other.Name == one.Name }) {
		c.say(field+".name", fmt.Sprintf("%q is named twice", one.Name), "give it another name")
	}
	if !validExpression(one.Expression) {
		c.say(field+".expression", fmt.Sprintf("%q is not valid", one.Expression), `write it as "at(2026-12-05T01:00:00)", "cron(0 1 ? * SAT#1 *)" or "rate(30 days)"`)
	}
	if _, err := time.LoadLocation(one.Timezone); err != nil || one.Timezone == "Local" || one.Timezone == "" {
		c.say(field+".timezone", fmt.Sprintf("%q is not a time zone", one.Timezone), `give it as "Europe/Berlin"`)
	}
	c.within(field+".windowMinutes", one.WindowMinutes, 0, 1440)
	one.upgrade = s.request(c, field+".request", one.Request)
}

func validExpression(text string) bool {
	if at := atExpression.FindStringSubmatch(text); at != nil {
		_, err := time.Parse("2006-01-02T15:04:05", at[1])
		return err == nil
	}
	return rate.MatchString(text) || cron.MatchString(text)
}

func (s *Settings) checkSupport(c *checker, i int) {
	one := &s.EndOfSupport[i]
	field := fmt.Sprintf("endOfSupport[%d]", i)
	c.matches(field+".cluster", one.Cluster, clusterName, "name one cluster, without *")
	if slices.ContainsFunc(s.EndOfSupport[:i], func(other Support) bool { return other.Cluster == one.Cluster }) {
		c.say(field+".cluster", fmt.Sprintf("%q is named twice", one.Cluster), "remove one")
	}
	one.upgrade = s.request(c, field+".request", one.Request)
	if one.upgrade.Cluster != "" && one.upgrade.Cluster != one.Cluster {
		c.say(field+".request.cluster", fmt.Sprintf("is %q, but the announcement is for %q", one.upgrade.Cluster, one.Cluster), "name the same cluster")
	}
}

// request decodes the request of an upgrade. One for a cluster or zone that the
// agent may not touch would fail at the time of its start.
func (s Settings) request(c *checker, field string, values map[string]any) upgrade.Request {
	data, err := json.Marshal(values)
	if err != nil {
		c.say(field, err.Error(), "write it as in docs/deploy.example.yaml")
		return upgrade.Request{}
	}
	r, err := upgrade.DecodeRequest(data)
	if err != nil {
		var wrong *upgrade.Error
		if errors.As(err, &wrong) {
			c.say(strings.TrimSuffix(field+"."+wrong.Field, "."), wrong.Message, wrong.Remedy)
		} else {
			c.say(field, err.Error(), "")
		}
		return upgrade.Request{}
	}
	for key, name := range map[string]string{"cluster": r.Cluster, "green": r.Green} {
		if name != "" && !covered(s.Clusters, name) {
			c.say(field+"."+key, fmt.Sprintf("the cluster %q is not in clusters", name), "add it there")
		}
	}
	if zone := r.Traffic.HostedZone; zone != "" && !slices.Contains(s.HostedZones, zone) {
		c.say(field+".traffic.hostedZone", fmt.Sprintf("the zone %q is not in hostedZones", zone), "add it there")
	}
	return r
}

// covered reports whether a name is one of the patterns, in which a * stands
// for any text.
func covered(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		matched, err := path.Match(p, name)
		return err == nil && matched
	})
}

func (s *Settings) checkSpokes(c *checker) {
	for i := range s.Spokes {
		one := &s.Spokes[i]
		field := fmt.Sprintf("spokes[%d]", i)
		if one.Region == "" {
			one.Region = s.Region
		}
		c.matches(field+".account", one.Account, accountID, "give the 12 digits of the AWS account, in quotes")
		c.matches(field+".region", one.Region, regionName, `give the AWS region as "eu-west-1"`)
		c.matches(field+".externalId", one.ExternalID, externalID, "give a text of 2 to 1000 letters, digits or +=,.@:/-, another one for each spoke")
		c.each(field+".clusters", one.Clusters, clusterPattern, "name the EKS clusters of that account")
		c.each(field+".hostedZones", one.HostedZones, hostedZone, "give the ids of the hosted zones of that account")
		c.each(field+".roles", one.Roles, roleName, "name the IAM roles of its clusters, node groups and add-ons")
		if one.Account == s.Account {
			c.say(field+".account", "is the account of the hub", "add its clusters to clusters")
		}
		if slices.ContainsFunc(s.Spokes[:i], func(other Spoke) bool { return other.Account == one.Account }) {
			c.say(field+".account", fmt.Sprintf("%q is named twice", one.Account), "name its clusters in one place: its roles are for all regions")
		}
	}
}

func (s Settings) checkConfig(c *checker) {
	values, problems := config.ReadTree(s.Config, "deploy.yaml")
	for _, err := range problems {
		if own, ok := errors.AsType[*upgrade.Error](err); ok {
			c.say("config."+own.Field, own.Message, own.Remedy)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		setting, _ := config.Find(key)
		switch {
		case setting.Secret:
			c.say("config."+key, "is a secret, and a template is no place for it", "remove it and store it with: eks-upgrade config push --secret "+key+"=@FILE")
		case values[key] == "":
			c.say("config."+key, "is empty", "give a value or remove it")
		case setting.Resource:
			c.say("config."+key, "names something that this deployment makes itself", "remove it")
		}
	}
}

// Parameters returns the settings of the agent by key, as parameters hold them:
// "verify.healthMaxAge".
func (s Settings) Parameters() map[string]string {
	values, _ := config.ReadTree(s.Config, "deploy.yaml") // problems were said by Load
	return values
}
