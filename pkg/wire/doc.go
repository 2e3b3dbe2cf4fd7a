// Package wire stands for the packages below it, one for each phase: New of
// each takes the AWS configuration, the agent's configuration and a clock, and
// returns the handler that Lambda and the rehearsal run.
package wire
