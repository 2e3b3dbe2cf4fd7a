package resource

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/budgets"
	budgettypes "github.com/aws/aws-sdk-go-v2/service/budgets/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

type repository struct {
	EmptyOnDelete              *bool
	EncryptionConfiguration    *ecrtypes.EncryptionConfiguration
	ImageScanningConfiguration *ecrtypes.ImageScanningConfiguration
	ImageTagMutability         ecrtypes.ImageTagMutability
	LifecyclePolicy            *struct {
		LifecyclePolicyText *string
		RegistryId          *string
	}
	RepositoryName       *string
	RepositoryPolicyText *Document
	Tags                 []Tag
}

func repositoryTag(key, value *string) ecrtypes.Tag { return ecrtypes.Tag{Key: key, Value: value} }

type budget struct {
	Budget                       budgetData `cfn:"required"`
	NotificationsWithSubscribers []struct {
		Notification budgettypes.Notification `cfn:"required"`
		Subscribers  []budgettypes.Subscriber `cfn:"required"`
	}
	ResourceTags []Tag
}

type budgetData struct {
	BudgetLimit *struct {
		Amount string `cfn:"required"`
		Unit   string `cfn:"required"`
	}
	BudgetName  *string
	BudgetType  budgettypes.BudgetType `cfn:"required"`
	CostFilters map[string][]string
	CostTypes   *budgettypes.CostTypes
	TimePeriod  *struct{ End, Start *string }
	TimeUnit    budgettypes.TimeUnit `cfn:"required"`
}

func (p *budget) forBudgets(name string) *budgettypes.Budget {
	b := &budgettypes.Budget{BudgetName: &name, BudgetType: p.Budget.BudgetType, TimeUnit: p.Budget.TimeUnit, CostFilters: p.Budget.CostFilters, CostTypes: p.Budget.CostTypes}
	if l := p.Budget.BudgetLimit; l != nil {
		b.BudgetLimit = &budgettypes.Spend{Amount: &l.Amount, Unit: &l.Unit}
	}
	return b
}

func (p *budget) notifications() []budgettypes.NotificationWithSubscribers {
	var out []budgettypes.NotificationWithSubscribers
	for _, n := range p.NotificationsWithSubscribers {
		out = append(out, budgettypes.NotificationWithSubscribers{Notification: &n.Notification, Subscribers: n.Subscribers})
	}
	return out
}

func init() {
	register(definition[repository]{
		name: "AWS::ECR::Repository", nameProperty: "RepositoryName", replace: []string{"EncryptionConfiguration", "RepositoryName"}, attributes: []string{"Arn", "RepositoryUri"},
		create: func(x *Context, p *repository) (string, error) {
			name := p.RepositoryName
			if name == nil {
				made := strings.ToLower(x.Name(256))
				name = &made
			}
			err := do(x, &ecr.CreateRepositoryInput{RepositoryName: name, EncryptionConfiguration: p.EncryptionConfiguration, ImageScanningConfiguration: p.ImageScanningConfiguration,
				ImageTagMutability: p.ImageTagMutability, Tags: tagsAs(x.tags(p.Tags), repositoryTag)})
			if err != nil {
				return "", err
			}
			return *name, p.settle(x, *name, &repository{})
		},
		read: func(x *Context, id string, _ *repository) (State, error) {
			out, err := invoke[ecr.DescribeRepositoriesOutput](x, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{id}})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"Arn": *out.Repositories[0].RepositoryArn, "RepositoryUri": *out.Repositories[0].RepositoryUri}}, nil
		},
		update: updateRepository,
		remove: func(x *Context, id string, p *repository) error {
			return do(x, &ecr.DeleteRepositoryInput{RepositoryName: &id, Force: p.EmptyOnDelete != nil && *p.EmptyOnDelete})
		},
	}, definition[budget]{
		name: "AWS::Budgets::Budget", replaces: func(old, changed *budget) []string {
			if JSON([]any{old.Budget.BudgetName, old.Budget.BudgetType}) != JSON([]any{changed.Budget.BudgetName, changed.Budget.BudgetType}) {
				return []string{"Budget"}
			}
			return nil
		}, takes: 3 * time.Second,
		create: func(x *Context, p *budget) (string, error) {
			if p.Budget.TimePeriod != nil {
				return "", refuse("Budget/TimePeriod")
			}
			name := *x.Or(p.Budget.BudgetName, 100)
			return made(name, do(x, &budgets.CreateBudgetInput{AccountId: &x.Account, Budget: p.forBudgets(name), NotificationsWithSubscribers: p.notifications(),
				ResourceTags: tagsAs(x.tags(p.ResourceTags), func(key, value *string) budgettypes.ResourceTag {
					return budgettypes.ResourceTag{Key: key, Value: value}
				})}))
		},
		update: updateBudget,
		remove: func(x *Context, id string, _ *budget) error {
			return do(x, &budgets.DeleteBudgetInput{AccountId: &x.Account, BudgetName: &id})
		},
	})
}

// settle sets the repository's policies.
func (p *repository) settle(x *Context, id string, old *repository) error {
	switch {
	case p.LifecyclePolicy != nil && p.LifecyclePolicy.LifecyclePolicyText != nil:
		if err := do(x, &ecr.PutLifecyclePolicyInput{RepositoryName: &id, LifecyclePolicyText: p.LifecyclePolicy.LifecyclePolicyText}); err != nil {
			return err
		}
	case old.LifecyclePolicy != nil:
		if err := unlessGone(do(x, &ecr.DeleteLifecyclePolicyInput{RepositoryName: &id})); err != nil {
			return err
		}
	}
	switch {
	case p.RepositoryPolicyText != nil:
		return do(x, &ecr.SetRepositoryPolicyInput{RepositoryName: &id, PolicyText: p.RepositoryPolicyText.text()})
	case old.RepositoryPolicyText != nil:
		return unlessGone(do(x, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &id}))
	}
	return nil
}

func updateRepository(x *Context, id string, old, p *repository) error {
	mutability := p.ImageTagMutability
	if mutability == "" {
		mutability = ecrtypes.ImageTagMutabilityMutable
	}
	if err := do(x, &ecr.PutImageTagMutabilityInput{RepositoryName: &id, ImageTagMutability: mutability}); err != nil {
		return err
	}
	scanning := p.ImageScanningConfiguration
	if scanning == nil {
		scanning = &ecrtypes.ImageScanningConfiguration{}
	}
	if err := do(x, &ecr.PutImageScanningConfigurationInput{RepositoryName: &id, ImageScanningConfiguration: scanning}); err != nil {
		return err
	}
	if err := p.settle(x, id, old); err != nil {
		return err
	}
	arn := x.ARN("ecr", "repository/"+id)
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &ecr.TagResourceInput{ResourceArn: &arn, Tags: tagsAs(tags, repositoryTag)})
		},
		func(keys []string) error { return do(x, &ecr.UntagResourceInput{ResourceArn: &arn, TagKeys: keys}) })
}

func updateBudget(x *Context, id string, old, p *budget) error {
	if p.Budget.TimePeriod != nil {
		return refuse("Budget/TimePeriod")
	}
	if err := do(x, &budgets.UpdateBudgetInput{AccountId: &x.Account, NewBudget: p.forBudgets(id)}); err != nil {
		return err
	}
	is, was := map[string]bool{}, map[string]bool{}
	for _, n := range p.notifications() {
		is[JSON(n)] = true
	}
	for _, n := range old.notifications() {
		if was[JSON(n)] = true; !is[JSON(n)] {
			if err := unlessGone(do(x, &budgets.DeleteNotificationInput{AccountId: &x.Account, BudgetName: &id, Notification: n.Notification})); err != nil {
				return err
			}
		}
	}
	for _, n := range p.notifications() {
		if !was[JSON(n)] {
			if err := do(x, &budgets.CreateNotificationInput{AccountId: &x.Account, BudgetName: &id, Notification: n.Notification, Subscribers: n.Subscribers}); err != nil {
				return err
			}
		}
	}
	return nil
}
