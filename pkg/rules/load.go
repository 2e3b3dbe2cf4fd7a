package rules

import (
	"context"
	"errors"
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Reader reads an object of the artifact bucket by its key.
type Reader interface {
	Read(ctx context.Context, key string) ([]byte, error)
}

// Load reads the rules file that the setting rules.key names; with "" there are
// no rules. A file that is not there, or not good, is an InvalidRequest: without
// it findings would be judged otherwise than its writers wanted.
func Load(ctx context.Context, from Reader, key string) (Set, error) {
	const op = "read the rules"
	if key == "" {
		return Set{}, nil
	}
	data, err := from.Read(ctx, key)
	if upgrade.CodeOf(err) == upgrade.CodeNotFound {
		return Set{}, upgrade.KindInvalidConfiguration.Field(op, "rules.key", fmt.Sprintf("the bucket has no object %s", key), "put the file there, or take the setting away")
	}
	if err != nil {
		return Set{}, err
	}
	set, err := Parse(data)
	var own *upgrade.Error
	if errors.As(err, &own) {
		own.Message = "in " + key + ": " + own.Message
	}
	return set, err
}
