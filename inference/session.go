package inference

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// TensorInfo describes one input or output of a graph.
type TensorInfo struct {
	Name string
	Type string // float32, int64, … ; "other" for what this package never reads
	// Shape holds the dimensions; -1 is one that the graph leaves open.
	Shape []int64
}

// String gives "name float32[1 3 256 192]".
func (t TensorInfo) String() string { return fmt.Sprintf("%s %s%v", t.Name, t.Type, t.Shape) }

// tensor is an output of one run. Integers come as floats.
type tensor struct {
	name  string
	shape []int64
	data  []float32
}

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

// pool holds lanes that no one is using.
type pool struct {
	mu    sync.Mutex
	free  []*lane
	tried map[string]bool // by manifest: what was rehearsed
	many  map[int]*pool   // for runs of so many pictures
}

// lane is a runner with the memory that filling its input needs.
type lane struct {
	runner  runner
	scratch scratch
	worktop worktop
	average resampler
}

func newNetwork(m Model, provider string, s session) (*network, error) {
	inputs, _ := s.Info()
	if at := slices.IndexFunc(inputs, func(in TensorInfo) bool { return in.Name == m.Input.Name }); at >= 0 && m.Input.Type == "" {
		m.Input.Type = inputs[at].Type
	}
	if m.Task != TaskGeneric && m.Family != familyRVM { // They compare all inputs themselves.
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
		return mismatch(m, "the graph has %d inputs %v, this version feeds exactly one", len(inputs), inputs)
	}
	in := inputs[0]
	if in.Name != m.Input.Name {
		return mismatch(m, "the graph's input is named %q, the manifest says %q", in.Name, m.Input.Name)
	}
	if !slices.Contains(inputTypes(), in.Type) {
		return mismatch(m, "the graph's input is of %s, this version feeds %s", in.Type, strings.Join(inputTypes(), ", "))
	}
	if in.Type != m.Input.Type {
		return mismatch(m, "the graph's input is of %s, the manifest says %s", in.Type, m.Input.Type)
	}
	want := m.Input.shape()
	if finding := oddInput(in.Shape, want); finding != "" {
		return mismatch(m, "%s", finding)
	}
	if !fits(in.Shape, want) {
		return mismatch(m, "the graph's input is %v, the manifest's width, height and layout give %v", in.Shape, want)
	}
	return nil
}

// fits tells whether a shape satisfies a graph's, in which -1 is any.
func fits(graph, shape []int64) bool {
	if len(graph) != len(shape) {
		return false
	}
	for i := range graph {
		if graph[i] >= 0 && shape[i] >= 0 && graph[i] != shape[i] {
			return false
		}
	}
	return true
}

// mismatch says that a model file is not what its manifest claims.
func mismatch(m Model, format string, args ...any) error {
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, fmt.Sprintf(format, args...),
		"Correct the manifest, or choose another model", nil)
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
	out, err := l.runner.Run()
	if err != nil {
		return n.refused(err)
	}
	for _, t := range out {
		if !finite(t.data) {
			return notFinite(n, t.name)
		}
	}
	if n.saw != nil {
		n.saw(out)
	}
	return read(out)
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

func (p *pool) take() *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return nil
	}
	l := p.free[last]
	p.free = p.free[:last]
	return l
}

func (p *pool) give(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, l)
}

// close frees the runners and the session. No run may be under way.
func (n *network) close() error {
	return errors.Join(n.pool.drain(), n.session.Close())
}

// finite tells whether no value is NaN or infinite: v-v is 0 for all others.
func finite(values []float32) bool {
	var a, b, c, d float32
	for len(values) >= 4 {
		a += values[0] - values[0]
		b += values[1] - values[1]
		c += values[2] - values[2]
		d += values[3] - values[3]
		values = values[4:]
	}
	for _, v := range values {
		a += v - v
	}
	return a+b+c+d == 0
}
