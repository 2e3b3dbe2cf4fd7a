package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Settings says where the agent is deployed and what it may touch. Nothing has
// a default but Dist, which stands in cdk.json: whoever deploys the agent says
// which clusters it may change and delete, and the roles of its functions allow
// no others.
type Settings struct {
	Account string // context "account": 12 digits
	Region  string // context "region"

	// Clusters are names of EKS clusters, green ones too, from the context
	// "clusters", separated by commas. A * stands for any text: "shop*".
	Clusters []string
	// HostedZones are ids of Route 53 hosted zones, from "hostedZones".
	HostedZones []string
	// Roles are names of IAM roles, from "roles": those of the clusters, of
	// their node groups and of their add-ons, which the agent passes to EKS
	// when it makes a green cluster. A * stands for any text.
	Roles []string

	// Dist is the folder with what was built, from "dist": <phase>.zip of each
	// function and the folder source, which the CodeBuild projects get.
	Dist string
}

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	// Sources: API references of EKS CreateCluster (name), Route 53 (ResourceId)
	// and IAM CreateRole (RoleName, Path; without the comma).
	clusterName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_*-]{0,99}$`)
	hostedZone  = regexp.MustCompile(`^Z[0-9A-Z]{1,31}$`)
	roleName    = regexp.MustCompile(`^[\w+=.@/-][\w+=.@/*-]{0,511}$`)
)

// readSettings takes the settings from the context. The error names all that
// is missing or wrong.
func readSettings(context func(key string) any) (Settings, error) {
	var problems []error
	text := func(key, remedy string) string {
		switch v := context(key).(type) {
		case string:
			if v != "" {
				return v
			}
		case nil:
		default:
			problems = append(problems, fmt.Errorf("context %s: %v is not text; %s", key, v, remedy))
			return ""
		}
		problems = append(problems, fmt.Errorf("context %s is missing; %s", key, remedy))
		return ""
	}
	one := func(key string, valid *regexp.Regexp, remedy string) string {
		v := text(key, remedy)
		if v != "" && !valid.MatchString(v) {
			problems = append(problems, fmt.Errorf("context %s: %q is not valid; %s", key, v, remedy))
		}
		return v
	}
	list := func(key string, valid *regexp.Regexp, remedy string) []string {
		v := text(key, remedy)
		if v == "" {
			return nil
		}
		items := strings.Split(v, ",")
		for i, item := range items {
			items[i] = strings.TrimSpace(item)
			if !valid.MatchString(items[i]) {
				problems = append(problems, fmt.Errorf("context %s: %q is not valid; %s", key, items[i], remedy))
			}
		}
		return items
	}
	s := Settings{
		Account:     one("account", accountID, "give the id of the AWS account: -c account=123456789012"),
		Region:      one("region", regionName, "give the AWS region: -c region=eu-west-1"),
		Clusters:    list("clusters", clusterName, "name the EKS clusters that the agent may upgrade, and their green ones: -c clusters=shop,shop-green"),
		HostedZones: list("hostedZones", hostedZone, "give the ids of the hosted zones with the weighted records: -c hostedZones=Z0123456789ABCDEFGHIJ"),
		Roles:       list("roles", roleName, "name the IAM roles of the clusters, their node groups and add-ons: -c roles=shop-cluster,shop-nodes"),
		Dist:        text("dist", "give the folder with the built zips: -c dist=dist"),
	}
	return s, errors.Join(problems...)
}
