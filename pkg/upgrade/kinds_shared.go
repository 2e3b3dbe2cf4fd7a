package upgrade

// Artifacts in S3.
var (
	KindArtifactUnencodable = declare("artifacts.unencodable", CodeInternal, "a document cannot be encoded",
		"report the bug with this line")
	KindArtifactInterrupted = declare("artifacts.interrupted", CodeUnavailable, "an artifact could not be read or written to its end",
		"try again")
	KindArtifactForeign = declare("artifacts.foreign", CodeInvalidRequest, "a reference leads out of the agent's bucket",
		"give a reference that the agent made")
	KindArtifactChanged = declare("artifacts.changed", CodePlanMismatch, "the content of an artifact has not the hash of its reference: it was changed after it was written",
		"find out who wrote to the bucket; start a new upgrade")
	KindArtifactTooLarge = declare("artifacts.tooLarge", CodeInvalidRequest, "an object of the bucket is larger than any artifact of the agent",
		"remove the object")
)

// Tables in DynamoDB.
var (
	KindTableUnencodable = declare("table.unencodable", CodeInternal, "an item cannot be encoded",
		"report the bug with this line")
	KindTableContended = declare("table.contended", CodeConflict, "an item was changed by others each time that it was to be written",
		"find out what else writes to the table")
	KindTableDamaged = declare("table.damaged", CodeInternal, "an item is not as the agent writes it",
		"correct or delete the item: the agent never overwrites what it cannot read")
)

// Events on the event bus.
var (
	KindEventRefused = declare("events.refused", CodeUnavailable, "EventBridge did not take an event",
		"nothing: an upgrade does not wait for its events; the metric EventFailures counts them")
	KindEventUnencodable = declare("events.unencodable", CodeInternal, "an event cannot be encoded",
		"report the bug with this line")
)

// Executions, as the command line starts and finds them.
var (
	KindAgentMissing = declare("executions.agentMissing", CodeNotFound, "there is no state machine of the agent",
		"deploy the agent, or choose the region and the account where it is: AWS_REGION, AWS_PROFILE")
	KindExecutionMissing = declare("executions.missing", CodeNotFound, "there is no execution of this name",
		"list them with eks-upgrade status; Step Functions forgets them 90 days after their end")
	KindExecutionExists = declare("executions.exists", CodeConflict, "there is another execution of this name",
		"look at it with eks-upgrade status, or give another --name")
)

// The approval API and the progress stream, on both sides.
var (
	KindAPIInvalid = declare("api.invalid", CodeInvalidRequest, "a request, or the address that it goes to, is not as the API takes it",
		"correct what the error names; the stack's outputs have the addresses")
	KindAPIDenied = declare("api.denied", CodePermissionDenied, "whoever asks has no credentials, or may not do this",
		"log in (AWS_PROFILE, aws sso login), or give a bearer token")
	KindAPINotFound = declare("api.notFound", CodeNotFound, "the API, or what was asked for, does not exist",
		"choose the region and the account where the agent is, or give the address")
	KindAPIConflict = declare("api.conflict", CodeConflict, "the question was answered before, in another way",
		"see the answer that is on record")
	KindAPIApproval = declare("api.approval", CodeApproval, "the question is not open, or the token does not belong to it",
		"use the newest message about this upgrade")
	KindAPIUnavailable = declare("api.unavailable", CodeUnavailable, "the API did not answer",
		"try again in a moment")
	KindAPIUnreadable = declare("api.unreadable", CodeInternal, "a message of the API or of the stream cannot be written or read",
		"use the command line of the version that is deployed; if it is, report the bug with this line")
)

// The Kubernetes API.
var (
	KindKubernetesThrottled = declare("kubernetes.throttled", CodeThrottled, "the API server asks for fewer requests",
		"try again later; see its flow control if it lasts")
	KindKubernetesUnauthorized = declare("kubernetes.unauthorized", CodePermissionDenied, "the API server does not know who the agent is",
		"give the agent's role an access entry in the cluster")
	KindKubernetesForbidden = declare("kubernetes.forbidden", CodePermissionDenied, "the agent may not do this in the cluster",
		"apply the agent's manifest (`eks-upgrade access --output manifest`) and check its access entry; `eks-upgrade doctor` says what is missing")
	KindKubernetesNotFound = declare("kubernetes.notFound", CodeNotFound, "the object is not in the cluster",
		"create it, or correct the name")
	KindKubernetesConflict = declare("kubernetes.conflict", CodeConflict, "the object exists already or was changed at the same time",
		"try again")
	KindKubernetesInvalid = declare("kubernetes.invalid", CodeInvalidRequest, "the API server refuses the object or the request as invalid",
		"correct the object")
	KindKubernetesUnavailable = declare("kubernetes.unavailable", CodeUnavailable, "the API server answered with an error of its own, or not at all",
		"check the cluster's endpoint access, the function's VPC settings and the security groups")
	KindKubernetesUnexpected = declare("kubernetes.unexpected", CodeInternal, "the API server or its client answered in a way that the agent does not know",
		"report the bug with this line")
	KindKubernetesAPIMissing = declare("kubernetes.apiMissing", CodeNotFound, "the cluster does not serve a kind of object",
		"install what defines it, such as its CRD")
	KindKubernetesNotReady = declare("kubernetes.notReady", CodeUnavailable, "EKS has no endpoint for the cluster yet",
		"wait until the cluster is ACTIVE")
)

// The AWS API.
var (
	KindAWSThrottled = declare("aws.throttled", CodeThrottled, "AWS asks for fewer calls, or a quota is used up",
		"try again later; raise the quota if it lasts")
	KindAWSDenied = declare("aws.denied", CodePermissionDenied, "AWS refused the call",
		"allow the call in the IAM policy of the role that runs this, or check its credentials; `eks-upgrade doctor` says what is missing")
	KindAWSNotFound = declare("aws.notFound", CodeNotFound, "AWS does not know what was named",
		"check the name, the account and the region")
	KindAWSConflict = declare("aws.conflict", CodeConflict, "the resource is busy, exists already or was changed at the same time",
		"wait for what else is going on, then try again")
	KindAWSInvalid = declare("aws.invalid", CodeInvalidRequest, "AWS refuses a parameter of the call",
		"correct the setting or field that the value comes from")
	KindAWSUnavailable = declare("aws.unavailable", CodeUnavailable, "AWS answered with an error of its own",
		"try again; see AWS Health if it lasts")
	KindAWSUnanswered = declare("aws.unanswered", CodeUnavailable, "AWS did not answer in time, or could not be reached",
		"check the network: endpoints, VPC settings and security groups")
	KindAWSUnexpected = declare("aws.unexpected", CodeInternal, "AWS answered in a way that the agent does not know",
		"report the bug with this line")
)

// Bugs.
var KindUnexpected = declare("internal.unexpected", CodeInternal, "an error that nothing has a name for",
	"report the bug with this line")
