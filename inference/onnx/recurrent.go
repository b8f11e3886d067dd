package onnx

import (
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// Recurrence says how a graph is run again and again, each run being handed
// what the one before gave.
type Recurrence struct {
	Input     string      // the picture's
	Shape     []int64     // of the picture
	Loops     [][2]string // output, and the input that it goes back into
	Start     []int64     // the shape of the zeros that the first run is handed in each loop
	Constants []Array     // float32 inputs that stay; those that the graph lacks are left out
}

// recurrentSession is a session whose runners can remember. Loops go from an
// output to an input.
type recurrentSession interface {
	Session
	NewRecurrent(r Recurrence) (Runner, error)
}

// Recurrent is a network at work on one video, with what it remembers of it.
// Runs follow each other, one at a time.
type Recurrent struct {
	network *Network
	runner  Runner
}

// Recurrent makes buffers that remember nothing yet.
func (n *Network) Recurrent(r Recurrence) (*Recurrent, error) {
	s, ok := n.session.(recurrentSession)
	if !ok {
		return nil, job.Fail(job.Internal, "run model", n.Model.Name, fmt.Sprintf("a session of %T hands nothing on", n.session), "", nil)
	}
	run, err := s.NewRecurrent(r)
	if err != nil {
		return nil, fmt.Errorf("prepare buffers of model %s: %w", n.Model.Name, err)
	}
	return &Recurrent{network: n, runner: run}, nil
}

// Use runs the network once more: fill writes the picture, read takes the
// outputs, which are valid until it returns.
func (r *Recurrent) Use(fill func(input []float32), read func([]Tensor) error) error {
	r.network.enter()
	defer r.network.leave()
	fill(r.runner.Input())
	return r.network.run(r.runner, read)
}

// Close frees the buffers. No run may be under way.
func (r *Recurrent) Close() error { return r.runner.Close() }
