// Package asl interprets the Amazon States Language: the definition that AWS
// Step Functions runs is read here and run on a clock that is handed in, with
// tasks performed by whoever implements Tasks. Rehearsals and tests run the
// very document that is deployed.
//
// Both query languages are understood: JSONata (by github.com/recolabs/gnata)
// and JSONPath. All state types of Standard workflows are implemented; the
// Distributed mode of Map is refused by Parse.
//
// An execution has no goroutine of its own. Whatever happens to it (Start, a
// timer of the clock, the end of a task, a task token) takes its lock, advances
// it as far as it can go, and leaves. With clock.Virtual and Tasks that answer
// synchronously, two runs produce the same history, event for event.
//
// Known differences from AWS, both in gnata: $match gives start and end of a
// match instead of its index, and messages of JSONata errors are worded
// differently.
//
// Rules come from https://states-language.net/spec.html and the AWS Step
// Functions Developer Guide; names of events, errors and context fields are
// AWS's. Objects have no order of keys here: they are written with sorted keys.
package asl
