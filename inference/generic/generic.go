package generic

import (
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// Material is what one run of a generic model is fed with; what the model does
// not take is left zero.
type Material struct {
	// Still is a frame, rgb24.
	Still picture.Picture
	// Samples are -1 to 1 at the rate and channels of Needs, interleaved. Fewer
	// than a window are followed by silence.
	Samples []float32
	Text    string // of the step
}

// Needs says what a generic model takes.
type Needs struct {
	Frame, Text bool
	// Sound is nil when the model takes none.
	Sound *SoundNeed
}

// SoundNeed says how a model takes sound.
type SoundNeed struct {
	Rate     int // Hz
	Channels int // 1 or 2
	// Window is how many samples a channel one run takes; 0 is all there are.
	Window int
	// Step is how many samples there are from the beginning of one window to that of the next.
	Step int
}

// Model is a model of the family generic: any graph, with what its manifest
// says of its inputs. One job uses it at a time; the session is shared.
type Model struct {
	network *onnx.Network
	options genericOptions
	sources []source // in the order of the graph's inputs
	outputs []onnx.TensorInfo
	needs   Needs
	fill    fit.Filler
	scratch fit.Scratch
	picture []float32
	memory  memory
}

// source is where an input of the graph comes from.
type source struct {
	info onnx.TensorInfo
	from genericInput
}

// New verifies a model of the family generic and takes its session. A
// graph that is not what the manifest says is an error of kind model_missing.
func New(r *onnx.Runtime, m models.Model) (*Model, error) {
	if err := m.Supported(); err != nil {
		return nil, err
	}
	n, err := r.Network(m, r.NextDevice("steps"), runSample)
	if err != nil {
		return nil, err
	}
	g, err := newModel(n)
	if err != nil {
		return nil, err
	}
	if err := g.rehearse(); err != nil {
		return nil, err
	}
	g.memory.clear()
	return g, nil
}

func newModel(n *onnx.Network) (*Model, error) {
	m := n.Model
	options, err := readGenericOptions(m.Manifest)
	if err != nil {
		return nil, m.BadManifest(err)
	}
	inputs, outputs := n.Info()
	g := &Model{network: n, options: options, outputs: outputs}
	if err := g.join(inputs); err != nil {
		return nil, err
	}
	if len(outputs) == 0 {
		return nil, m.Mismatch("the graph has no outputs")
	}
	if options.Output != "" && !slices.ContainsFunc(outputs, func(o onnx.TensorInfo) bool { return o.Name == options.Output }) {
		return nil, m.Mismatch("the manifest's options.output is %q, the graph's outputs are %v", options.Output, outputs)
	}
	if g.needs.Frame {
		g.fill = fit.NewFiller(m.Input)
		g.picture = make([]float32, 3*m.Input.Width*m.Input.Height)
	}
	return g, nil
}

// join finds for every input of the graph where it comes from.
func (g *Model) join(inputs []onnx.TensorInfo) error {
	m := g.network.Model
	told := map[string]genericInput{}
	if m.Input.Name != "" {
		told[m.Input.Name] = genericInput{Name: m.Input.Name, From: fromFrame}
	}
	for _, in := range g.options.Inputs {
		told[in.Name] = in
	}
	for _, info := range inputs {
		in, ok := told[info.Name]
		if !ok {
			return m.Mismatch("the graph takes %v, and neither input nor options.inputs of the manifest says where it comes from", info)
		}
		delete(told, info.Name)
		s := source{info: info, from: in}
		if err := s.check(m); err != nil {
			return err
		}
		if err := g.comesBack(s); err != nil {
			return err
		}
		g.sources = append(g.sources, s)
		g.need(s)
	}
	for name := range told {
		return m.Mismatch("the manifest names the input %q, the graph's inputs are %v", name, inputs)
	}
	if g.needs.Frame && g.needs.Sound != nil {
		return m.Mismatch("it takes frames and sound, which no step can give at once")
	}
	return nil
}

func (g *Model) need(s source) {
	switch s.from.From {
	case fromFrame:
		g.needs.Frame = true
	case fromText:
		g.needs.Text = true
	case fromAudio:
		channels, window := soundShape(s.info.Shape)
		if window == 0 {
			window = int(math.Round(s.from.Window * float64(s.from.Rate)))
		}
		step := int(math.Round(s.from.Step * float64(s.from.Rate)))
		if step == 0 {
			step = window
		}
		g.needs.Sound = &SoundNeed{Rate: s.from.Rate, Channels: channels, Window: window, Step: step}
	}
}

// Needs returns what the model takes.
func (g *Model) Needs() Needs { return g.needs }

// Every returns how many frames there are from one run to the next.
func (g *Model) Every() int { return max(g.options.Every, 1) }

// At returns the time in seconds of the one frame that a model of pictures
// looks at where one picture is made; see Create.
func (g *Model) At() float64 { return g.options.At }

// Used names the model and the provider that it really runs on.
func (g *Model) Used() models.UsedModel { return g.network.Used() }

// BytesPerRun returns how many bytes the outputs of one run take, as far as
// the graph tells.
func (g *Model) BytesPerRun() int64 {
	total := int64(0)
	for i, o := range g.outputs {
		if n, ok := onnx.Elements(o.Shape); ok && g.tells(i) {
			total += n * 8
		}
	}
	return total
}

// Run feeds the model once and returns its outputs in the graph's order. A model
// with a state has to be run in order.
func (g *Model) Run(from Material) ([]onnx.Array, error) {
	inputs := make([]onnx.Array, len(g.sources))
	made := map[string]fed{}
	for pass := range 2 { // What tells of another input comes after it.
		for i, s := range g.sources {
			if follows := s.from.From == fromLength || s.from.From == fromMask; follows != (pass == 1) {
				continue
			}
			input, err := g.feed(s, from, made)
			if err != nil {
				return nil, err
			}
			inputs[i], made[s.info.Name] = input.Array, input
		}
	}
	outputs, err := g.network.Call(inputs)
	if err == nil {
		g.memory.keep(outputs)
	}
	return outputs, err
}

// fed is an input. Only the first used places of its last dimension are what there
// was: padding and silence come behind.
type fed struct {
	onnx.Array
	used int64
}

// feed makes one input.
func (g *Model) feed(s source, from Material, made map[string]fed) (in fed, err error) {
	in.Name = s.info.Name
	switch s.from.From {
	case fromFrame:
		pic := from.Still
		if err := pic.Check(); err != nil {
			return in, err
		}
		input := g.network.Model.Input
		g.fill.Fill(g.picture, pic, fit.Place(input, pic), &g.scratch)
		in.Shape = input.Shape()
		in.Data, err = convert(g.picture, s.info.Type)
	case fromAudio:
		need := *g.needs.Sound
		shape, samples := soundArray(s.info.Shape, need, from.Samples)
		in.Shape, in.used = shape, min(shape[len(shape)-1], int64(len(from.Samples)/need.Channels))
		in.Data, err = convert(samples, s.info.Type)
	case fromText:
		return s.text(g.network.Model, from.Text)
	case fromValue:
		in.Shape = s.valueShape()
		in.Data, err = convert(s.from.Value, s.info.Type)
	case fromState:
		in.Array, err = g.memory.recall(s)
	case fromLength:
		in.Shape = onesLike(s.info.Shape)
		in.Data, err = convert([]float64{float64(made[s.from.Of].used)}, s.info.Type)
	case fromMask:
		of := made[s.from.Of]
		in.Shape = of.Shape
		in.Data, err = convert(of.mask(), s.info.Type)
	}
	if err != nil {
		err = g.network.Model.Mismatch("the graph's input is %v: %v", s.info, err)
	}
	return in, err
}

// mask is 1 where something is, and 0 behind.
func (f fed) mask() []float64 {
	rows, length := rowsOf(f.Array)
	ones := make([]float64, rows*length)
	for i := range ones {
		if int64(i)%length < f.used {
			ones[i] = 1
		}
	}
	return ones
}

// rowsOf splits a shape into the last dimension and the product of the others.
func rowsOf(a onnx.Array) (rows, length int64) {
	if len(a.Shape) == 0 {
		return 1, 1
	}
	length = a.Shape[len(a.Shape)-1]
	rows, _ = onnx.Elements(a.Shape[:len(a.Shape)-1])
	return rows, length
}

// onesLike is a shape of one value with as many dimensions.
func onesLike(shape []int64) []int64 {
	ones := make([]int64, len(shape))
	for i := range ones {
		ones[i] = 1
	}
	return ones
}
