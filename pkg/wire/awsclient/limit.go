package awsclient

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// rates are the calls a second that one look at a cluster makes of a service at
// most, and how many at once after a pause. AWS counts the calls of a whole
// account and region: EC2 lets 20 described lists a second be asked for after
// the first 100 (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html);
// the others' rates are not published, and half of that is kept to.
var rates = map[string]struct {
	perSecond rate.Limit
	burst     int
}{
	"EKS":                       {10, 20},
	"EC2":                       {10, 50},
	"Auto Scaling":              {5, 10},
	"Service Quotas":            {5, 10},
	"IAM":                       {5, 10},
	"RDS":                       {5, 10},
	"ElastiCache":               {5, 10},
	"Elastic Load Balancing":    {5, 10},
	"Elastic Load Balancing v2": {8, 16},
	// Five a second, for the whole account: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
	"Route 53": {3, 5},
}

// otherRate is the rate of services that are not in the table.
const otherRate, otherBurst = 10, 20

// Limited returns the configuration for clients that make many calls: each
// attempt takes a token from the bucket of its service, and retries are
// adaptive, so that a client slows down when AWS says that it is too much.
func Limited(cfg aws.Config) aws.Config {
	limited := cfg.Copy()
	limited.Retryer = func() aws.Retryer { // one for each client
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) { o.MaxAttempts = Attempts })
		})
	}
	buckets := map[string]*rate.Limiter{}
	for service, r := range rates {
		buckets[service] = rate.NewLimiter(r.perSecond, r.burst)
	}
	other := rate.NewLimiter(otherRate, otherBurst)
	limited.APIOptions = append(limited.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("eksUpgradeLimit", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			bucket, ok := buckets[awsmiddleware.GetServiceID(ctx)]
			if !ok {
				bucket = other
			}
			if bucket.Wait(ctx) != nil { // the context ends, or would before there is a token
				return middleware.FinalizeOutput{}, middleware.Metadata{}, cmp.Or(ctx.Err(), context.DeadlineExceeded)
			}
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
	})
	return limited
}
