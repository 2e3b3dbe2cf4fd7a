// Package asl interprets the Amazon States Language: the definition that AWS
// Step Functions runs is read here and run on a clock that is handed in, with
// tasks performed by whoever implements Tasks. Rehearsals and tests run the
// very document that is deployed.
//
// Both query languages are understood: JSONata (by github.com/recolabs/gnata)
// and JSONPath as the Java library Jayway reads it. All state types are
// implemented, Distributed Map too. Validate and Parse judge definitions in
// AWS's words: what CreateStateMachine refuses is refused, with the same codes,
// messages and locations.
//
// An execution has no goroutine of its own. Whatever happens to it (Start, a
// timer of the clock, the end of a task, a task token) takes its lock, advances
// it as far as it can go, and leaves. With clock.Virtual and Tasks that answer
// synchronously, two runs produce the same history, event for event.
//
// Known differences from AWS: some JSONata errors are worded by gnata; what
// AWS bounds in JSONata by depth and memory is bounded by gnata's own limit of
// recursion. See docs/world.md for the list.
//
// Rules come from https://states-language.net/spec.html, the AWS Step Functions
// Developer Guide and what AWS was seen to answer; names of events, errors and
// context fields are AWS's. Objects keep the order of their keys.
package asl
