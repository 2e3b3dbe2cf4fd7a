package upgrade

// Area is a part of the agent that kinds of errors belong to.
type Area struct{ Name, Title string }

// Areas lists the areas in the order in which an upgrade meets them.
func Areas() []Area {
	return []Area{
		{"request", "Requests, plans and other messages"},
		{"config", "Configuration"},
		{"deploy", "Deployment settings"},
		{"lease", "Lease"},
		{"perception", "Perceive"},
		{"reasoning", "Reason"},
		{"approval", "Approve"},
		{"execution", "Execute"},
		{"provision", "Provision (in CodeBuild)"},
		{"workloads", "Execute: workloads"},
		{"traffic", "Execute: traffic"},
		{"validation", "Validate"},
		{"records", "Record"},
		{"report", "Report"},
		{"events", "Events"},
		{"executions", "Executions, from the command line"},
		{"api", "Approval API and progress stream"},
		{"artifacts", "Artifacts"},
		{"table", "Tables"},
		{"kubernetes", "Kubernetes API"},
		{"aws", "AWS API"},
		{"internal", "Bugs"},
	}
}

func areaNames() []string {
	var names []string
	for _, a := range Areas() {
		names = append(names, a.Name)
	}
	return names
}

// What is wrong before anything happens.
var (
	KindInvalidInput = declare("request.invalid", CodeInvalidRequest, "a field of a request, a plan or a message between phases is missing or wrong",
		"correct the field that the error names and start again")
	KindInvalidConfiguration = declare("config.invalid", CodeInvalidRequest, "a setting is missing, wrong or not known",
		"correct the setting that the error names; docs/config.example.yaml has them all")
	KindInvalidDeployment = declare("deploy.invalid", CodeInvalidRequest, "a setting of the deployment is missing, wrong or not known",
		"correct deploy.yaml; docs/deploy.example.yaml has all settings")
)

// Lease.
var (
	KindLeaseHeld = declare("lease.held", CodeLeaseHeld, "another upgrade has the right to change this cluster",
		"wait for its end; if it is no longer running, wait for the expiry of its lease")
	KindLeaseDirty = declare("lease.dirty", CodeLeaseHeld, "another upgrade began to change this cluster and has not ended cleanly",
		"wait for its end; if it is no longer running, inspect clusters and traffic weights, then release its lease")
	KindLeaseLost = declare("lease.lost", CodeLeaseLost, "the lease went to another holder, or was released by a person: this upgrade changes nothing any more",
		"this upgrade changes nothing any more; inspect clusters and traffic weights before you start another")
	KindUpgradeEnded = declare("lease.upgradeEnded", CodeConflict, "an upgrade of this name has already ended",
		"start a new upgrade under another execution name")
)

// Perceive.
var (
	KindClusterNotFound = declare("perception.clusterNotFound", CodeNotFound, "EKS knows no cluster of this name in the account and region",
		"correct the name, or run the agent in the cluster's account and region")
	KindClusterUnreachable = declare("perception.clusterUnreachable", CodeUnavailable, "the API server of the cluster did not answer",
		"check the cluster's endpoint access, the function's VPC settings and the security groups")
	KindSubnetMissing = declare("perception.subnetMissing", CodeNotFound, "EC2 does not describe all subnets of the cluster",
		"check the cluster's network settings: a subnet was deleted or is in another account")
	KindPodNetworkUnknown = declare("perception.podNetworkUnknown", CodeNotFound, "EKS does not know from which subnets pods take their addresses",
		"check by hand which subnets pods take addresses from, and that these have enough")
	KindSourceUnreadable = declare("perception.sourceUnreadable", CodeInternal, "an answer of AWS or of the cluster is not as the agent knows it",
		"update the agent; if it is new already, report the bug with this line")
	KindReleaseNotesInterrupted = declare("perception.releaseNotesInterrupted", CodeUnavailable, "the time for reading the release notes ran out",
		"try again; the bundled notes are used when the web does not answer")
	KindScanMissing = declare("perception.scanMissing", CodeNotFound, "the scan build left no result of a scanner",
		"see the log of the scan build")
	KindScanUnreadable = declare("perception.scanUnreadable", CodeInternal, "the output of a scanner is not as the agent knows it",
		"use a release of the scanner whose output the agent knows")
	KindProofUnavailable = declare("perception.proofUnavailable", CodeUnavailable, "the API server that manifests are tried on did not start, or ended",
		"see its last words in the error; run the proof again when this machine has a gigabyte of memory free")
)

// Reason.
var (
	KindSnapshotMismatch = declare("reasoning.snapshotMismatch", CodeInvalidRequest, "the snapshots are not one of each source, all of this cluster",
		"start a new upgrade")
	KindStrategyUnknown = declare("reasoning.strategyUnknown", CodeInvalidRequest, "there is no strategy of this name",
		"name a strategy that the agent has")
	KindAddonWithoutVersion = declare("reasoning.addonWithoutVersion", CodePrecondition, "EKS offers no version of an add-on for the target version",
		"remove the add-on or wait until EKS offers one")
	KindPlanBroken = declare("reasoning.planBroken", CodeInternal, "the strategy made a plan that breaks the rules of plans",
		"report the bug with this line")
)

// Approve.
var (
	KindNotAsked = declare("approval.notAsked", CodeApproval, "there is an answer, but nobody was asked to approve this plan",
		"start a new upgrade")
	KindApprovalUnusable = declare("approval.unusable", CodeApproval, "the approval is missing, was refused, has expired or was used before",
		"start a new upgrade and approve its plan in time")
	KindAlreadyAnswered = declare("approval.alreadyAnswered", CodeConflict, "the plan was answered before, in another way",
		"start a new upgrade if the first answer was wrong")
	KindWebhook = declare("approval.webhook", CodeUnavailable, "a message could not be posted to the chat's webhook; nothing waits for it",
		"check notification.webhook, and that the function's network lets it out")
)

// Execute.
var (
	KindPlanMismatch = declare("execution.planMismatch", CodePlanMismatch, "the stored plan is not the one that was approved, or not of this upgrade",
		"start a new upgrade: a plan is never edited")
	KindExecutorMissing = declare("execution.executorMissing", CodeInternal, "the plan has a step of a kind that this version of the agent cannot execute",
		"deploy the version of the agent that made the plan, or start a new upgrade")
	KindStepInputMismatch = declare("execution.stepInputMismatch", CodeInvalidRequest, "the input of a step does not agree with its plan",
		"start a new upgrade")
	KindStepTimeout = declare("execution.stepTimeout", CodeStepTimeout, "a step was not done in its time",
		"see the step's note for what it waited for; the upgrade rolls back if it still can")
	KindStateUnwritable = declare("execution.stateUnwritable", CodeInternal, "what a step must remember cannot be encoded or is too large",
		"report the bug with this line")
	KindBuildFailed = declare("execution.buildFailed", CodeStepFailed, "the CodeBuild build that provisions the green cluster did not succeed",
		"read the log of the build, correct the cause and start a new upgrade")
	KindBuildLost = declare("execution.buildLost", CodeStepFailed, "CodeBuild no longer knows the build that the step started",
		"look for what the build made before you start a new upgrade")
	KindClusterForeign = declare("execution.clusterForeign", CodePrecondition, "there is a cluster of the green name that this upgrade did not make",
		"choose another name for green, or delete that cluster if nobody needs it")
	KindClusterMissing = declare("execution.clusterMissing", CodeStepFailed, "the build succeeded, but the cluster or a part of it is not there or not as planned",
		"see the log of the build; start a new upgrade when the cause is found")
	KindDeletionProtected = declare("execution.deletionProtected", CodePrecondition, "the cluster to delete has its deletion protection on",
		"switch it off if the cluster is really to go, then redrive the execution")
	KindDeletionFailed = declare("execution.deletionFailed", CodeStepFailed, "EKS could not delete a node group",
		"correct what EKS names, then delete it by hand")
	KindGateClosed = declare("execution.gateClosed", CodePrecondition, "a condition for deleting a cluster does not hold: weight, soak, approval or health",
		"nothing was deleted by this call; find out why before you delete the cluster by hand")
)

// Provision, the program in CodeBuild.
var (
	KindProvisionLikeMissing = declare("provision.likeMissing", CodeNotFound, "the cluster that the new one is to be like does not exist",
		"name the cluster that is upgraded")
	KindProvisionFailed = declare("provision.failed", CodeStepFailed, "EKS made a part of the cluster, but not in a state that can be used",
		"correct what EKS names; delete what is left over before you start again")
	KindProvisionStopped = declare("provision.stopped", CodeStepTimeout, "the build was stopped while it waited for EKS",
		"start a new upgrade, or give the build project a longer timeout")
	KindSpecificationUnreadable = declare("provision.specificationUnreadable", CodeNotFound, "the specification of the cluster cannot be read",
		"give the file or S3 object that the execute phase wrote")
)

// Workloads.
var KindObjectsRefused = declare("workloads.objectsRefused", CodeStepFailed, "the green cluster refused objects of the blue one",
	"correct the objects that the error names, or exclude them, and start a new upgrade")

// Traffic.
var (
	KindTrafficDrift = declare("traffic.drift", CodeDrift, "somebody else changed the weights or record sets that the upgrade shifts",
		"find out who changed them and why; give the weights back, then redrive the execution or start a new upgrade")
	KindRecordSetsUnusable = declare("traffic.recordSetsUnusable", CodePrecondition, "the record sets of the name are not the two weighted CNAMEs that the agent shifts",
		"make the name two weighted CNAME record sets, one for each cluster, and nothing else")
	KindShiftRefused = declare("traffic.shiftRefused", CodePrecondition, "a shift may not run at this place: it would jump, or the last one is not done",
		"inspect the weights; start a new upgrade when they are as you want them")
	KindTTLTooLong = declare("traffic.ttlTooLong", CodePrecondition, "clients hold the old answer for longer than the step may take",
		"lower the TTL of the record sets")
	KindTargetUnhealthy = declare("traffic.targetUnhealthy", CodePrecondition, "the cluster that is to get more traffic is not known to be healthy",
		"see its verdicts; traffic never moves toward a cluster that is not healthy")
	KindStillServing = declare("traffic.stillServing", CodePrecondition, "a record set is to be removed while it still has weight",
		"inspect the weights before anything is removed")
	KindLoadBalancerMissing = declare("traffic.loadBalancerMissing", CodePrecondition, "the Service that takes the traffic has no load balancer with a host name",
		"name a Service of type LoadBalancer")
)

// Validate.
var (
	KindStepNotDone = declare("validation.stepNotDone", CodePrecondition, "a step is to be verified or closed that is not recorded as done",
		"redrive the execution from the step's start")
	KindMetricsIncomplete = declare("validation.metricsIncomplete", CodeUnavailable, "CloudWatch could not answer a query to its end",
		"nothing: it is asked again, and no data is never a pass")
)

// Record.
var (
	KindStepUnrecorded = declare("records.stepUnrecorded", CodePrecondition, "a step has no record of its start",
		"redrive the execution from the step's start")
	KindStepNotVerified = declare("records.stepNotVerified", CodePrecondition, "a step is to be closed without a recorded pass",
		"redrive the execution from the step's validation")
	KindRecordMismatch = declare("records.mismatch", CodePlanMismatch, "what is recorded at a place is of another step or plan",
		"start a new upgrade: records are never edited")
)

// Report.
var (
	KindWeightsForeign = declare("report.weightsForeign", CodeDrift, "at the end the name has a record set that is not the agent's",
		"inspect the record sets; the report says what else is known")
	KindWeightsMissing = declare("report.weightsMissing", CodeNotFound, "at the end the name has no weighted CNAME record sets",
		"inspect the record sets; the report says what else is known")
	KindVersionMissing = declare("report.versionMissing", CodeUnavailable, "EKS described a cluster without its version",
		"try again")
)
