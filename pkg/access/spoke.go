package access

import (
	"slices"
	"strings"
)

// SpokeRole is a role in another account with clusters, which one role of the
// agent takes on there.
type SpokeRole struct {
	Name       string
	Purpose    string // part of a sentence
	TakenOnBy  string // name of the role in the hub
	Statements []Statement
}

// SpokeRoleName returns the name of the role in a spoke that a role of the hub
// takes on.
func SpokeRoleName(role string) string {
	return "eks-upgrade-spoke-" + strings.TrimPrefix(role, "eks-upgrade-")
}

// inSpokes are the services that the agent calls in the account of a cluster.
// All others are the hub's own.
var inSpokes = []string{"cloudwatch", "ec2", "eks", "iam", "route53"}

// SpokeRoles returns the roles of a spoke: what the functions and builds may do
// to clusters, zones and metrics of that account.
func SpokeRoles(spoke Names) []SpokeRole {
	var all []SpokeRole
	for _, p := range slices.Concat(Functions(), Builds()) {
		if statements := spokeStatements(p.Name, spoke); len(statements) > 0 {
			all = append(all, SpokeRole{Name: SpokeRoleName(p.Name), Purpose: p.Purpose, TakenOnBy: p.Name, Statements: statements})
		}
	}
	return all
}

func spokeStatements(name string, spoke Names) []Statement {
	own, known := functions[name]
	if !known {
		own = builds[name]
	}
	statements := slices.DeleteFunc(own(spoke), func(s Statement) bool {
		return slices.ContainsFunc(s.Actions, func(action string) bool {
			service, _, _ := strings.Cut(action, ":")
			return !slices.Contains(inSpokes, service)
		})
	})
	for _, s := range statements {
		for i, on := range s.Resources { // there the role has another name
			s.Resources[i] = strings.ReplaceAll(on, "/"+name+"/", "/"+SpokeRoleName(name)+"/")
		}
	}
	return statements
}

// spokes allows a role of the hub to take on its roles in the spokes, and no
// others.
func (n Names) spokes(name string) []Statement {
	if len(n.Spokes) == 0 || len(spokeStatements(name, n)) == 0 {
		return nil
	}
	var roles []string
	for _, account := range n.Spokes {
		roles = append(roles, "arn:"+n.Partition+":iam::"+account+":role/"+SpokeRoleName(name))
	}
	return []Statement{allow("works on clusters of other accounts", roles, "sts:AssumeRole")}
}
