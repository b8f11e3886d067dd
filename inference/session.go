package inference

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// session is a graph that is ready to run. It may be used from several
// goroutines at once, each with a runner of its own.
type session interface {
	Info() (inputs, outputs []TensorInfo)
	NewRunner(input string, shape []int64) (runner, error)
	// Call runs the graph on inputs of any type, in its order, and returns
	// copies of its outputs.
	Call(inputs []Array) ([]Array, error)
	Close() error
}

// runner holds the buffers of one run at a time.
type runner interface {
	// Input is where the picture is to be written before Run.
	Input() []float32
	// Run gives the outputs in the graph's order, valid until the next Run.
	Run() ([]tensor, error)
	Close() error
}

// network is a session with what its manifest says of it, and runners to reuse.
type network struct {
	model    Model
	provider string
	session  session
	pool     *pool
	nodes    map[string]int     // by provider, where they ran in a proof; nil on the CPU alone
	gate     chan struct{}      // as deep as inferences may run at once; nil is no bound
	saw      func(out []tensor) // nil, or is shown the outputs of every run
	pictures int                // in a run; 0 is one
}

func newNetwork(m Model, provider string, s session) (*network, error) {
	inputs, _ := s.Info()
	if at := slices.IndexFunc(inputs, func(in TensorInfo) bool { return in.Name == m.Input.Name }); at >= 0 && m.Input.Type == "" {
		m.Input.Type = inputs[at].Type
	}
	if m.TakesOnlyPictures() { // Others compare all inputs themselves.
		if err := checkInput(m, inputs); err != nil {
			return nil, err
		}
	}
	return &network{model: m, provider: provider, session: s, pool: &pool{}}, nil
}

// as returns the same network under another manifest of the same file and input.
func (n *network) as(m Model) *network {
	if m.Input.Type == "" {
		m.Input.Type = n.model.Input.Type
	}
	return &network{model: m, provider: n.provider, session: n.session, pool: n.pool, gate: n.gate, nodes: n.nodes}
}

// used names the model and the provider that it really runs on.
func (n *network) used() UsedModel {
	m := n.model
	return UsedModel{Name: m.Name, Task: m.Task, Family: m.Family, SHA256: m.SHA256, Provider: n.provider, Nodes: n.nodes}
}

// checkInput compares what the manifest says of the input with the graph.
func checkInput(m Model, inputs []TensorInfo) error {
	if len(inputs) != 1 {
		return m.mismatch("the graph has %d inputs %v, this version feeds exactly one", len(inputs), inputs)
	}
	in := inputs[0]
	if in.Name != m.Input.Name {
		return m.mismatch("the graph's input is named %q, the manifest says %q", in.Name, m.Input.Name)
	}
	if !slices.Contains(inputTypes(), in.Type) {
		return m.mismatch("the graph's input is of %s, this version feeds %s", in.Type, strings.Join(inputTypes(), ", "))
	}
	if in.Type != m.Input.Type {
		return m.mismatch("the graph's input is of %s, the manifest says %s", in.Type, m.Input.Type)
	}
	want := m.Input.shape()
	if finding := oddInput(in.Shape, want); finding != "" {
		return m.mismatch("%s", finding)
	}
	if !fits(in.Shape, want) {
		return m.mismatch("the graph's input is %v, the manifest's width, height and layout give %v", in.Shape, want)
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
	channels := slices.Index(picture, 3)
	if n := graph[channels]; (n == 1 || n == 2 || n == 4) && picture[channels] == 3 {
		return fmt.Sprintf("the graph's input is %v, of %d channels, and this version feeds three (red, green and blue)", graph, n)
	}
	return ""
}

// use runs the network once: fill writes the input, read takes the outputs,
// which are valid until it returns.
func (n *network) use(fill func(*lane), read func([]tensor) error) error {
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
func (n *network) run(r runner, read func([]tensor) error) error {
	out, err := r.Run()
	if err != nil {
		return n.refused(err)
	}
	for _, t := range out {
		if !finite(t.data) {
			return n.notFinite(t.name)
		}
	}
	if n.saw != nil {
		n.saw(out)
	}
	return read(out)
}

// runOnce runs the network by itself, on zeros.
func (n *network) runOnce() error {
	r, err := n.session.NewRunner(n.model.Input.Name, n.model.Input.shape())
	if err != nil {
		return err
	}
	_, err = r.Run()
	return errors.Join(err, r.Close())
}

// call runs the network once on inputs of any type and shape, in the graph's
// order, and returns copies of all outputs.
func (n *network) call(inputs []Array) ([]Array, error) {
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

// info gives the graph's inputs, and its outputs as runs give them.
func (n *network) info() (inputs, outputs []TensorInfo) { return n.session.Info() }

// watched is the same network, with saw shown the outputs of every run.
func (n *network) watched(saw func(out []tensor)) *network {
	seen := n.as(n.model)
	seen.saw = saw
	return seen
}

// apart is the same network for another input, with buffers of its own, which
// drain frees.
func (n *network) apart(in Input) *network {
	m := n.model
	m.Input = in
	own := n.as(m)
	own.pool, own.saw = &pool{}, n.saw
	return own
}

// drain frees the buffers that no run uses.
func (n *network) drain() error { return n.pool.drain() }

// once runs f unless it has succeeded for that key before, with this session.
func (n *network) once(key string, f func() error) error {
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
func (n *network) enter() {
	if n.gate != nil {
		n.gate <- struct{}{}
	}
}

func (n *network) leave() {
	if n.gate != nil {
		<-n.gate
	}
}

// refused types an error of a run.
func (n *network) refused(err error) error {
	text := err.Error()
	if strings.Contains(text, "is smaller than requested bytes") || strings.Contains(text, "Failed to allocate memory") {
		return job.Fail(job.OutOfMemory, "run model", n.model.Name, "its tensors need more memory than ONNX Runtime may take here (on "+n.provider+")",
			"Give the process more memory, or choose a smaller model", err)
	}
	return job.Fail(job.Internal, "run model", n.model.Name, "ONNX Runtime refused on "+n.provider, "", err)
}

func (n *network) acquire() (*lane, error) {
	if l := n.pool.take(); l != nil {
		return l, nil
	}
	shape := n.model.Input.shape()
	if n.pictures > 1 {
		shape[0] = int64(n.pictures)
	}
	r, err := n.session.NewRunner(n.model.Input.Name, shape)
	if err != nil {
		return nil, fmt.Errorf("prepare buffers of model %s: %w", n.model.Name, err)
	}
	return &lane{runner: r}, nil
}

// close frees the runners and the session. No run may be under way.
func (n *network) close() error {
	return errors.Join(n.pool.drain(), n.session.Close())
}

// notFinite says that an output is no number.
func (n *network) notFinite(output string) error {
	return job.Fail(job.Internal, "run model", n.model.Name,
		fmt.Sprintf("the output %s holds NaN or infinity (on %s)", output, n.provider),
		"Choose another model, or try --provider cpu", nil)
}
