package asl

// javaRandom is java.util.Random, from which AWS draws when a seed is given.
type javaRandom struct{ state uint64 }

const javaMask = 1<<48 - 1

func newJavaRandom(seed int64) *javaRandom {
	return &javaRandom{(uint64(seed) ^ 0x5DEECE66D) & javaMask}
}

func (r *javaRandom) next(bits uint) uint64 {
	r.state = (r.state*0x5DEECE66D + 0xB) & javaMask
	return r.state >> (48 - bits)
}

// double is nextDouble: a number in [0, 1).
func (r *javaRandom) double() float64 {
	high := r.next(26)
	return float64(high<<27+r.next(27)) / (1 << 53)
}
