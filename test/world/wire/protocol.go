package wire

// protocol is one of AWS's wire protocols.
type protocol int

const (
	json10 protocol = iota
	json11
	rpcCBOR
	restJSON
	restXML
	awsQuery
	ec2Query
)

// protocols names the protocol of each service, by SDK package.
var protocols = map[string]protocol{
	"cloudwatch":  rpcCBOR,
	"codebuild":   json11,
	"dynamodb":    json10,
	"ec2":         ec2Query,
	"eks":         restJSON,
	"eventbridge": json11,
	"route53":     restXML,
	"sfn":         json10,
	"sns":         awsQuery,
	"ssm":         json11,
	"sts":         awsQuery,
}
