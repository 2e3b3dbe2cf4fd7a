package access

import (
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Names of what a deployment consists of. They are fixed, because the state
// machines' documents and the configuration's defaults say them.
const (
	Stack          = "EksUpgradeAgent" // of CloudFormation
	ApprovalOutput = "ApprovalURL"     // of Stack: address of the approval API
	StreamOutput   = "StreamURL"       // of Stack: wss address of the progress stream

	UpgradeMachine = "eks-upgrade"
	FleetMachine   = "eks-upgrade-fleet"
	LiveAlias      = "live" // of both machines: the version that is started

	AnswerFunction = "eks-upgrade-answer" // the approval API
	StreamFunction = "eks-upgrade-stream" // tells browsers what happens
	SurveyFunction = "eks-upgrade-survey" // looks at clusters between upgrades

	ProvisionProject = "eks-upgrade-provision"
	ScanProject      = "eks-upgrade-scan"

	Leases          = "eks-upgrade-leases"
	Records         = "eks-upgrade-records"
	Approvals       = "eks-upgrade-approvals"
	Connections     = "eks-upgrade-connections"
	ConnectionIndex = "upgrade" // of Connections

	AlertsTopic   = "eks-upgrade-alerts"
	Bus           = "eks-upgrade"
	ScheduleGroup = "eks-upgrade"
	DeadLetters   = "eks-upgrade-dead-letters"
	KeyAlias      = "alias/eks-upgrade"
	ConfigPath    = "/eks-upgrade/config/" // of parameters

	SchedulerRole = "eks-upgrade-scheduler"
	EventsRole    = "eks-upgrade-events"
	GatewayRole   = "eks-upgrade-gateway"
)

// FunctionName returns the name of a phase's Lambda function and of its role.
func FunctionName(phase upgrade.Phase) string { return "eks-upgrade-" + string(phase) }

// MachineRole returns the name of the role of a state machine.
func MachineRole(machine string) string { return machine + "-machine" }

// Names say where the agent is deployed and what it may touch.
type Names struct {
	Partition string `json:"partition"` // "aws"
	Account   string `json:"account"`   // 12 digits
	Region    string `json:"region"`

	// Clusters are names of EKS clusters, green ones too; a * stands for any text.
	Clusters []string `json:"clusters"`
	// HostedZones are ids of Route 53 hosted zones.
	HostedZones []string `json:"hostedZones"`
	// Roles are names of the IAM roles, with their paths, that the agent passes
	// to EKS: those of clusters, node groups and add-ons; a * stands for any text.
	Roles []string `json:"roles"`

	// Source is the ARN of the S3 object that the builds check out.
	Source string `json:"source"`
	// Key is the ARN of the KMS key of tables, bucket, topic, queue and
	// parameters; empty: AWS's own keys, which need no permission.
	Key string `json:"key"`
	// StreamAPI is the id of the WebSocket API; empty: there is none.
	StreamAPI string `json:"streamApi"`
	// Spokes are the ids of other accounts with clusters.
	Spokes []string `json:"spokes"`
	// VPC says that the functions have network interfaces in a VPC.
	VPC bool `json:"vpc"`
}

func (n Names) arn(service, resource string) string {
	return "arn:" + n.Partition + ":" + service + ":" + n.Region + ":" + n.Account + ":" + resource
}

// Bucket returns the name of the bucket of artifacts.
func (n Names) Bucket() string { return "eks-upgrade-artifacts-" + n.Account + "-" + n.Region }

// BucketARN returns its ARN.
func (n Names) BucketARN() string { return "arn:" + n.Partition + ":s3:::" + n.Bucket() }

// Topic returns the ARN of the topic that people listen to.
func (n Names) Topic() string { return n.arn("sns", AlertsTopic) }

// Table returns the ARN of a table.
func (n Names) Table(name string) string { return n.arn("dynamodb", "table/"+name) }

// Function returns the ARN of a function.
func (n Names) Function(name string) string { return n.arn("lambda", "function:"+name) }

// Project returns the ARN of a CodeBuild project.
func (n Names) Project(name string) string { return n.arn("codebuild", "project/"+name) }

// StateMachine returns the ARN of a state machine.
func (n Names) StateMachine(name string) string { return n.arn("states", "stateMachine:"+name) }

// Live returns the ARN of the alias by which a state machine is started.
func (n Names) Live(machine string) string { return n.StateMachine(machine) + ":" + LiveAlias }

// EventBus returns the ARN of the agent's event bus.
func (n Names) EventBus() string { return n.arn("events", "event-bus/"+Bus) }

// Queue returns the ARN of the queue of events that nobody could take.
func (n Names) Queue() string { return n.arn("sqs", DeadLetters) }

// Parameters returns the ARNs of the path of the agent's settings, and of all
// below it.
func (n Names) Parameters() []string {
	path := n.arn("ssm", "parameter"+strings.TrimSuffix(ConfigPath, "/"))
	return []string{path, path + "/*"}
}

// Role returns the ARN of an IAM role of the account.
func (n Names) Role(name string) string {
	return "arn:" + n.Partition + ":iam::" + n.Account + ":role/" + name
}

// Names of log groups are the services' own.
func functionLog(name string) string { return "/aws/lambda/" + name }
func buildLog(name string) string    { return "/aws/codebuild/" + name }

// logStreams names a group and its streams: to make a stream is an action on the
// group, to write to it one on the stream. Source:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
func (n Names) logStreams(group string) []string {
	return []string{n.arn("logs", "log-group:"+group+":*")}
}

// objects names the artifacts under prefixes; their names are hashes.
func (n Names) objects(prefixes []string) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, n.BucketARN()+"/"+p+"/*")
	}
	return out
}

func (n Names) tables(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, n.Table(name))
	}
	return out
}

// clusters names the clusters that the agent may touch, or parts of them: the
// ids that EKS adds to ARNs of parts are not known before they exist. Source:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
func (n Names) clusters(kinds ...string) []string {
	var out []string
	for _, kind := range kinds {
		for _, name := range n.Clusters {
			resource := kind + "/" + name
			if kind != "cluster" {
				resource += "/*"
			}
			out = append(out, n.arn("eks", resource))
		}
	}
	return out
}

// ownEntries names the access entries of the build that makes clusters.
func (n Names) ownEntries() []string {
	var out []string
	for _, cluster := range n.Clusters {
		out = append(out, n.arn("eks", "access-entry/"+cluster+"/role/"+n.Account+"/"+ProvisionProject+"/*"))
	}
	return out
}

func (n Names) zones() []string {
	var out []string
	for _, id := range n.HostedZones {
		out = append(out, "arn:"+n.Partition+":route53:::hostedzone/"+id)
	}
	return out
}

// linkedRoles are the roles that EKS makes itself, once an account: for clusters
// and for node groups.
func (n Names) linkedRoles() []string {
	const path = "aws-service-role/"
	return []string{n.Role(path + "eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), n.Role(path + "eks-nodegroup.amazonaws.com/AWSServiceRoleForAmazonEKSNodegroup")}
}

func (n Names) passable() []string {
	var out []string
	for _, name := range n.Roles {
		out = append(out, n.Role(name))
	}
	return out
}
