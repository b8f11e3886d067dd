package generic

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// Where an input of a generic model comes from.
const (
	fromFrame  = "frame"  // the manifest's input: a picture
	fromAudio  = "audio"  // samples of the video's sound
	fromText   = "text"   // the text of the step
	fromValue  = "value"  // numbers of the manifest
	fromLength = "length" // how long another input is
	fromMask   = "mask"   // ones, as many as another input has
	fromState  = "state"  // what an output was in the run before; zero in the first
)

// genericOptions are the options of the family generic.
type genericOptions struct {
	// Inputs tells of every input of the graph but the frame.
	Inputs []genericInput `yaml:"inputs"`
	// Output names the tensor that npy, wav and png hold; default the first.
	Output string `yaml:"output"`
	// Rate is that of the samples which the model gives, in Hz.
	Rate int `yaml:"rate"`
	// Range holds the values that are black and white in a png; default 0, 1,
	// and 0, 255 of whole numbers.
	Range []float64 `yaml:"range"`
	// Every is how many frames there are from one run to the next; default 1.
	Every int `yaml:"every"`
	// At is the time in seconds of the frame that a png is made of.
	At float64 `yaml:"at"`
}

// genericInput tells where one input comes from.
type genericInput struct {
	Name string `yaml:"name"`
	From string `yaml:"from"`
	// Of audio: the rate in Hz; how many seconds a run takes where the graph
	// leaves that open, default all; how many from one run to the next, default
	// as many as it takes.
	Rate   int     `yaml:"rate"`
	Window float64 `yaml:"window"`
	Step   float64 `yaml:"step"`
	// Of value: the numbers.
	Value []float64 `yaml:"value"`
	// Of length and mask: the other input. Of state: the output.
	Of string `yaml:"of"`
	// Of text: the number of each character. Without it numbers are the bytes of
	// UTF-8. Characters that it lacks get Unknown, or are left out.
	Vocabulary map[string]int64 `yaml:"vocabulary"`
	Unknown    *int64           `yaml:"unknown"`
	Lower      bool             `yaml:"lower"`  // small letters first
	Offset     int64            `yaml:"offset"` // added to bytes
	Begin      *int64           `yaml:"begin"`  // put before the text
	End        *int64           `yaml:"end"`    // put after it
	Between    *int64           `yaml:"between"`
	Pad        int64            `yaml:"pad"` // fills up what the graph's fixed length leaves
}

// readGenericOptions reads and checks the options of a manifest.
func readGenericOptions(m models.Manifest) (o genericOptions, err error) {
	text, err := yaml.Marshal(m.Options)
	if err != nil {
		return o, models.WrongField("options", "%v", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&o); err != nil {
		return o, models.WrongField("options", "%v", err)
	}
	for i, in := range o.Inputs {
		field := fmt.Sprintf("options.inputs[%d]", i)
		if in.Name == "" || in.Name == m.Input.Name || slices.ContainsFunc(o.Inputs[:i], func(e genericInput) bool { return e.Name == in.Name }) {
			return o, models.WrongField(field+".name", "%q is missing or there twice", in.Name)
		}
		if err := in.check(field, o.Inputs); err != nil {
			return o, err
		}
	}
	switch {
	case o.Rate < 0 || o.Rate > 384_000:
		return o, models.WrongField("options.rate", "%d is not within 1 to 384000 Hz", o.Rate)
	case len(o.Range) != 0 && (len(o.Range) != 2 || !(o.Range[0] < o.Range[1])):
		return o, models.WrongField("options.range", "is %v, want the values that are black and white", o.Range)
	case o.Every < 0:
		return o, models.WrongField("options.every", "%d is negative", o.Every)
	case !(o.At >= 0) || math.IsInf(o.At, 0):
		return o, models.WrongField("options.at", "%v is not a time in seconds", o.At)
	}
	return o, nil
}

func (in genericInput) check(field string, all []genericInput) error {
	if err := models.OneOf(field+".from", in.From, fromAudio, fromText, fromValue, fromLength, fromMask, fromState); err != nil {
		return err
	}
	switch in.From {
	case fromAudio:
		if in.Rate < 1000 || in.Rate > 384_000 {
			return models.WrongField(field+".rate", "%d is not within 1000 to 384000 Hz", in.Rate)
		}
		for name, seconds := range map[string]float64{"window": in.Window, "step": in.Step} {
			if !(seconds == 0 || seconds*float64(in.Rate) >= 1 && seconds <= 3600) {
				return models.WrongField(field+"."+name, "%v is not within a sample and 3600 s", seconds)
			}
		}
		if slices.ContainsFunc(all, func(e genericInput) bool { return e.From == fromAudio && e.Name != in.Name }) {
			return models.WrongField(field+".from", "two inputs take audio")
		}
	case fromValue:
		if len(in.Value) == 0 {
			return models.WrongField(field+".value", "holds no numbers")
		}
	case fromLength, fromMask:
		if !slices.ContainsFunc(all, func(e genericInput) bool {
			return e.Name == in.Of && (e.From == fromText || e.From == fromAudio)
		}) {
			return models.WrongField(field+".of", "%q is no input of text or audio", in.Of)
		}
	case fromState:
		if in.Of == "" {
			return models.WrongField(field+".of", "does not name the output that comes back")
		}
	case fromText:
		for key := range in.Vocabulary {
			if len([]rune(key)) != 1 {
				return models.WrongField(field+".vocabulary", "%q is not one character", key)
			}
		}
	}
	return nil
}

// check compares what the manifest says of an input with the graph's.
func (s source) check(m models.Model) error {
	kinds := []string{"float32", "float16", "float64", "int64", "int32", "uint8", "bool"}
	shape := s.info.Shape
	switch s.from.From {
	case fromFrame:
		if s.info.Type != m.Input.Type || !onnx.Fits(shape, m.Input.Shape()) {
			return m.Mismatch("the graph's input is %v, the manifest's input gives %s%v", s.info, m.Input.Type, m.Input.Shape())
		}
	case fromAudio:
		kinds = []string{"float32", "float16", "float64"}
		channels, window := soundShape(shape)
		if window == 0 && s.from.Window == 0 && s.from.Step > 0 {
			return m.Mismatch("the manifest's step of the input %q needs a window, which neither it nor the graph tells", s.info.Name)
		}
		if channels == 0 {
			return m.Mismatch("the graph's input is %v; samples are [n], [channels n] or [1 channels n] with 1 or 2 channels", s.info)
		}
	case fromText:
		kinds = []string{"string", "int64", "int32"}
		if _, ok := textShape(shape, 1); !ok {
			return m.Mismatch("the graph's input is %v; a text is [n] or [1 n]", s.info)
		}
	case fromValue:
		if n, ok := onnx.Elements(s.valueShape()); !ok || n != int64(len(s.from.Value)) {
			return m.Mismatch("the graph's input is %v, the manifest has %d values for it", s.info, len(s.from.Value))
		}
	case fromLength:
		if !onnx.Fits(shape, onesLike(shape)) {
			return m.Mismatch("the graph's input is %v, a length is one number", s.info)
		}
	case fromState:
		kinds = kinds[:6]
	}
	if !slices.Contains(kinds, s.info.Type) {
		return m.Mismatch("the graph's input is %v, a %s can be %s", s.info, s.from.From, strings.Join(kinds, ", "))
	}
	return nil
}

// valueShape is the graph's shape for constants: of open dimensions the last
// takes all values, the others are 1.
func (s source) valueShape() []int64 {
	shape, last := slices.Clone(s.info.Shape), -1
	others := int64(1)
	for i, d := range shape {
		if d < 0 {
			shape[i], last = 1, i
		} else {
			others *= max(d, 1)
		}
	}
	if last >= 0 {
		shape[last] = int64(len(s.from.Value)) / others
	}
	return shape
}

// soundShape reads [n], [channels n] or [1 channels n]: the channels (0 where
// it is neither) and the samples that a run takes (0 where that is open).
func soundShape(shape []int64) (channels, window int) {
	rank := len(shape)
	if rank < 1 || rank > 3 || rank == 3 && shape[0] > 1 {
		return 0, 0
	}
	channels = 1
	if rank > 1 && shape[rank-2] > 0 {
		channels = int(shape[rank-2])
	}
	if channels > 2 {
		return 0, 0
	}
	return channels, int(max(shape[rank-1], 0))
}

// soundArray lays interleaved samples out channel by channel in a graph's shape.
func soundArray(graph []int64, need SoundNeed, samples []float32) ([]int64, []float32) {
	n := need.Window
	if n == 0 {
		n = len(samples) / need.Channels
	}
	shape := onesLike(graph)
	shape[len(shape)-1] = int64(n)
	if len(shape) > 1 {
		shape[len(shape)-2] = int64(need.Channels)
	}
	out := make([]float32, n*need.Channels)
	for i := range min(n, len(samples)/need.Channels) {
		for c := range need.Channels {
			out[c*n+i] = samples[i*need.Channels+c]
		}
	}
	return shape, out
}

// textShape is the graph's shape for n numbers, [n] or [1 n]; a fixed length stays.
func textShape(graph []int64, n int) ([]int64, bool) {
	shape := slices.Clone(graph)
	last := len(shape) - 1
	if last < 0 || last > 1 || last == 1 && shape[0] > 1 {
		return nil, false
	}
	shape[0] = max(shape[0], 1)
	if graph[last] < 0 {
		shape[last] = int64(n)
	}
	return shape, shape[last] > 0
}

// text makes the input of a text: as it is where the graph takes strings,
// else as numbers.
func (s source) text(m models.Model, text string) (fed, error) {
	out := fed{Array: onnx.Array{Name: s.info.Name}, used: 1}
	if s.from.Lower {
		text = strings.ToLower(text)
	}
	if s.info.Type == "string" {
		out.Shape, _ = textShape(s.info.Shape, 1)
		if n, _ := onnx.Elements(out.Shape); n != 1 {
			return out, m.Mismatch("the graph's input is %v, a step has one text", s.info)
		}
		out.Data = []string{text}
		return out, nil
	}
	numbers := s.from.numbers(text)
	if len(numbers) == 0 {
		return out, job.Fail(job.Unsupported, "feed model", m.Name,
			"its text is empty, or has no character of the model's vocabulary", "Correct the step's text or the upload's metadata", nil)
	}
	out.Shape, _ = textShape(s.info.Shape, len(numbers))
	room := int(out.Shape[len(out.Shape)-1])
	if len(numbers) > room {
		return out, job.Fail(job.OverLimit, "feed model", m.Name,
			fmt.Sprintf("its text is %d numbers long, the graph takes %d", len(numbers), room), "Shorten the text", nil)
	}
	out.used = int64(len(numbers))
	for len(numbers) < room {
		numbers = append(numbers, s.from.Pad)
	}
	if s.info.Type == "int64" {
		out.Data = numbers
		return out, nil
	}
	narrow := make([]int32, len(numbers))
	for i, n := range numbers {
		narrow[i] = int32(n)
	}
	out.Data = narrow
	return out, nil
}

// numbers turns a text into what the graph takes; nothing where it has no character.
func (in genericInput) numbers(text string) (numbers []int64) {
	if in.Vocabulary == nil {
		for _, b := range []byte(text) {
			numbers = append(numbers, int64(b)+in.Offset)
		}
	} else {
		for _, c := range text {
			if n, ok := in.Vocabulary[string(c)]; ok {
				numbers = append(numbers, n)
			} else if in.Unknown != nil {
				numbers = append(numbers, *in.Unknown)
			}
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	if in.Between != nil {
		spread := []int64{*in.Between}
		for _, n := range numbers {
			spread = append(spread, n, *in.Between)
		}
		numbers = spread
	}
	if in.Begin != nil {
		numbers = slices.Insert(numbers, 0, *in.Begin)
	}
	if in.End != nil {
		numbers = append(numbers, *in.End)
	}
	return numbers
}

// convert gives numbers the type of an input of a graph; fractions that whole
// numbers cannot hold are dropped.
func convert[T float32 | float64](values []T, kind string) (any, error) {
	switch kind {
	case "float32", "float16": // The session narrows them.
		return cast[float32](values), nil
	case "float64":
		return cast[float64](values), nil
	case "int64":
		return cast[int64](values), nil
	case "int32":
		return cast[int32](values), nil
	case "uint8":
		return cast[uint8](values), nil
	case "bool":
		flags := make([]bool, len(values))
		for i, v := range values {
			flags[i] = v != 0
		}
		return flags, nil
	default:
		return nil, fmt.Errorf("the type %s is not supported by this version", kind)
	}
}

// cast converts numbers; to whole ones as wholeNumbers does.
func cast[To float32 | float64 | int64 | int32 | uint8, From float32 | float64](values []From) []To {
	out := make([]To, len(values))
	half, nudge := 0.5, 0.0
	if To(half) == 0 {
		nudge = 1.0 / 1024
	}
	for i, v := range values {
		out[i] = To(float64(v) + math.Copysign(nudge, float64(v)))
	}
	return out
}
