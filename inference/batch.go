package inference

import (
	"fmt"
	"slices"
)

// mostInBatch is how many pictures a run takes at most.
const mostInBatch = 8

// batch is how many pictures a run takes: more than one where the graph leaves
// that open, on a GPU. A run on the CPU takes as long as its pictures do one
// after the other, so that several runs beside each other are faster there.
func (n *network) batch() int {
	if n.provider == ProviderCPU || !n.openBatch() {
		return 1
	}
	return mostInBatch
}

// openBatch tells whether the graph leaves the number of pictures open.
func (n *network) openBatch() bool {
	inputs, outputs := n.info()
	return n.model.Input.Layout != "chw" && !slices.ContainsFunc(slices.Concat(inputs, outputs), func(t TensorInfo) bool {
		return len(t.Shape) < 2 || t.Shape[0] >= 0
	})
}

// useAll runs the network once over count pictures: fill writes the input of
// one, read takes the outputs of one, as if it had been alone.
func (n *network) useAll(count int, fill func(i int, l *lane, input []float32), read func(i int, out []tensor) error) error {
	sized := *n
	sized.pool = n.pool.sized(count)
	sized.pictures = count
	return sized.use(func(l *lane) {
		input := l.runner.Input()
		each := len(input) / count
		for i := range count {
			fill(i, l, input[i*each:(i+1)*each])
		}
	}, func(out []tensor) error {
		one := make([]tensor, len(out))
		for i := range count {
			for j, t := range out {
				if len(t.shape) == 0 || t.shape[0] != int64(count) {
					return n.model.mismatch("its output %s has the shape %v for %d pictures", t.name, t.shape, count)
				}
				each := len(t.data) / count
				one[j] = tensor{name: t.name, shape: slices.Concat([]int64{1}, t.shape[1:]), data: t.data[i*each : (i+1)*each]}
			}
			if err := read(i, one); err != nil {
				return fmt.Errorf("read picture %d of %d: %w", i+1, count, err)
			}
		}
		return nil
	})
}
