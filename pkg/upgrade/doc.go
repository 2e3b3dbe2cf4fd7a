// Package upgrade is the domain of the agent: the words of an EKS upgrade and
// the rules that hold between them. It knows no AWS, no Kubernetes client and
// no clock; it uses the standard library only, so that the rules can be read,
// tested and trusted by themselves.
//
// One upgrade takes one cluster from one Kubernetes version to another. It
// perceives the cluster (Snapshot), judges it (Finding, Assessment), plans
// (Plan, Step), acts and verifies (Progress, Verdict), and can go back
// (Plan.Rollback).
package upgrade
