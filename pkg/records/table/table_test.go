package table_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type count struct {
	N int `json:"n"`
}

var key = table.Key{"id": "a"}

func increment(old count, _ bool) (count, bool, error) { return count{old.N + 1}, true, nil }

func tenMore(old count, _ bool) (count, bool, error) { return count{old.N + 10}, true, nil }

func TestUpdateDecidesAgainAfterALostRace(t *testing.T) {
	api := &tabletest.Fake{}
	tab := table.New(api, "t")
	raced := false
	api.Before = func(op string) error {
		if op == "PutItem" && !raced {
			raced = true
			if _, err := table.Update(t.Context(), tab, key, tenMore); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}
	got, err := table.Update(t.Context(), tab, key, increment)
	if err != nil || got.N != 11 {
		t.Errorf("%+v, %v: want both increments", got, err)
	}
}

func TestUpdateGivesUpAfterManyLostRaces(t *testing.T) {
	api := &tabletest.Fake{}
	tab := table.New(api, "t")
	nested := false
	api.Before = func(op string) error {
		if op == "PutItem" && !nested {
			nested = true
			defer func() { nested = false }()
			if _, err := table.Update(t.Context(), tab, key, tenMore); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}
	if _, err := table.Update(t.Context(), tab, key, increment); upgrade.CodeOf(err) != upgrade.CodeConflict {
		t.Errorf("error %v, want a Conflict", err)
	}
}

// repeating sends every PutItem twice, as the SDK does when the first answer
// was lost on the way.
type repeating struct{ *tabletest.Fake }

func (r repeating) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if _, err := r.Fake.PutItem(ctx, in, o...); err != nil {
		return nil, err
	}
	return r.Fake.PutItem(ctx, in, o...)
}

func TestARepeatedRequestIsNotALostRace(t *testing.T) {
	tab := table.New(repeating{&tabletest.Fake{}}, "t")
	for want := 1; want <= 3; want++ {
		got, err := table.Update(t.Context(), tab, key, increment)
		if err != nil || got.N != want {
			t.Fatalf("%+v, %v: want %d, each increment once", got, err, want)
		}
	}
}

func TestDecideCanRefuse(t *testing.T) {
	api := &tabletest.Fake{}
	refusal := errors.New("no")
	if _, err := table.Update(t.Context(), table.New(api, "t"), key, func(count, bool) (count, bool, error) { return count{}, true, refusal }); !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
	if api.Writes() != 0 {
		t.Error("a refused update wrote")
	}
}
