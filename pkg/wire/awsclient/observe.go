package awsclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithylogging "github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Observe makes all clients of the configuration write a line for each call
// to the logger of the call's context, and count it in the context's metrics.
// Never a parameter and never an answer: both can hold secrets. What the SDK
// itself has to say goes to the logger of ctx.
func Observe(ctx context.Context, cfg *aws.Config) {
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		// After what names the call and checks its input, and around the retries.
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("eksUpgradeObserve", observe), middleware.After)
	})
	cfg.Logger = sdkLog{*logging.From(ctx)}
}

func observe(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	begun := time.Now() // of the network, which no simulated clock drives
	out, metadata, err := next.HandleInitialize(ctx, in)
	results, _ := retry.GetAttemptResults(metadata)
	c := apiCall{service: awsmiddleware.GetServiceID(ctx), operation: awsmiddleware.GetOperationName(ctx), attempts: len(results.Results), took: time.Since(begun), err: err}
	if c.attempts == 0 && err == nil { // it was only signed, for somebody else to make
		return out, metadata, err
	}
	c.requestID, _ = awsmiddleware.GetRequestIDMetadata(metadata)
	c.log(logging.From(ctx))
	c.count(metrics.From(ctx))
	return out, metadata, err
}

// apiCall is a call of AWS with all its attempts. There is none when it failed
// before it could be sent, for want of credentials.
type apiCall struct {
	service, operation string
	requestID          string
	attempts           int
	took               time.Duration
	err                error
}

func (c apiCall) log(log *zerolog.Logger) {
	if c.level() < log.GetLevel() { // WithLevel makes a line whatever the logger's level is
		return
	}
	line := log.WithLevel(c.level()).Str("service", c.service).Str("operation", c.operation).Int64("durationMs", c.took.Milliseconds()).
		Int("attempts", c.attempts).Int("retries", c.retries())
	var response interface{ ServiceRequestID() string }
	if c.requestID == "" && errors.As(c.err, &response) {
		c.requestID = response.ServiceRequestID()
	}
	if c.requestID != "" {
		line.Str("awsRequestId", c.requestID)
	}
	if c.err != nil {
		line.Str("errorCode", errorCode(c.err))
	}
	line.Msg("AWS call")
}

// level makes what is as it should be a matter of debugging. That something
// does not exist, or was changed by others in between, is an answer that the
// agent asks for, and no reason to warn anybody.
func (c apiCall) level() zerolog.Level {
	switch {
	case c.failed():
		return zerolog.WarnLevel
	case c.retries() > 0:
		return zerolog.InfoLevel
	}
	return zerolog.DebugLevel
}

func (c apiCall) failed() bool {
	if c.err == nil {
		return false
	}
	code := upgrade.CodeOf(awserr.Wrap(c.operation, c.err))
	return code != upgrade.CodeNotFound && code != upgrade.CodeConflict
}

func (c apiCall) retries() int { return max(c.attempts-1, 0) }

func (c apiCall) count(r *metrics.Recorder) {
	dims := metrics.Dims{metrics.Service: c.service}
	failed := 0.
	if c.failed() {
		failed = 1
	}
	r.Add(metrics.AWSCalls, 1, dims)
	r.Add(metrics.AWSRetries, float64(c.retries()), dims)
	r.Add(metrics.AWSErrors, failed, dims)
}

// errorCode is AWS's own code of an error, or the agent's for one that AWS did
// not answer with.
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return string(upgrade.CodeOf(awserr.Wrap("", err)))
}

// sdkLog writes what the SDK logs. By default these are warnings, such as of a
// response without a checksum.
type sdkLog struct{ log zerolog.Logger }

// Logf implements the SDK's logger.
func (l sdkLog) Logf(c smithylogging.Classification, format string, v ...any) {
	line := l.log.Debug()
	if c == smithylogging.Warn {
		line = l.log.Warn()
	}
	line.Str("source", "aws-sdk-go").Msg(logging.Line(fmt.Sprintf(format, v...), maxSDKLine))
}

// maxSDKLine is how many characters of a message of the SDK are logged.
const maxSDKLine = 1000
