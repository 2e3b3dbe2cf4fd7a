// Command infra is the CDK application that deploys the agent: one stack for
// the agent itself, and one for each other account with clusters.
//
//	cdk synth
//	cdk synth -c settings=other.yaml -c architecture=x86_64
//
// It reads deploy.yaml, see docs/deploy.example.yaml; values of the context win.
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
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	in, err := readContext(context)
	if err != nil {
		return err
	}
	if err := checkDist(in.dist, in.settings.Architecture); err != nil {
		return err
	}
	newHub(app, in.settings, in.dist)
	for _, spoke := range in.settings.Spokes {
		newSpoke(app, in.settings, spoke)
	}
	app.Synth(nil)
	return nil
}
