package wire

import "net/http"

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

// protocolOf returns the protocol of a request. CloudWatch speaks two: the Go
// SDK uses CBOR and the AWS CLI JSON.
func protocolOf(service string, r *http.Request) protocol {
	if service == "cloudwatch" && r.Header.Get("X-Amz-Target") != "" {
		return json10
	}
	return protocols[service]
}
