// Package execution runs the steps of a plan. The Handler loads the plan,
// proves that it is the approved one and that the lease is still ours, and
// gives the step to the Executor of its kind. Executors are reconcilers: each
// call looks at the world first, does at most the one thing that is missing,
// and says whether the step is done or when to look again. A second call after
// a crash at any point therefore does the right thing, and long work never
// blocks a Lambda.
//
// The executors live in packages of their own: traffic (Route 53 weights),
// workloads (delivery from blue to green) and clusters (provision and
// decommission); Verify and Soak, which change nothing, are here.
package execution
