// Package validation decides whether a step did what it was meant to do. Each
// criterion of the step is evaluated by the Checker of its kind, and the step
// passes only when all of them do. What cannot be seen (no data, stale data, an
// error) is Inconclusive and never a pass; a step that stays inconclusive for
// its VerifyTimeout fails.
package validation
