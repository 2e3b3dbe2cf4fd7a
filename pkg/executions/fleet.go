package executions

import (
	"encoding/json"
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// FleetRequest is the input of the machine eks-upgrade-fleet.
type FleetRequest struct {
	Waves []Wave `json:"waves"`
}

// Wave is a group of clusters that are upgraded before the next one begins.
type Wave struct {
	Name           string            `json:"name,omitempty"`
	Requests       []json.RawMessage `json:"requests"`                 // of upgrades
	MaxConcurrency *int              `json:"maxConcurrency,omitempty"` // clusters at a time; default 1
	MaxFailures    *int              `json:"maxFailures,omitempty"`    // upgrades that may fail; default 0
	SoakMinutes    *int              `json:"soakMinutes,omitempty"`    // before the next wave; default 0
}

// CheckFleet checks the input of a fleet's upgrade, each request included, and
// returns it as compact JSON.
func CheckFleet(data []byte) ([]byte, error) {
	if data == nil {
		return nil, invalid("file", "is missing", "name a file with the waves; see --help")
	}
	fleet, err := upgrade.Decode[FleetRequest](data)
	if err != nil {
		return nil, err
	}
	if len(fleet.Waves) == 0 {
		return nil, invalid("waves", "is empty", "give a list of at least one wave")
	}
	named := map[string]bool{}
	for i, w := range fleet.Waves {
		at := fmt.Sprintf("waves[%d]", i)
		if len(w.Requests) == 0 {
			return nil, invalid(at+".requests", "is empty", "give a list of upgrade requests")
		}
		for _, limit := range []struct {
			name  string
			value *int
			least int
		}{{"maxConcurrency", w.MaxConcurrency, 1}, {"maxFailures", w.MaxFailures, 0}, {"soakMinutes", w.SoakMinutes, 0}} {
			if limit.value != nil && *limit.value < limit.least {
				return nil, invalid(at+"."+limit.name, fmt.Sprintf("%d is out of range", *limit.value), fmt.Sprintf("give %d or more", limit.least))
			}
		}
		for j, raw := range w.Requests {
			request, err := upgrade.DecodeRequest(raw)
			if err != nil {
				return nil, fmt.Errorf("%s.requests[%d]: %w", at, j, err)
			}
			if named[request.Cluster] {
				return nil, invalid(fmt.Sprintf("%s.requests[%d].cluster", at, j), fmt.Sprintf("%s is named twice", request.Cluster), "upgrade a cluster once")
			}
			named[request.Cluster] = true
		}
	}
	return json.Marshal(fleet)
}

func invalid(field, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("", field, message, remedy)
}
