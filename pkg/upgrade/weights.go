package upgrade

import "fmt"

// Weights is how traffic is split between the two clusters, in percent.
type Weights struct {
	Blue  int `json:"blue"`
	Green int `json:"green"`
}

// AllBlue and AllGreen are the two ends of a traffic shift.
var (
	AllBlue  = Weights{Blue: 100}
	AllGreen = Weights{Green: 100}
)

// Validate checks that the weights sum to 100 and that none is negative. They
// are then never all zero, which Route 53 reads as an equal split. Source:
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html
func (w Weights) Validate() error {
	if w.Blue < 0 || w.Green < 0 || w.Blue+w.Green != 100 {
		return invalid("weights", fmt.Sprintf("blue %d and green %d do not sum to 100", w.Blue, w.Green), "give two weights from 0 to 100 that sum to 100")
	}
	return nil
}

// Of returns the weight of a side.
func (w Weights) Of(s Side) int {
	if s == Green {
		return w.Green
	}
	return w.Blue
}

// String returns "blue 90, green 10".
func (w Weights) String() string { return fmt.Sprintf("blue %d, green %d", w.Blue, w.Green) }

// AllowedShift says why traffic may not move from the weights that are
// observed now to next, or "" when it may. Forward it goes along steps, one at
// a time and never skipping; a jump is allowed toward the safe side only.
// Setting what already holds is always allowed.
func AllowedShift(observed, next Weights, steps []Weights, safe Side) string {
	if observed == next {
		return ""
	}
	if next.Of(safe) == 100 {
		return ""
	}
	previous := AllBlue
	for _, s := range steps {
		if s == next {
			if observed == previous {
				return ""
			}
			return fmt.Sprintf("the step before %s is %s, but the observed weights are %s", next, previous, observed)
		}
		previous = s
	}
	return fmt.Sprintf("%s is not a step of the plan", next)
}
