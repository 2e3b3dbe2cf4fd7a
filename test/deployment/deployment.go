// Package deployment deploys a synthesized CDK application without the CDK CLI:
// it uploads the files that the application's manifest names and creates or
// updates a stack by CloudFormation's API. It is for tests; people use `cdk`.
package deployment

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	smithy "github.com/aws/smithy-go"
)

// bootstrapVersion is that of the bootstrap stack of the CDK CLI that this
// stands in for; templates ask for one through the Parameter Store.
const bootstrapVersion = "30"

// manifest is what is read of a manifest.json.
type manifest struct {
	Artifacts map[string]struct {
		Type       string
		Properties struct {
			TemplateFile, StackName       string
			BootstrapStackVersionSSMParam string `json:"bootstrapStackVersionSsmParameter"`
			Tags                          map[string]string
			File                          string
		}
	}
}

// assets is what is read of a *.assets.json.
type assets struct {
	Files map[string]struct {
		Source       struct{ Path, Packaging string }
		Destinations map[string]struct{ BucketName, ObjectKey, Region string }
	}
}

// Deploy uploads the files of the application in the folder dir (cdk.out) to
// the buckets that they name, which are made where they are missing, and creates
// or updates the stack of this name. It returns the stack's outputs. When
// nothing changes it returns the outputs that are there.
//
// The error of a stack that fails names the resources that failed, each with its
// reason. Deploy waits in real time, until ctx ends.
func Deploy(ctx context.Context, cfg aws.Config, dir, stack string) (outputs map[string]string, err error) {
	d := deployer{cfg: cfg, dir: dir, s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), cfn: cloudformation.NewFromConfig(cfg)}
	var m manifest
	if err := readJSON(filepath.Join(dir, "manifest.json"), &m); err != nil {
		return nil, err
	}
	for id, a := range m.Artifacts {
		if a.Type != "aws:cloudformation:stack" || id != stack && a.Properties.StackName != stack {
			continue
		}
		if err := d.ensureVersion(ctx, a.Properties.BootstrapStackVersionSSMParam); err != nil {
			return nil, err
		}
		address, err := d.upload(ctx, id)
		if err != nil {
			return nil, err
		}
		var tags []types.Tag
		for key, value := range a.Properties.Tags {
			tags = append(tags, types.Tag{Key: &key, Value: &value})
		}
		slices.SortFunc(tags, func(a, b types.Tag) int { return cmp.Compare(*a.Key, *b.Key) })
		return d.apply(ctx, cmp.Or(a.Properties.StackName, id), filepath.Join(dir, a.Properties.TemplateFile), address, tags)
	}
	return nil, fmt.Errorf("deployment: %s has no stack %q", dir, stack)
}

type deployer struct {
	cfg aws.Config
	dir string
	s3  *s3.Client
	cfn *cloudformation.Client
}

func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("deployment: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("deployment: %s: %w", path, err)
	}
	return nil
}

// ensureVersion writes the parameter that says which bootstrap stack there is,
// where nobody has bootstrapped.
func (d deployer) ensureVersion(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	c := ssm.NewFromConfig(d.cfg)
	_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Type: ssmtypes.ParameterTypeString, Value: aws.String(bootstrapVersion)})
	if code(err) == "ParameterAlreadyExists" {
		return nil
	}
	return err
}

// upload publishes the files of a stack and returns the address of its template,
// "" if the template is no file of them.
func (d deployer) upload(ctx context.Context, stack string) (template string, err error) {
	var a assets
	if err := readJSON(filepath.Join(d.dir, stack+".assets.json"), &a); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	replace := strings.NewReplacer("${AWS::Region}", d.cfg.Region, "${AWS::Partition}", "aws")
	for _, file := range a.Files {
		body, err := content(filepath.Join(d.dir, file.Source.Path), file.Source.Packaging)
		if err != nil {
			return "", err
		}
		for _, to := range file.Destinations {
			bucket, key := replace.Replace(to.BucketName), replace.Replace(to.ObjectKey)
			if err := d.put(ctx, bucket, key, body); err != nil {
				return "", err
			}
			if strings.HasSuffix(file.Source.Path, ".template.json") {
				template = fmt.Sprintf("https://s3.%s.amazonaws.com/%s/%s", d.cfg.Region, bucket, key)
			}
		}
	}
	return template, nil
}

func (d deployer) put(ctx context.Context, bucket, key string, body []byte) error {
	_, err := d.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	if code(err) != "NoSuchBucket" {
		return err
	}
	in := &s3.CreateBucketInput{Bucket: &bucket}
	if d.cfg.Region != "us-east-1" {
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(d.cfg.Region)}
	}
	if _, err := d.s3.CreateBucket(ctx, in); err != nil {
		return err
	}
	_, err = d.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	return err
}

// content is a file as it is published: a folder as a zip.
func content(path, packaging string) ([]byte, error) {
	if packaging != "zip" {
		return os.ReadFile(path)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(os.DirFS(path)); err != nil {
		return nil, fmt.Errorf("deployment: %s: %w", path, err)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var capabilities = []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam}

// apply creates or updates a stack and waits for the end.
func (d deployer) apply(ctx context.Context, name, file, address string, tags []types.Tag) (map[string]string, error) {
	var body, url *string
	if address != "" {
		url = &address
	} else {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("deployment: %w", err)
		}
		body = aws.String(string(b))
	}
	_, err := d.cfn.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: body, TemplateURL: url, Capabilities: capabilities, Tags: tags})
	switch {
	case code(err) == "AlreadyExistsException":
		_, err = d.cfn.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: body, TemplateURL: url, Capabilities: capabilities, Tags: tags})
		if err != nil && strings.Contains(err.Error(), "No updates are to be performed") {
			err = nil
		}
		if err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	return d.wait(ctx, name)
}

// look is how often the stack is looked at, in real time.
const look = 50 * time.Millisecond

func (d deployer) wait(ctx context.Context, name string) (map[string]string, error) {
	for {
		out, err := d.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			return nil, err
		}
		st := out.Stacks[0]
		switch {
		case strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"):
		case st.StackStatus == types.StackStatusCreateComplete, st.StackStatus == types.StackStatusUpdateComplete:
			outputs := map[string]string{}
			for _, o := range st.Outputs {
				outputs[*o.OutputKey] = *o.OutputValue
			}
			return outputs, nil
		default:
			return nil, d.failure(ctx, *st.StackId, st.StackStatus)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("deployment: %s is %s: %w", name, st.StackStatus, ctx.Err())
		case <-time.After(look):
		}
	}
}

// failure says which resources failed.
func (d deployer) failure(ctx context.Context, id string, status types.StackStatus) error {
	problems := []error{fmt.Errorf("deployment: the stack is %s", status)}
	p := cloudformation.NewDescribeStackEventsPaginator(d.cfn, &cloudformation.DescribeStackEventsInput{StackName: &id})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return errors.Join(append(problems, err)...)
		}
		for _, e := range page.StackEvents {
			if reason := aws.ToString(e.ResourceStatusReason); strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && !strings.HasSuffix(reason, "cancelled") {
				problems = append(problems, fmt.Errorf("%s (%s): %s: %s", aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceType), e.ResourceStatus, reason))
			}
		}
	}
	return errors.Join(problems...)
}

// Delete deletes a stack and waits for the end; what is not there is no error.
func Delete(ctx context.Context, cfg aws.Config, stack string) error {
	c := cloudformation.NewFromConfig(cfg)
	out, err := c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		if strings.Contains(err.Error(), "does not exist") {
			return nil
		}
		return err
	}
	id := out.Stacks[0].StackId
	if _, err := c.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: id}); err != nil {
		return err
	}
	for {
		out, err := c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: id})
		if err != nil {
			return err
		}
		switch status := out.Stacks[0].StackStatus; status {
		case types.StackStatusDeleteComplete:
			return nil
		case types.StackStatusDeleteFailed:
			return deployer{cfg: cfg, cfn: c}.failure(ctx, *id, status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
