package inference

import (
	"errors"
	"fmt"
	"slices"
)

// mostInBatch is how many pictures a run takes at most.
const mostInBatch = 8

// aimed is a pose model that sees crops of people, one or several in a run.
type aimed interface {
	poser
	parts() (*network, filler)
	// aim gives the area of the frame that is seen for a box, and how it is laid into the input.
	aim(box rect) (area rect, place placement)
	// read takes the points of one person from the outputs of a run.
	read(out []tensor, area rect, points []keypoint) error
}

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
	inputs, outputs := n.session.Info()
	return n.model.Input.Layout != "chw" && !slices.ContainsFunc(slices.Concat(inputs, outputs), func(t TensorInfo) bool {
		return len(t.Shape) < 2 || t.Shape[0] >= 0
	})
}

// estimateAll finds the points of the people in boxes by one run; the graph must
// leave the number of pictures open. What it finds is what estimate finds one by one.
func estimateAll(m aimed, pic picture, boxes []rect, points [][]keypoint) error {
	n, fill := m.parts()
	return n.useAll(len(boxes), func(i int, l *lane, input []float32) {
		_, place := m.aim(boxes[i])
		fill.fill(input, pic, place, &l.scratch)
	}, func(i int, out []tensor) error {
		area, _ := m.aim(boxes[i])
		return m.read(out, area, points[i])
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
					return mismatch(n.model, "its output %s has the shape %v for %d pictures", t.name, t.shape, count)
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

// sized returns the lanes for runs of count pictures.
func (p *pool) sized(count int) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.many == nil {
		p.many = map[int]*pool{}
	}
	if p.many[count] == nil {
		p.many[count] = &pool{}
	}
	return p.many[count]
}

// drain closes the runners of all sizes that no one is using.
func (p *pool) drain() (failed error) {
	for l := p.take(); l != nil; l = p.take() {
		failed = errors.Join(failed, l.runner.Close())
	}
	for _, many := range p.many {
		failed = errors.Join(failed, many.drain())
	}
	return failed
}
