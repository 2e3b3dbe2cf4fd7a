package policy

import (
	"regexp"
	"slices"
	"strings"
)

// check finds what AWS refuses in a policy whose syntax is right, in the order
// in which AWS looks.
func (d *Document) check(kind Kind) error {
	if kind == Identity && d.Version != Version {
		return &MalformedError{"Policy document must be version 2012-10-17 or greater."}
	}
	var sids []string
	for _, s := range d.Statements {
		if s.Sid == "" {
			continue
		}
		if !sidPattern.MatchString(s.Sid) && kind == Identity {
			return &MalformedError{"Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"}
		}
		if slices.Contains(sids, s.Sid) {
			return &MalformedError{"Statement IDs (SID) in a single policy must be unique."}
		}
		sids = append(sids, s.Sid)
	}
	for _, s := range d.Statements {
		if err := s.check(kind); err != nil {
			return err
		}
	}
	return nil
}

func (s Statement) check(kind Kind) error {
	if err := s.checkPrincipals(kind); err != nil {
		return err
	}
	actions := slices.Concat(s.Actions, s.NotActions)
	resources := slices.Concat(s.Resources, s.NotResources)
	switch {
	case len(actions) == 0 && kind == Trust:
		return &MalformedError{"Missing required field Action"}
	case len(actions) == 0:
		return &MalformedError{"Policy statement must contain actions."}
	case len(resources) > 0 && kind == Trust:
		return &MalformedError{"Has prohibited field Resource"}
	case len(resources) == 0 && kind == Identity:
		return &MalformedError{"Policy statement must contain resources."}
	}
	for _, r := range resources {
		if err := checkResource(r); err != nil {
			return err
		}
	}
	for _, a := range actions {
		if err := checkAction(a); err != nil {
			return err
		}
		if kind == Trust && !strings.HasPrefix(strings.ToLower(a), "sts:") {
			return &MalformedError{"AssumeRole policy may only specify STS AssumeRole actions."}
		}
	}
	for _, c := range s.Conditions {
		if !strings.Contains(c.Key, ":") {
			return &MalformedError{"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."}
		}
	}
	return nil
}

// principalPattern is what an AWS principal may look like.
var principalPattern = regexp.MustCompile(`^(\*|\d{12}|AROA\w+|AIDA\w+|arn:aws[a-z-]*:iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)|arn:aws[a-z-]*:sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+)$`)

func (s Statement) checkPrincipals(kind Kind) error {
	there := s.Principals != nil || s.NotPrincipals != nil
	if kind == Identity {
		if there {
			return &MalformedError{"Policy document should not specify a principal."}
		}
		return nil
	}
	if !there {
		return &MalformedError{"Missing required field Principal"}
	}
	for _, p := range []*Principals{s.Principals, s.NotPrincipals} {
		if p == nil {
			continue
		}
		for _, arn := range p.AWS {
			if !principalPattern.MatchString(arn) {
				return &MalformedError{`Invalid principal in policy: "AWS":"` + arn + `"`}
			}
		}
		for _, service := range p.Service {
			if !strings.HasSuffix(service, ".amazonaws.com") && !strings.HasSuffix(service, ".amazonaws.com.cn") && !strings.HasSuffix(service, ".amazonaws.internal") {
				return &MalformedError{`Invalid principal in policy: "SERVICE":"` + service + `"`}
			}
		}
	}
	return nil
}

var vendorPattern = regexp.MustCompile(`^[a-zA-Z0-9.-]*$`)

func checkAction(action string) error {
	if action == "*" {
		return nil
	}
	vendor, name, ok := strings.Cut(action, ":")
	switch {
	case !ok:
		return &MalformedError{"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."}
	case strings.Contains(name, ":"):
		return &MalformedError{"Actions/Condition can contain only one colon."}
	case vendor != "*" && !vendorPattern.MatchString(vendor):
		return &MalformedError{"Vendor " + vendor + " is not valid"}
	case name == "":
		return errLegacy
	}
	return nil
}

// iamPaths are the beginnings of IAM's resources.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func checkResource(r string) error {
	if r == "*" {
		return nil
	}
	p := strings.SplitN(r, ":", 6)
	if len(p) == 1 {
		return &MalformedError{"Resource " + r + ` must be in ARN format or "*".`}
	}
	if p[0] != "arn" {
		return errLegacy
	}
	if !strings.HasPrefix(p[1], "aws") && p[1] != "*" {
		for len(p) < 6 {
			p = append(p, "*")
		}
		return &MalformedError{`Partition "` + p[1] + `" is not valid for resource "` + strings.Join(p, ":") + `".`}
	}
	if len(p) < 3 || (strings.ContainsAny(p[2], "*?") && p[2] != "*") {
		return &MalformedError{"Resource vendor must be fully qualified and cannot contain regexes."}
	}
	region := len(p) > 3 && p[3] != ""
	switch {
	case p[2] == "iam" && region && p[3] != "*":
		return &MalformedError{"IAM resource " + r + " cannot contain region information."}
	case p[2] == "s3" && region && p[3] != "*":
		return &MalformedError{"Resource " + r + " can not contain region information."}
	case p[2] == "iam" && len(p) == 6 && p[5] != "*" && !slices.ContainsFunc(iamPaths, func(start string) bool { return strings.HasPrefix(p[5], start) }):
		return &MalformedError{`IAM resource path must either be "*" or start with ` + strings.Join(iamPaths, ", ") + "."}
	}
	return nil
}
