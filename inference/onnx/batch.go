package onnx

import (
	"fmt"
	"slices"
)

// mostInBatch is how many pictures a run takes at most.
const mostInBatch = 8

// Batch is how many pictures a run takes: more than one where the graph leaves
// that open, on a GPU. A run on the CPU takes as long as its pictures do one
// after the other, so that several runs beside each other are faster there.
func (n *Network) Batch() int {
	if n.Provider == ProviderCPU || !n.openBatch() {
		return 1
	}
	return mostInBatch
}

// openBatch tells whether the graph leaves the number of pictures open.
func (n *Network) openBatch() bool {
	inputs, outputs := n.Info()
	return n.Model.Input.Layout != "chw" && !slices.ContainsFunc(slices.Concat(inputs, outputs), func(t TensorInfo) bool {
		return len(t.Shape) < 2 || t.Shape[0] >= 0
	})
}

// UseAll runs the network once over count pictures: fill writes the input of
// one, read takes the outputs of one, as if it had been alone.
func (n *Network) UseAll(count int, fill func(i int, l *Lane, input []float32), read func(i int, out []Tensor) error) error {
	sized := *n
	sized.pool = n.pool.sized(count)
	sized.pictures = count
	return sized.Use(func(l *Lane) {
		input := l.runner.Input()
		each := len(input) / count
		for i := range count {
			fill(i, l, input[i*each:(i+1)*each])
		}
	}, func(out []Tensor) error {
		one := make([]Tensor, len(out))
		for i := range count {
			for j, t := range out {
				if len(t.Shape) == 0 || t.Shape[0] != int64(count) {
					return n.Model.Mismatch("its output %s has the shape %v for %d pictures", t.Name, t.Shape, count)
				}
				each := len(t.Data) / count
				one[j] = Tensor{Name: t.Name, Shape: slices.Concat([]int64{1}, t.Shape[1:]), Data: t.Data[i*each : (i+1)*each]}
			}
			if err := read(i, one); err != nil {
				return fmt.Errorf("read picture %d of %d: %w", i+1, count, err)
			}
		}
		return nil
	})
}
