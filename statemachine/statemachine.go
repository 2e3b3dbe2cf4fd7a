// Package statemachine holds the one document that production (through CDK)
// and the rehearsal both run.
package statemachine

import _ "embed"

// Upgrade is the Amazon States Language definition of one upgrade.
//
//go:embed upgrade.asl.json
var Upgrade []byte
