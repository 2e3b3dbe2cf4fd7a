package lambda

import (
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Concurrency of an account (source: "Lambda quotas").
const (
	accountConcurrency = 1000
	minimumUnreserved  = 100
	maxTotalCode       = 75 << 30 // bytes
)

// reservedExcept is how much concurrency other functions have reserved.
func (s *Service) reservedExcept(f *function) int32 {
	var sum int32
	for _, other := range s.funcs {
		if other != f {
			sum += value(other.reserved)
		}
	}
	return sum
}

// admit refuses an invocation that would be one too many.
func (s *Service) admit(f *function) error {
	if f.reserved != nil {
		if f.inFlight >= int(*f.reserved) {
			return throttled(types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
		}
		return nil
	}
	running := 0
	for _, other := range s.funcs {
		if other.reserved == nil {
			running += other.inFlight
		}
	}
	if running >= accountConcurrency-int(s.reservedExcept(f)) {
		return throttled(types.ThrottleReasonConcurrentInvocationLimitExceeded)
	}
	return nil
}

// PutFunctionConcurrency reserves concurrency for a function; 0 stops it.
func (s *Service) PutFunctionConcurrency(_ *wire.Call, in *sdk.PutFunctionConcurrencyInput) (*sdk.PutFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	if in.ReservedConcurrentExecutions == nil || *in.ReservedConcurrentExecutions < 0 {
		return nil, violation("null", "reservedConcurrentExecutions", "Member must have value greater than or equal to 0")
	}
	if accountConcurrency-s.reservedExcept(f)-*in.ReservedConcurrentExecutions < minimumUnreserved {
		return nil, invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minimumUnreserved)
	}
	f.reserved = ptr(*in.ReservedConcurrentExecutions)
	return &sdk.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

// GetFunctionConcurrency tells what is reserved.
func (s *Service) GetFunctionConcurrency(_ *wire.Call, in *sdk.GetFunctionConcurrencyInput) (*sdk.GetFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	return &sdk.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

// DeleteFunctionConcurrency takes the reservation back.
func (s *Service) DeleteFunctionConcurrency(_ *wire.Call, in *sdk.DeleteFunctionConcurrencyInput) (*sdk.DeleteFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	f.reserved = nil
	return &sdk.DeleteFunctionConcurrencyOutput{}, nil
}

// GetAccountSettings tells the limits and what is used of them.
func (s *Service) GetAccountSettings(_ *wire.Call, _ *sdk.GetAccountSettingsInput) (*sdk.GetAccountSettingsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	usage := &types.AccountUsage{FunctionCount: int64(len(s.funcs))}
	for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
		for _, v := range append([]*version{s.funcs[name].latest}, s.funcs[name].versions...) {
			usage.TotalCodeSize += v.config.CodeSize
		}
	}
	return &sdk.GetAccountSettingsOutput{AccountUsage: usage, AccountLimit: &types.AccountLimit{CodeSizeUnzipped: maxUnzipped, CodeSizeZipped: maxZip, ConcurrentExecutions: accountConcurrency,
		TotalCodeSize: maxTotalCode, UnreservedConcurrentExecutions: ptr(accountConcurrency - s.reservedExcept(nil))}}, nil
}
