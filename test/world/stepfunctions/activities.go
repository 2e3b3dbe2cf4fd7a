package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// pollLength is how long GetActivityTask waits for a task, in simulated time.
const pollLength = 60 * time.Second

// activity is a queue of tasks that workers fetch. Its lists are guarded by
// activities.mu.
type activity struct {
	arn, name  string
	created    time.Time
	encryption *types.EncryptionConfiguration
	tags       map[string]string // guarded by Service.mu
	tasks      []*activityTask
	pollers    []chan *activityTask // in the order of their calls
}

type activityTask struct {
	token string
	input json.RawMessage
	run   func() *asl.Execution
}

// activities has a lock of its own: the interpreter asks it for an activity
// while it holds an execution's lock.
type activities struct {
	mu    sync.Mutex
	byArn map[string]*activity
}

func (a *activities) find(arn string) *activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byArn[arn]
}

// offer gives a task to the poller that waits longest, or queues it. The
// returned function takes it out of the queue.
func (a *activities) offer(arn string, task *activityTask) (remove func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	act := a.byArn[arn]
	if act == nil {
		return nil, false
	}
	if len(act.pollers) > 0 {
		act.pollers[0] <- task
		act.pollers = act.pollers[1:]
		return func() {}, true
	}
	act.tasks = append(act.tasks, task)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		act.tasks = slices.DeleteFunc(act.tasks, func(o *activityTask) bool { return o == task })
	}, true
}

// take gives the oldest task, or else a channel on which one may come until
// stop is called.
func (a *activities) take(act *activity) (task *activityTask, later chan *activityTask, stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(act.tasks) > 0 {
		task, act.tasks = act.tasks[0], act.tasks[1:]
		return task, nil, nil
	}
	later = make(chan *activityTask, 1)
	act.pollers = append(act.pollers, later)
	return nil, later, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		act.pollers = slices.DeleteFunc(act.pollers, func(o chan *activityTask) bool { return o == later })
	}
}

func (s *Service) findActivity(arn *string) (*activity, error) {
	r, err := parseArn(arn, "activity")
	if err != nil {
		return nil, err
	}
	if a := s.activities.find(r.arn); a != nil {
		return a, nil
	}
	return nil, &types.ActivityDoesNotExist{Message: aws.String(fmt.Sprintf("Activity Does Not Exist: '%s'", r.arn))}
}

// CreateActivity implements the API operation. Repeating it is idempotent; tags
// of a repetition are ignored.
func (s *Service) CreateActivity(_ *wire.Call, in *sfn.CreateActivityInput) (*sfn.CreateActivityOutput, error) {
	if err := checkName(*in.Name); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags, nil)
	if err != nil {
		return nil, err
	}
	a := &activity{arn: fmt.Sprintf("arn:aws:states:%s:%s:activity:%s", s.o.Region, s.o.Account, *in.Name), name: *in.Name, created: s.now(), tags: tags}
	if in.EncryptionConfiguration != nil {
		if a.encryption, err = checkEncryption(in.EncryptionConfiguration); err != nil {
			return nil, err
		}
	}
	s.activities.mu.Lock()
	defer s.activities.mu.Unlock()
	if old := s.activities.byArn[a.arn]; old != nil {
		if !reflect.DeepEqual(old.encryption, a.encryption) {
			return nil, &types.ActivityAlreadyExists{Message: aws.String(fmt.Sprintf("Activity Already Exists: '%s'", a.arn))}
		}
		a = old
	}
	s.activities.byArn[a.arn] = a
	return &sfn.CreateActivityOutput{ActivityArn: &a.arn, CreationDate: aws.Time(a.created)}, nil
}

// DescribeActivity implements the API operation.
func (s *Service) DescribeActivity(_ *wire.Call, in *sfn.DescribeActivityInput) (*sfn.DescribeActivityOutput, error) {
	a, err := s.findActivity(in.ActivityArn)
	if err != nil {
		return nil, err
	}
	return &sfn.DescribeActivityOutput{ActivityArn: &a.arn, Name: &a.name, CreationDate: aws.Time(a.created), EncryptionConfiguration: a.encryption}, nil
}

// ListActivities implements the API operation: by name.
func (s *Service) ListActivities(_ *wire.Call, in *sfn.ListActivitiesInput) (*sfn.ListActivitiesOutput, error) {
	s.activities.mu.Lock()
	defer s.activities.mu.Unlock()
	var all []types.ActivityListItem
	for _, a := range s.activities.byArn {
		all = append(all, types.ActivityListItem{ActivityArn: &a.arn, Name: &a.name, CreationDate: aws.Time(a.created)})
	}
	sort.Slice(all, func(i, j int) bool { return *all[i].Name < *all[j].Name })
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListActivitiesOutput{Activities: part, NextToken: next}, nil
}

// DeleteActivity implements the API operation; deleting what is not there is no
// error.
func (s *Service) DeleteActivity(_ *wire.Call, in *sfn.DeleteActivityInput) (*sfn.DeleteActivityOutput, error) {
	a, err := s.findActivity(in.ActivityArn)
	if _, missing := errors.AsType[*types.ActivityDoesNotExist](err); missing {
		return &sfn.DeleteActivityOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	s.activities.mu.Lock()
	defer s.activities.mu.Unlock()
	delete(s.activities.byArn, a.arn)
	return &sfn.DeleteActivityOutput{}, nil
}

// GetActivityTask implements the API operation: it waits for a task for 60
// seconds of simulated time, or until the caller goes.
func (s *Service) GetActivityTask(c *wire.Call, in *sfn.GetActivityTaskInput) (*sfn.GetActivityTaskOutput, error) {
	if in.WorkerName != nil {
		if err := length("workerName", in.WorkerName, 1, maxName); err != nil {
			return nil, err
		}
	}
	a, err := s.findActivity(in.ActivityArn)
	if err != nil {
		return nil, err
	}
	timeout := make(chan struct{})
	stopTimer := s.o.Clock.AfterFunc(pollLength, func() { close(timeout) })
	defer stopTimer()
	for {
		task, later, stop := s.activities.take(a)
		if task == nil {
			select {
			case task = <-later:
			case <-timeout:
				stop()
			case <-c.Done():
				stop()
			}
		}
		if task == nil && later != nil { // it may have come at the last moment
			select {
			case task = <-later:
			default:
				return &sfn.GetActivityTaskOutput{}, c.Err()
			}
		}
		if err := task.run().TaskStarted(task.token, aws.ToString(in.WorkerName)); err != nil {
			continue // it was given up in the meantime
		}
		return &sfn.GetActivityTaskOutput{TaskToken: &task.token, Input: aws.String(string(task.input))}, nil
	}
}
