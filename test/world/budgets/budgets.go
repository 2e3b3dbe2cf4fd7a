// Package budgets simulates as much of AWS Budgets as stacks need that make
// budgets: they are kept and shown with their notifications. Nothing is spent in
// the simulated AWS, so that no notification is sent.
package budgets

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/budgets"
	"github.com/aws/aws-sdk-go-v2/service/budgets/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of AWS Budgets (source: API reference, "Quotas and restrictions").
const (
	maxNotifications = 10
	maxEmails        = 10
	pageSize         = 100
)

var budgetName = regexp.MustCompile(`^[^:\\]{1,100}$`)

type notification struct {
	types.Notification
	subscribers []types.Subscriber
}

type budget struct {
	types.Budget
	notifications []notification
}

// Service is AWS Budgets. It is safe for concurrent use.
type Service struct {
	clock   clock.Clock
	account string

	mu      sync.Mutex
	budgets map[string]*budget
}

// New returns AWS Budgets without budgets.
func New(c clock.Clock, account string) *Service {
	return &Service{clock: c, account: account, budgets: map[string]*budget{}}
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// find returns a budget; s.mu is held.
func (s *Service) find(account, name *string) (*budget, error) {
	if aws.ToString(account) != s.account {
		return nil, &types.AccessDeniedException{Message: aws.String("Account " + aws.ToString(account) + " is not authorized for this operation.")}
	}
	b, ok := s.budgets[aws.ToString(name)]
	if !ok {
		return nil, &types.NotFoundException{Message: aws.String(fmt.Sprintf("Unable to get budget: %s - the budget doesn't exist.", aws.ToString(name)))}
	}
	return b, nil
}

// check refuses what is no budget, and completes it.
func (s *Service) check(b *types.Budget) error {
	switch {
	case b == nil || !budgetName.MatchString(aws.ToString(b.BudgetName)) || strings.Contains(aws.ToString(b.BudgetName), "/action/"):
		return invalid("The budget's name must have 1 to 100 characters and neither : nor \\.")
	case !slices.Contains(b.BudgetType.Values(), b.BudgetType):
		return invalid("Budget type %q is not valid.", b.BudgetType)
	case !slices.Contains(b.TimeUnit.Values(), b.TimeUnit):
		return invalid("Time unit %q is not valid.", b.TimeUnit)
	case b.BudgetLimit == nil && b.PlannedBudgetLimits == nil && b.AutoAdjustData == nil:
		return invalid("One of BudgetLimit, PlannedBudgetLimits or AutoAdjustData must be set.")
	}
	if b.BudgetLimit != nil {
		if amount, err := strconv.ParseFloat(aws.ToString(b.BudgetLimit.Amount), 64); err != nil || amount <= 0 {
			return invalid("The budget's limit must be a positive number.")
		}
	}
	if b.TimePeriod == nil {
		now := s.clock.Now()
		b.TimePeriod = &types.TimePeriod{Start: aws.Time(time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)), End: aws.Time(time.Date(2087, 6, 15, 0, 0, 0, 0, time.UTC))}
	}
	b.CalculatedSpend = &types.CalculatedSpend{ActualSpend: &types.Spend{Amount: aws.String("0"), Unit: aws.String("USD")}}
	b.LastUpdatedTime = aws.Time(s.clock.Now())
	return nil
}

func checkNotification(n *types.Notification, subscribers []types.Subscriber) (notification, error) {
	var out notification
	if n == nil || n.Threshold <= 0 || !slices.Contains(n.NotificationType.Values(), n.NotificationType) || !slices.Contains(n.ComparisonOperator.Values(), n.ComparisonOperator) {
		return out, invalid("The notification is not valid.")
	}
	emails, topics := 0, 0
	for _, one := range subscribers {
		switch one.SubscriptionType {
		case types.SubscriptionTypeEmail:
			emails++
		case types.SubscriptionTypeSns:
			topics++
		default:
			return out, invalid("Subscription type %q is not valid.", one.SubscriptionType)
		}
	}
	if emails > maxEmails || topics > 1 || emails+topics == 0 {
		return out, invalid("A notification has 1 to %d email addresses and at most one SNS topic.", maxEmails)
	}
	out.Notification, out.subscribers = *n, subscribers
	if out.ThresholdType == "" {
		out.ThresholdType = types.ThresholdTypePercentage
	}
	out.NotificationState = types.NotificationStateOk
	return out, nil
}

func same(a, b types.Notification) bool {
	if b.ThresholdType == "" {
		b.ThresholdType = types.ThresholdTypePercentage
	}
	return a.NotificationType == b.NotificationType && a.ComparisonOperator == b.ComparisonOperator && a.Threshold == b.Threshold && a.ThresholdType == b.ThresholdType
}

// CreateBudget makes a budget.
func (s *Service) CreateBudget(_ *wire.Call, in *sdk.CreateBudgetInput) (*sdk.CreateBudgetOutput, error) {
	if in.Budget != nil {
		copied := *in.Budget
		in.Budget = &copied
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(in.Budget); err != nil {
		return nil, err
	}
	if _, err := s.find(in.AccountId, in.Budget.BudgetName); err == nil {
		return nil, &types.DuplicateRecordException{Message: aws.String(fmt.Sprintf("Error creating budget: %s - the budget already exists.", *in.Budget.BudgetName))}
	} else if _, denied := err.(*types.AccessDeniedException); denied {
		return nil, err
	}
	b := &budget{Budget: *in.Budget}
	if len(in.NotificationsWithSubscribers) > maxNotifications {
		return nil, &types.CreationLimitExceededException{Message: aws.String(fmt.Sprintf("A budget has at most %d notifications.", maxNotifications))}
	}
	for _, n := range in.NotificationsWithSubscribers {
		one, err := checkNotification(n.Notification, n.Subscribers)
		if err != nil {
			return nil, err
		}
		b.notifications = append(b.notifications, one)
	}
	s.budgets[*in.Budget.BudgetName] = b
	return &sdk.CreateBudgetOutput{}, nil
}

// UpdateBudget changes a budget; its notifications stay.
func (s *Service) UpdateBudget(_ *wire.Call, in *sdk.UpdateBudgetInput) (*sdk.UpdateBudgetOutput, error) {
	if in.NewBudget != nil {
		copied := *in.NewBudget
		in.NewBudget = &copied
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(in.NewBudget); err != nil {
		return nil, err
	}
	b, err := s.find(in.AccountId, in.NewBudget.BudgetName)
	if err != nil {
		return nil, err
	}
	b.Budget = *in.NewBudget
	return &sdk.UpdateBudgetOutput{}, nil
}

// DeleteBudget deletes a budget with its notifications.
func (s *Service) DeleteBudget(_ *wire.Call, in *sdk.DeleteBudgetInput) (*sdk.DeleteBudgetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	delete(s.budgets, *b.BudgetName)
	return &sdk.DeleteBudgetOutput{}, nil
}

// DescribeBudget describes a budget.
func (s *Service) DescribeBudget(_ *wire.Call, in *sdk.DescribeBudgetInput) (*sdk.DescribeBudgetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeBudgetOutput{Budget: &b.Budget}, nil
}

// DescribeBudgets describes all budgets by name.
func (s *Service) DescribeBudgets(_ *wire.Call, in *sdk.DescribeBudgetsInput) (*sdk.DescribeBudgetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.Budget{}
	for _, name := range slices.Sorted(maps.Keys(s.budgets)) {
		all = append(all, s.budgets[name].Budget)
	}
	page, next, ok := cut(all, in.NextToken, in.MaxResults)
	if !ok {
		return nil, &types.InvalidNextTokenException{Message: aws.String("Invalid next token.")}
	}
	return &sdk.DescribeBudgetsOutput{Budgets: page, NextToken: next}, nil
}

func cut[T any](all []T, token *string, size *int32) ([]T, *string, bool) {
	n := pageSize
	if size != nil {
		n = max(int(*size), 1)
	}
	return paging.Cut(all, token, n)
}

// CreateNotification adds a notification to a budget.
func (s *Service) CreateNotification(_ *wire.Call, in *sdk.CreateNotificationInput) (*sdk.CreateNotificationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	one, err := checkNotification(in.Notification, in.Subscribers)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(b.notifications, func(n notification) bool { return same(n.Notification, one.Notification) }) {
		return nil, &types.DuplicateRecordException{Message: aws.String("The notification already exists.")}
	}
	if len(b.notifications) >= maxNotifications {
		return nil, &types.CreationLimitExceededException{Message: aws.String(fmt.Sprintf("A budget has at most %d notifications.", maxNotifications))}
	}
	b.notifications = append(b.notifications, one)
	return &sdk.CreateNotificationOutput{}, nil
}

// DeleteNotification takes a notification of a budget away.
func (s *Service) DeleteNotification(_ *wire.Call, in *sdk.DeleteNotificationInput) (*sdk.DeleteNotificationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(b.notifications), func(n notification) bool { return in.Notification != nil && same(n.Notification, *in.Notification) })
	if len(left) == len(b.notifications) {
		return nil, &types.NotFoundException{Message: aws.String("The notification does not exist.")}
	}
	b.notifications = left
	return &sdk.DeleteNotificationOutput{}, nil
}

// DescribeNotificationsForBudget lists the notifications of a budget.
func (s *Service) DescribeNotificationsForBudget(_ *wire.Call, in *sdk.DescribeNotificationsForBudgetInput) (*sdk.DescribeNotificationsForBudgetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	all := []types.Notification{}
	for _, n := range b.notifications {
		all = append(all, n.Notification)
	}
	page, next, ok := cut(all, in.NextToken, in.MaxResults)
	if !ok {
		return nil, &types.InvalidNextTokenException{Message: aws.String("Invalid next token.")}
	}
	return &sdk.DescribeNotificationsForBudgetOutput{Notifications: page, NextToken: next}, nil
}

// DescribeSubscribersForNotification lists who gets a notification.
func (s *Service) DescribeSubscribersForNotification(_ *wire.Call, in *sdk.DescribeSubscribersForNotificationInput) (*sdk.DescribeSubscribersForNotificationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.AccountId, in.BudgetName)
	if err != nil {
		return nil, err
	}
	for _, n := range b.notifications {
		if in.Notification != nil && same(n.Notification, *in.Notification) {
			page, next, ok := cut(n.subscribers, in.NextToken, in.MaxResults)
			if !ok {
				return nil, &types.InvalidNextTokenException{Message: aws.String("Invalid next token.")}
			}
			return &sdk.DescribeSubscribersForNotificationOutput{Subscribers: page, NextToken: next}, nil
		}
	}
	return nil, &types.NotFoundException{Message: aws.String("The notification does not exist.")}
}
