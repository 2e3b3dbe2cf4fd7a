// Package statemachine holds the documents that production (through CDK) and
// the rehearsal both run.
package statemachine

import _ "embed"

// Upgrade is the Amazon States Language definition of one upgrade.
//
//go:embed upgrade.asl.json
var Upgrade []byte

// Fleet is the definition of the upgrade of many clusters, in waves. Its input
// is {"waves": [{"name", "requests": [upgrade.Request], "maxConcurrency",
// "maxFailures", "soakMinutes"}]}; a wave's defaults are one cluster at a time,
// no failure tolerated and no soak before the next wave.
//
//go:embed fleet.asl.json
var Fleet []byte
