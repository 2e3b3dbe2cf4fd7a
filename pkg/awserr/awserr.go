// Package awserr turns errors of the AWS SDK into the agent's error codes, so
// that the state machine's Retry and Catch can name them.
package awserr

import (
	"context"
	"errors"
	"net"
	"net/http"
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

// Wrap returns err as an *upgrade.Error with the code that fits; op says what
// was being done ("describe cluster shop"). nil stays nil, and an error that
// has a code already keeps it.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *upgrade.Error
	if errors.As(err, &own) {
		return err
	}
	code := codeOf(err)
	e := upgrade.Errorf(code, op, "%w", err)
	if code == upgrade.CodePermissionDenied {
		return e.WithRemedy("allow the call in the IAM policy of the role that runs this, or check its credentials")
	}
	return e
}

// Is reports whether AWS answered with one of the error codes given, such as
// "ResourceNotFoundException".
func Is(err error, awsCodes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(awsCodes, bare(api.ErrorCode()))
}

func codeOf(err error) upgrade.Code {
	var api smithy.APIError
	if errors.As(err, &api) {
		for code, names := range codes {
			if slices.Contains(names, bare(api.ErrorCode())) {
				return code
			}
		}
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) && response.HTTPStatusCode() != 0 {
		return codeOfStatus(response.HTTPStatusCode())
	}
	if api != nil {
		if api.ErrorFault() == smithy.FaultServer {
			return upgrade.CodeUnavailable
		}
		return upgrade.CodeInternal
	}
	if unreachable(err) {
		return upgrade.CodeUnavailable
	}
	return upgrade.CodeInternal
}

// codeOfStatus judges an answer whose error code is not listed.
func codeOfStatus(status int) upgrade.Code {
	switch {
	case status == http.StatusTooManyRequests:
		return upgrade.CodeThrottled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return upgrade.CodePermissionDenied
	case status == http.StatusNotFound:
		return upgrade.CodeNotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return upgrade.CodeConflict
	case status == http.StatusRequestTimeout, status >= 500:
		return upgrade.CodeUnavailable
	}
	return upgrade.CodeInternal
}

// unreachable reports whether the call got no answer at all.
func unreachable(err error) bool {
	var network net.Error
	var connection interface{ ConnectionError() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.As(err, &network) || (errors.As(err, &connection) && connection.ConnectionError())
}

// bare drops the namespace that some protocols put before the code, as in
// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException".
func bare(code string) string {
	if i := strings.LastIndexByte(code, '#'); i >= 0 {
		return code[i+1:]
	}
	return code
}
