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
	"bedrockruntime": restJSON,
	"cloudwatch":     rpcCBOR,
	"cloudwatchlogs": json11,
	"codebuild":      json11,
	"comprehend":     json11,
	"dynamodb":       json10,
	"ec2":            ec2Query,
	"eks":            restJSON,
	"elasticache":    awsQuery,
	"eventbridge":    json11,
	"iam":            awsQuery,
	"kms":            json11,
	"lambda":         restJSON,
	"rds":            awsQuery,
	"route53":        restXML,
	"scheduler":      restJSON,
	"sfn":            json10,
	"sns":            awsQuery,
	"ssm":            json11,
	"sts":            awsQuery,
}

// protocolOf returns the protocol of a request. CloudWatch speaks two: the Go
// SDK uses CBOR and the AWS CLI JSON.
func protocolOf(service string, r *http.Request) protocol {
	if service == "cloudwatch" && r.Header.Get("X-Amz-Target") != "" {
		return json10
	}
	return protocols[service]
}
