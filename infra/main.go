// Command infra is the CDK application that deploys the agent.
//
//	cdk synth -c account=123456789012 -c region=eu-west-1 \
//	  -c clusters=shop,shop-green -c hostedZones=Z0123456789ABCDEFGHIJ -c roles=shop-cluster,shop-nodes
//
// The context says where the agent goes and what it may touch; see Settings.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	err := synth()
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func synth() error {
	app := awscdk.NewApp(nil)
	settings, err := readSettings(func(key string) any { return app.Node().TryGetContext(jsii.String(key)) })
	if err != nil {
		return err
	}
	newStack(app, settings)
	app.Synth(nil)
	return nil
}
