package wire

import (
	"net/http"
	"strings"
)

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
	"apigateway":              restJSON,
	"apigatewaymanagementapi": restJSON,
	"apigatewayv2":            restJSON,
	"autoscaling":             awsQuery,
	"bedrockruntime":          restJSON,
	"budgets":                 json11,
	"cloudformation":          awsQuery,
	"cloudwatch":              rpcCBOR,
	"cloudwatchlogs":          json11,
	"codebuild":               json11,
	"comprehend":              json11,
	"dynamodb":                json10,
	"ec2":                     ec2Query,
	"ecr":                     json11,
	"eks":                     restJSON,
	"elasticache":             awsQuery,
	"elasticloadbalancing":    awsQuery,
	"elasticloadbalancingv2":  awsQuery,
	"eventbridge":             json11,
	"iam":                     awsQuery,
	"kms":                     json11,
	"lambda":                  restJSON,
	"rds":                     awsQuery,
	"route53":                 restXML,
	"s3":                      restXML,
	"scheduler":               restJSON,
	"servicequotas":           json11,
	"sfn":                     json10,
	"sns":                     awsQuery,
	"sqs":                     json10,
	"ssm":                     json11,
	"sts":                     awsQuery,
}

// protocolOf returns the protocol of a request. CloudWatch speaks three: the Go
// SDK uses CBOR, the AWS CLI JSON, and what is older a query.
func protocolOf(service string, r *http.Request) protocol {
	if service == "cloudwatch" {
		switch {
		case r.Header.Get("X-Amz-Target") != "":
			return json10
		case r.Header.Get("Smithy-Protocol") == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
			return awsQuery
		}
	}
	return protocols[service]
}
