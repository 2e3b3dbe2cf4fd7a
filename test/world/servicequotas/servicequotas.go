// Package servicequotas simulates as much of Service Quotas as an upgrade looks
// at: quotas of EC2 and EBS that more nodes count in. Use is not measured, as AWS
// does not enforce these where the simulated EC2 would have to.
package servicequotas

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

type quota struct {
	service, code, name string
	general             float64 // AWS's default
	usual               float64 // what an account that is in use has
}

// quotas are those of EC2 and EBS that nodes count in. Sources: EC2 User Guide,
// "Amazon EC2 instance type quotas"; AWS General Reference, "Amazon EBS endpoints
// and quotas". The accounts' values are usual ones.
var quotas = []quota{
	{"ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 640},
	{"ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5, 640},
	{"ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0, 64},
	{"ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0, 64},
	{"ec2", "L-417A185B", "Running On-Demand P instances", 0, 0},
	{"ec2", "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 0, 0},
	{"ec2", "L-1945791B", "Running On-Demand Inf instances", 0, 0},
	{"ec2", "L-B5D1601B", "All Inf Spot Instance Requests", 0, 0},
	{"ec2", "L-2C3B7624", "Running On-Demand Trn instances", 0, 0},
	{"ec2", "L-6B0D517C", "All Trn Spot Instance Requests", 0, 0},
	{"ec2", "L-74FC7D96", "Running On-Demand F instances", 0, 0},
	{"ec2", "L-88CF9481", "All F Spot Instance Requests", 0, 0},
	{"ec2", "L-7295265B", "Running On-Demand X instances", 0, 0},
	{"ec2", "L-E3A00192", "All X Spot Instance Requests", 0, 0},
	{"ec2", "L-6E869C2A", "Running On-Demand DL instances", 0, 0},
	{"ec2", "L-85EED4F7", "All DL Spot Instance Requests", 0, 0},
	{"ec2", "L-43DA4232", "Running On-Demand High Memory instances", 0, 0},
	{"ec2", "L-F7808C92", "Running On-Demand HPC instances", 0, 0},
	{"ebs", "L-D18FCD1D", "Storage for General Purpose SSD (gp2) volumes, in TiB", 50, 50},
	{"ebs", "L-7A658B76", "Storage for General Purpose SSD (gp3) volumes, in TiB", 50, 50},
}

var names = map[string]string{"ec2": "Amazon Elastic Compute Cloud (Amazon EC2)", "ebs": "Amazon Elastic Block Store (Amazon EBS)"}

// Service is Service Quotas. It is safe for concurrent use.
type Service struct {
	account, region string

	mu  sync.Mutex
	own map[string]*float64 // by code; nil: none of the account's own
}

// New returns Service Quotas with the values of an account that is in use.
func New(account, region string) *Service {
	s := &Service{account: account, region: region, own: map[string]*float64{}}
	for _, q := range quotas {
		s.own[q.code] = aws.Float64(q.usual)
	}
	return s
}

// Set sets the account's value of a quota. It panics for a code that is not
// simulated.
func (s *Service) Set(code string, value float64) { s.set(code, &value) }

// Unset takes away the account's own value of a quota: AWS's default holds. It
// panics for a code that is not simulated.
func (s *Service) Unset(code string) { s.set(code, nil) }

func (s *Service) set(code string, value *float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.own[code]; !ok {
		panic("servicequotas: no quota " + code)
	}
	s.own[code] = value
}

func find(service, code *string) (quota, error) {
	for _, q := range quotas {
		if q.service == aws.ToString(service) && q.code == aws.ToString(code) {
			return q, nil
		}
	}
	return quota{}, &types.NoSuchResourceException{Message: aws.String("The request failed because the specified quota does not exist.")}
}

func (s *Service) describe(q quota, value float64) types.ServiceQuota {
	return types.ServiceQuota{ServiceCode: aws.String(q.service), ServiceName: aws.String(names[q.service]), QuotaCode: aws.String(q.code), QuotaName: aws.String(q.name), Value: &value,
		QuotaArn: aws.String(fmt.Sprintf("arn:aws:servicequotas:%s:%s:%s/%s", s.region, s.account, q.service, q.code)), Unit: aws.String("None"), Adjustable: true, QuotaAppliedAtLevel: types.AppliedLevelEnumAccount}
}

// GetServiceQuota tells the account's value of a quota.
func (s *Service) GetServiceQuota(_ *wire.Call, in *sdk.GetServiceQuotaInput) (*sdk.GetServiceQuotaOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := find(in.ServiceCode, in.QuotaCode)
	if err != nil {
		return nil, err
	}
	own := s.own[q.code]
	if own == nil {
		return nil, &types.NoSuchResourceException{Message: aws.String("The request failed because the specified quota has no value applied.")}
	}
	found := s.describe(q, *own)
	return &sdk.GetServiceQuotaOutput{Quota: &found}, nil
}

// GetAWSDefaultServiceQuota tells AWS's default of a quota.
func (s *Service) GetAWSDefaultServiceQuota(_ *wire.Call, in *sdk.GetAWSDefaultServiceQuotaInput) (*sdk.GetAWSDefaultServiceQuotaOutput, error) {
	q, err := find(in.ServiceCode, in.QuotaCode)
	if err != nil {
		return nil, err
	}
	found := s.describe(q, q.general)
	found.QuotaArn = aws.String(strings.Replace(*found.QuotaArn, ":"+s.account+":", "::", 1))
	return &sdk.GetAWSDefaultServiceQuotaOutput{Quota: &found}, nil
}

// ListServiceQuotas lists the account's values of a service, by code.
func (s *Service) ListServiceQuotas(_ *wire.Call, in *sdk.ListServiceQuotasInput) (*sdk.ListServiceQuotasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if names[aws.ToString(in.ServiceCode)] == "" {
		return nil, &types.NoSuchResourceException{Message: aws.String("The request failed because the specified service does not exist.")}
	}
	found := []types.ServiceQuota{}
	for _, q := range quotas {
		if own := s.own[q.code]; q.service == *in.ServiceCode && own != nil && (in.QuotaCode == nil || *in.QuotaCode == q.code) {
			found = append(found, s.describe(q, *own))
		}
	}
	slices.SortFunc(found, func(a, b types.ServiceQuota) int { return strings.Compare(*a.QuotaCode, *b.QuotaCode) })
	page, next, err := cut(found, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &sdk.ListServiceQuotasOutput{Quotas: page, NextToken: next}, nil
}

// maxResults is the size of a page at most, and by default (source: API
// reference).
const maxResults = 100

func cut[T any](all []T, token *string, results *int32) ([]T, *string, error) {
	n := maxResults
	if results != nil {
		if n = int(*results); n < 1 || n > maxResults {
			return nil, nil, &types.IllegalArgumentException{Message: aws.String("MaxResults must be between 1 and 100.")}
		}
	}
	page, next, ok := paging.CutHidden(all, token, n)
	if !ok {
		return nil, nil, &types.InvalidPaginationTokenException{Message: aws.String("Invalid pagination token.")}
	}
	return page, next, nil
}
