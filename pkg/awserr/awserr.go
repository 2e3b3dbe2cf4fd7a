// Package awserr turns errors of the AWS SDK into the agent's kinds of errors,
// whose codes the state machine's Retry and Catch name. What any HTTP answer
// means to the agent is said here once, for other APIs too.
package awserr

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// codes lists AWS's error codes by what they mean for the agent. Services
// spell the same thing in several ways; what is not listed is judged by its
// HTTP status.
// Source: https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
// and the error lists of the services that the agent calls.
var codes = map[upgrade.Code][]string{
	upgrade.CodeThrottled: {
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
		"AccountLimitExceededException",
		"ProvisionedThroughputExceededException", "TransactionInProgressException", "PriorRequestNotComplete", "SlowDown", "EC2ThrottledException",
	},
	upgrade.CodePermissionDenied: {
		"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "AuthFailure", "NotAuthorized", "Forbidden",
		"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch",
		"InvalidAccessKeyId", "MissingAuthenticationToken", "OptInRequired", "AuthorizationErrorException", "KMSAccessDeniedException",
	},
	upgrade.CodeNotFound: {
		"ResourceNotFoundException", "NotFoundException", "NotFound", "NoSuchKey", "NoSuchBucket", "NoSuchEntity", "NoSuchHostedZone", "NoSuchChange",
		"ParameterNotFound", "StateMachineDoesNotExist", "ExecutionDoesNotExist", "TaskDoesNotExist", "StackNotFoundException",
	},
	upgrade.CodeConflict: {
		"ResourceInUseException", "ConflictException", "ConflictingOperation", "OperationAborted", "ConditionalCheckFailedException",
		"TransactionConflictException", "TransactionCanceledException", "PreconditionFailed", "ConditionalRequestConflict", "ResourceInUse",
		"ResourceAlreadyExistsException", "ResourceConflictException", "ExecutionAlreadyExists", "ParameterAlreadyExists", "EntityAlreadyExists",
	},
	upgrade.CodeUnavailable: {
		"ServerException", "ServiceUnavailable", "ServiceUnavailableException", "InternalError", "InternalFailure", "InternalServerError",
		"InternalServerException", "InternalServiceError", "RequestTimeout", "RequestTimeoutException", "RequestExpired",
	},
	upgrade.CodeInvalidRequest: {
		"ValidationException", "ValidationError", "InvalidParameterException", "InvalidParameterValue", "InvalidParameterValueException",
		"InvalidParameter", "InvalidParameterCombination", "InvalidRequestException", "InvalidInput", "InvalidInputException", "InvalidChangeBatch",
		"InvalidArgument", "BadRequestException", "SerializationException",
	},
}

// Wrap returns err as an *upgrade.Error of the kind that fits, with service,
// operation, request id and AWS's own code in its details; op says what was
// being done ("describe cluster shop"). nil stays nil, and an error that
// has a code already keeps it.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *upgrade.Error
	if errors.As(err, &own) {
		return err
	}
	kind := kindOf(err)
	e := kind.Errorf(op, "%w", err)
	if call, ok := errors.AsType[*smithy.OperationError](err); ok {
		e.With("service", call.ServiceID).With("operation", call.OperationName)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.With("errorCode", bare(api.ErrorCode()))
	}
	var answer interface{ ServiceRequestID() string }
	if errors.As(err, &answer) && answer.ServiceRequestID() != "" {
		e.With("awsRequestId", answer.ServiceRequestID())
	}
	return e
}

// Is reports whether AWS answered with one of the error codes given, such as
// "ResourceNotFoundException".
func Is(err error, awsCodes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(awsCodes, bare(api.ErrorCode()))
}

func kindOf(err error) upgrade.Kind {
	var api smithy.APIError
	if errors.As(err, &api) {
		for code, names := range codes {
			if slices.Contains(names, bare(api.ErrorCode())) {
				return kinds[code]
			}
		}
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) && response.HTTPStatusCode() != 0 {
		return kinds[CodeOfStatus(response.HTTPStatusCode())]
	}
	switch {
	case api != nil && api.ErrorFault() == smithy.FaultServer:
		return upgrade.KindAWSUnavailable
	case api == nil && Unanswered(err):
		return upgrade.KindAWSUnanswered
	}
	return upgrade.KindAWSUnexpected
}

// bare drops the namespace that some protocols put before the code, as in
// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException".
func bare(code string) string {
	if i := strings.LastIndexByte(code, '#'); i >= 0 {
		return code[i+1:]
	}
	return code
}
