// Command function is a Lambda function that does what its event tells it to.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type event struct {
	Do    string
	N     int
	Text  string
	Topic string
}

type busyError struct{}

func (busyError) Error() string { return "busy" }

var (
	count int
	kept  [][]byte
	ticks int
)

func handle(ctx context.Context, e event) (any, error) {
	count++
	switch e.Do {
	case "count":
		return count, nil
	case "fail":
		return nil, busyError{}
	case "error":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.N)
	case "sleep":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		return "slept", nil
	case "hang":
		select {}
	case "deadline":
		deadline, _ := ctx.Deadline()
		return time.Until(deadline).Seconds(), nil
	case "allocate":
		for range e.N {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 1024 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		return len(kept), nil
	case "respond":
		return strings.Repeat("x", e.N), nil
	case "print":
		fmt.Print(e.Text)
		return nil, nil
	case "environment":
		all := map[string]string{}
		for _, pair := range os.Environ() {
			k, v, _ := strings.Cut(pair, "=")
			all[k] = v
		}
		return all, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		return map[string]any{"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext.Custom, "trace": os.Getenv("_X_AMZN_TRACE_ID"),
			"name": lambdacontext.FunctionName, "version": lambdacontext.FunctionVersion, "memory": lambdacontext.MemoryLimitInMB}, nil
	case "background":
		go func() {
			for {
				ticks++
				time.Sleep(time.Millisecond)
			}
		}()
		return nil, nil
	case "ticks":
		return ticks, nil
	case "whoami":
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, err
		}
		out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, err
		}
		return *out.Arn, nil
	case "publish":
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, err
		}
		for range e.N {
			if _, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: &e.Topic, Message: &e.Text}); err != nil {
				return nil, err
			}
		}
		return e.N, nil
	}
	return e, nil
}

func main() {
	switch os.Getenv("START") {
	case "exit":
		fmt.Println("no configuration")
		os.Exit(3)
	case "hang":
		select {}
	}
	lambda.Start(handle)
}
