// Package scripts carries what CodeBuild runs, for whoever defines the projects:
// the infrastructure, and the rehearsal.
package scripts

import "embed"

// ProvisionBuildspec and ScanBuildspec are the buildspecs of the two projects.
var (
	//go:embed buildspec/provision.yml
	ProvisionBuildspec string
	//go:embed buildspec/scan.yml
	ScanBuildspec string
)

// Files are the scripts that the buildspecs run, at their place in the source;
// log.sh is part of the other two.
//
//go:embed log.sh provision.sh scan.sh
var Files embed.FS
