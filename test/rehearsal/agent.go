package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
)

const (
	functionPrefix = "eks-upgrade-"
	functionMemory = 1024 // MiB
	logGroups      = "/aws/lambda/"
)

// deploy makes the agent: its resources and its functions.
func (s *stage) deploy(ctx context.Context) error {
	if s.o.Deploy != nil {
		return s.o.Deploy(ctx, s.site())
	}
	if err := s.createRoles(ctx); err != nil {
		return err
	}
	if err := s.admitAgent(ctx); err != nil {
		return err
	}
	if err := s.createAgentResources(ctx, s.config); err != nil {
		return err
	}
	if s.o.Functions == "" {
		return s.registerFunctions(ctx)
	}
	return s.createFunctions(ctx)
}

// environment is the configuration of the agent's functions.
func (s *stage) environment() []string {
	account, region := s.world.Account(), s.world.Region()
	return []string{
		config.Prefix + "BUCKET=eks-upgrade-artifacts-" + account + "-" + region,
		config.Prefix + "NOTIFICATION_TOPIC=arn:aws:sns:" + region + ":" + account + ":eks-upgrade-alerts",
		config.Prefix + "RELEASE_NOTES_URL=" + config.Bundled,
	}
}

// createFunctions makes functions out of the zips of Options.Functions. They
// are processes.
func (s *stage) createFunctions(ctx context.Context) error {
	zips, err := filepath.Glob(filepath.Join(s.o.Functions, "*.zip"))
	if err != nil || len(zips) == 0 {
		return errors.Join(fmt.Errorf("there is no zip of a function in %s", s.o.Functions), err)
	}
	slices.Sort(zips)
	variables := map[string]string{}
	for _, pair := range s.environment() {
		name, value, _ := strings.Cut(pair, "=")
		variables[name] = value
	}
	api := sdk.NewFromConfig(s.aws)
	for _, file := range zips {
		code, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := functionPrefix + strings.TrimSuffix(filepath.Base(file), ".zip")
		role := "arn:aws:iam::" + s.world.Account() + ":role/" + name
		if _, err := api.CreateFunction(ctx, &sdk.CreateFunctionInput{FunctionName: &name, Role: &role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
			Code: &types.FunctionCode{ZipFile: code}, Environment: &types.Environment{Variables: variables},
			Timeout: aws.Int32(int32(functionTimeout / time.Second)), MemorySize: aws.Int32(functionMemory)}); err != nil {
			return fmt.Errorf("create function %s: %w", name, err)
		}
	}
	return s.functionsActive(ctx)
}

// functionsActive waits until no function is pending.
func (s *stage) functionsActive(ctx context.Context) error {
	api := sdk.NewFromConfig(s.aws)
	pages := sdk.NewListFunctionsPaginator(api, &sdk.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list functions: %w", err)
		}
		for _, f := range page.Functions {
			if err := s.until(ctx, "function "+aws.ToString(f.FunctionName), func() (string, error) {
				out, err := api.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: f.FunctionName})
				if err != nil {
					return "", err
				}
				return strings.ToUpper(string(out.State)), nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepFunctionLogs writes what functions that are processes logged, one group
// after the other, for whoever asks why.
func (s *stage) keepFunctionLogs() error {
	file, err := os.Create(filepath.Join(s.o.Dir, "lambda.log"))
	if err != nil {
		return err
	}
	err = s.functionLogs(context.Background(), func(function string, e logtypes.FilteredLogEvent) error {
		_, err := fmt.Fprintf(file, "%s %s %s\n", function, time.UnixMilli(*e.Timestamp).UTC().Format(time.TimeOnly), strings.TrimRight(aws.ToString(e.Message), "\n"))
		return err
	})
	return errors.Join(err, file.Close())
}

// functionLogs calls f with each line that functions that are processes logged.
func (s *stage) functionLogs(ctx context.Context, f func(function string, e logtypes.FilteredLogEvent) error) error {
	api := cloudwatchlogs.NewFromConfig(s.aws)
	groups := cloudwatchlogs.NewDescribeLogGroupsPaginator(api, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(logGroups)})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, g := range page.LogGroups {
			lines := cloudwatchlogs.NewFilterLogEventsPaginator(api, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: g.LogGroupName})
			for lines.HasMorePages() {
				some, err := lines.NextPage(ctx)
				if err != nil {
					return err
				}
				for _, e := range some.Events {
					if err := f(strings.TrimPrefix(*g.LogGroupName, logGroups), e); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
