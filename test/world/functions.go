package world

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// newLambda joins Lambda to the services that it uses.
func (w *World) newLambda() *lambda.Service {
	o := w.opts
	return lambda.New(lambda.Options{Clock: o.Clock, Hold: o.Hold, Account: o.Account, Region: o.Region, Seed: o.Seed, Synchronous: o.Synchronous,
		Mux: w.mux, Logs: w.logs, Object: w.Object, Endpoint: w.URL, CABundle: w.CABundle, Environment: o.FunctionEnv,
		Issue: func(role, session string) lambda.Credentials {
			c := w.sts.Issue(role, session)
			return lambda.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
		}})
}

// Object reads an object for a service of AWS, the code of a function or the
// source of a build; the error is S3's own.
func (w *World) Object(bucket, key string) ([]byte, error) { return w.s3.Object(bucket, key) }

// identify finds the process of a function by its credentials; a handler that
// runs in process says who it is by a header.
func (w *World) identify(c *wire.Call) {
	if c.Invocation != "" || c.AccessKeyID == "" {
		return
	}
	if function, invocation, ok := w.lambda.Caller(c.AccessKeyID); ok {
		c.Caller, c.Invocation = function, invocation
	}
}
