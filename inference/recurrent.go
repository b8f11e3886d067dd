package inference

import (
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// recurrence says how a graph is run again and again, each run being handed
// what the one before gave.
type recurrence struct {
	input     string  // the picture's
	shape     []int64 // of the picture
	loops     [][2]string
	start     []int64 // the shape of the zeros that the first run is handed in each loop
	constants []Array // float32 inputs that stay; those that the graph lacks are left out
}

// recurrentSession is a session whose runners can remember. Loops go from an
// output to an input.
type recurrentSession interface {
	session
	NewRecurrent(r recurrence) (runner, error)
}

// recurrent is a network at work on one video, with what it remembers of it.
// Runs follow each other, one at a time.
type recurrent struct {
	network *network
	runner  runner
}

// recurrent makes buffers that remember nothing yet.
func (n *network) recurrent(r recurrence) (*recurrent, error) {
	s, ok := n.session.(recurrentSession)
	if !ok {
		return nil, job.Fail(job.Internal, "run model", n.model.Name, fmt.Sprintf("a session of %T hands nothing on", n.session), "", nil)
	}
	run, err := s.NewRecurrent(r)
	if err != nil {
		return nil, fmt.Errorf("prepare buffers of model %s: %w", n.model.Name, err)
	}
	return &recurrent{network: n, runner: run}, nil
}

// use runs the network once more: fill writes the picture, read takes the
// outputs, which are valid until it returns.
func (r *recurrent) use(fill func(input []float32), read func([]tensor) error) error {
	r.network.enter()
	defer r.network.leave()
	fill(r.runner.Input())
	return r.network.run(r.runner, read)
}

// close frees the buffers. No run may be under way.
func (r *recurrent) close() error { return r.runner.Close() }
