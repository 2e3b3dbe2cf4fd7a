package world

import (
	"net/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// throttled returns a service's own throttling error (source: the services'
// lists of common errors).
func throttled(service string) error {
	e := &wire.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
	switch service {
	case "dynamodb":
		e.Code, e.Message = "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded."
	case "ec2":
		e.Code, e.Message, e.Status = "RequestLimitExceeded", "Request limit exceeded.", http.StatusServiceUnavailable
	case "lambda":
		e.Code, e.Status = "TooManyRequestsException", http.StatusTooManyRequests
	case "sqs":
		e.Code, e.Message, e.Status = "RequestThrottled", "Request is throttled.", http.StatusForbidden
	case "apigateway", "apigatewayv2", "execute-api":
		e.Code, e.Message, e.Status = "TooManyRequestsException", "Too Many Requests", http.StatusTooManyRequests
	case "apigatewaymanagementapi":
		e.Code, e.Status = "LimitExceededException", http.StatusTooManyRequests
	case "eks", "bedrockruntime", "scheduler":
		e.Status = http.StatusTooManyRequests
	case "route53", "autoscaling", "sns", "sts", "cloudwatch", "iam", "rds", "elasticache", "elasticloadbalancing", "elasticloadbalancingv2", "cloudformation":
		e.Code = "Throttling"
	case "s3":
		e.Code, e.Message, e.Status = "SlowDown", "Please reduce your request rate.", http.StatusServiceUnavailable
	}
	return e
}

// serverError returns a service's own spelling of a failure on its side.
func serverError(service string) error {
	e := &wire.Error{Code: "InternalFailure", Message: "We encountered an internal error. Please try again.", Status: http.StatusInternalServerError}
	switch service {
	case "dynamodb", "ssm":
		e.Code = "InternalServerError"
	case "eks":
		e.Code = "ServerException"
	case "ec2", "s3", "sns":
		e.Code = "InternalError"
	case "eventbridge":
		e.Code = "InternalException"
	case "bedrockruntime", "comprehend", "scheduler":
		e.Code = "InternalServerException"
	case "cloudwatch":
		e.Code = "InternalServiceError"
	case "cloudwatchlogs":
		e.Code, e.Status = "ServiceUnavailableException", http.StatusServiceUnavailable
	case "iam":
		e.Code = "ServiceFailure"
	case "kms":
		e.Code = "KMSInternalException"
	case "lambda":
		e.Code = "ServiceException"
	}
	return e
}
