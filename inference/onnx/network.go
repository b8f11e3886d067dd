package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
)

// Session is a graph that is ready to run. It may be used from several
// goroutines at once, each with a runner of its own.
type Session interface {
	Info() (inputs, outputs []TensorInfo)
	NewRunner(input string, shape []int64) (Runner, error)
	// Call runs the graph on inputs of any type, in its order, and returns
	// copies of its outputs.
	Call(inputs []Array) ([]Array, error)
	Close() error
}

// Runner holds the buffers of one run at a time.
type Runner interface {
	// Input is where the picture is to be written before Run.
	Input() []float32
	// Run gives the outputs in the graph's order, valid until the next Run.
	Run() ([]Tensor, error)
	Close() error
}

// Network is a session with what its manifest says of it, and runners to reuse.
type Network struct {
	Model    models.Model // with the type of its input
	Provider string       // where it runs
	session  Session
	pool     *pool
	Nodes    map[string]int     // by provider, where they ran in a proof; nil on the CPU alone
	gate     chan struct{}      // as deep as inferences may run at once; nil is no bound
	saw      func(out []Tensor) // nil, or is shown the outputs of every run
	pictures int                // in a run; 0 is one
}

// NewNetwork compares a session on a provider with the model's manifest. An error is
// of kind model_missing.
func NewNetwork(m models.Model, provider string, s Session) (*Network, error) {
	inputs, _ := s.Info()
	if at := slices.IndexFunc(inputs, func(in TensorInfo) bool { return in.Name == m.Input.Name }); at >= 0 && m.Input.Type == "" {
		m.Input.Type = inputs[at].Type
	}
	if m.TakesOnlyPictures() { // Others compare all inputs themselves.
		if err := CheckInput(m, inputs); err != nil {
			return nil, err
		}
	}
	return &Network{Model: m, Provider: provider, session: s, pool: &pool{}}, nil
}

// As returns the same network under another manifest of the same file and input.
func (n *Network) As(m models.Model) *Network {
	if m.Input.Type == "" {
		m.Input.Type = n.Model.Input.Type
	}
	return &Network{Model: m, Provider: n.Provider, session: n.session, pool: n.pool, gate: n.gate, Nodes: n.Nodes}
}

// Used names the model and the provider that it really runs on.
func (n *Network) Used() models.UsedModel {
	m := n.Model
	return models.UsedModel{Name: m.Name, Task: m.Task, Family: m.Family, SHA256: m.SHA256, Provider: n.Provider, Nodes: n.Nodes}
}

// CheckInput compares what the manifest says of the input with the graph.
func CheckInput(m models.Model, inputs []TensorInfo) error {
	if len(inputs) != 1 {
		return m.Mismatch("the graph has %d inputs %v, this version feeds exactly one", len(inputs), inputs)
	}
	in := inputs[0]
	if in.Name != m.Input.Name {
		return m.Mismatch("the graph's input is named %q, the manifest says %q", in.Name, m.Input.Name)
	}
	if !slices.Contains(models.InputTypes(), in.Type) {
		return m.Mismatch("the graph's input is of %s, this version feeds %s", in.Type, strings.Join(models.InputTypes(), ", "))
	}
	if in.Type != m.Input.Type {
		return m.Mismatch("the graph's input is of %s, the manifest says %s", in.Type, m.Input.Type)
	}
	if finding := oddRange(m.Input, in.Type); finding != "" {
		return m.Mismatch("%s", finding)
	}
	want := m.Input.Shape()
	if finding := oddInput(in.Shape, want); finding != "" {
		return m.Mismatch("%s", finding)
	}
	if !Fits(in.Shape, want) {
		return m.Mismatch("the graph's input is %v, the manifest's width, height and layout give %v", in.Shape, want)
	}
	return nil
}

// oddInput says what is wrong with the shape of a graph's input, given the one
// of pictures; empty when nothing is that every family would stumble over.
func oddInput(graph, picture []int64) string {
	if slices.Contains(graph, 0) {
		return fmt.Sprintf("the graph's input is %v: an axis was left at 0 by the export, which must give it a size or leave it open", graph)
	}
	if len(graph) != len(picture) {
		return ""
	}
	if len(graph) == 4 && graph[0] > 1 {
		return fmt.Sprintf("the graph's input is %v, of %d pictures at once, and this version feeds one where the number is fixed: export it for one, or with an open first axis", graph, graph[0])
	}
	channels := slices.Index(picture, 3)
	if n := graph[channels]; (n == 1 || n == 2 || n == 4) && picture[channels] == 3 {
		return fmt.Sprintf("the graph's input is %v, of %d channels, and this version feeds three (red, green and blue)", graph, n)
	}
	return ""
}

// Use runs the network once: fill writes the input, read takes the outputs,
// which are valid until it returns.
func (n *Network) Use(fill func(*Lane), read func([]Tensor) error) error {
	n.enter()
	defer n.leave()
	l, err := n.acquire()
	if err != nil {
		return err
	}
	defer n.pool.give(l)
	fill(l)
	return n.run(l.runner, read)
}

// run runs what was filled. A run that is refused, or that gives what is no
// number, is an error.
func (n *Network) run(r Runner, read func([]Tensor) error) error {
	out, err := r.Run()
	if err != nil {
		return n.refused(err)
	}
	for _, t := range out {
		if !finite(t.Data) {
			return n.notFinite(t.Name)
		}
	}
	if n.saw != nil {
		n.saw(out)
	}
	return read(out)
}

// RunOnce runs the network by itself, on zeros.
func (n *Network) RunOnce() error {
	r, err := n.session.NewRunner(n.Model.Input.Name, n.Model.Input.Shape())
	if err != nil {
		return err
	}
	_, err = r.Run()
	return errors.Join(err, r.Close())
}

// Call runs the network once on inputs of any type and shape, in the graph's
// order, and returns copies of all outputs.
func (n *Network) Call(inputs []Array) ([]Array, error) {
	n.enter()
	outputs, err := n.session.Call(inputs)
	n.leave()
	if err != nil {
		return nil, n.refused(err)
	}
	for _, out := range outputs {
		if !finiteArray(out) {
			return nil, n.notFinite(out.Name)
		}
	}
	return outputs, nil
}

// Info gives the graph's inputs, and its outputs as runs give them.
func (n *Network) Info() (inputs, outputs []TensorInfo) { return n.session.Info() }

// Watched is the same network, with saw shown the outputs of every run.
func (n *Network) Watched(saw func(out []Tensor)) *Network {
	seen := n.As(n.Model)
	seen.saw = saw
	return seen
}

// Apart is the same network for another input, with buffers of its own, which
// Drain frees.
func (n *Network) Apart(in models.Input) *Network {
	m := n.Model
	m.Input = in
	own := n.As(m)
	own.pool, own.saw = &pool{}, n.saw
	return own
}

// Drain frees the buffers that no run uses.
func (n *Network) Drain() error { return n.pool.drain() }

// Once runs f unless it has succeeded for that key before, with this session.
func (n *Network) Once(key string, f func() error) error {
	if n.pool.knows(key) {
		return nil
	}
	err := f()
	if err == nil {
		n.pool.learn(key)
	}
	return err
}

// enter waits for a turn among all inferences of the process, which leave ends.
func (n *Network) enter() {
	if n.gate != nil {
		n.gate <- struct{}{}
	}
}

func (n *Network) leave() {
	if n.gate != nil {
		<-n.gate
	}
}

// refused types an error of a run.
func (n *Network) refused(err error) error {
	text := err.Error()
	if strings.Contains(text, "is smaller than requested bytes") || strings.Contains(text, "Failed to allocate memory") {
		return job.Fail(job.OutOfMemory, "run model", n.Model.Name, "its tensors need more memory than ONNX Runtime may take here (on "+n.Provider+")",
			"Give the process more memory, or choose a smaller model", err)
	}
	return job.Fail(job.Internal, "run model", n.Model.Name, "ONNX Runtime refused on "+n.Provider, "", err)
}

func (n *Network) acquire() (*Lane, error) {
	if l := n.pool.take(); l != nil {
		return l, nil
	}
	shape := n.Model.Input.Shape()
	if n.pictures > 1 {
		shape[0] = int64(n.pictures)
	}
	r, err := n.session.NewRunner(n.Model.Input.Name, shape)
	if err != nil {
		return nil, fmt.Errorf("prepare buffers of model %s: %w", n.Model.Name, err)
	}
	return &Lane{runner: r}, nil
}

// close frees the runners and the session. No run may be under way.
func (n *Network) close() error {
	return errors.Join(n.pool.drain(), n.session.Close())
}

// notFinite says that an output is no number.
func (n *Network) notFinite(output string) error {
	return job.Fail(job.Internal, "run model", n.Model.Name,
		fmt.Sprintf("the output %s holds NaN or infinity (on %s)", output, n.Provider),
		"Choose another model, or try --provider cpu", nil)
}
