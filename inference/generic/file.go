package generic

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// Schema names the format of a step's JSON.
const Schema = "motionmill.tensors/1"

// Moment says what one run was about.
type Moment struct {
	// Index is the frame's number, or that of the window of sound, from 0.
	Index int
	// Time is when the frame is shown or the window begins, in seconds.
	Time float64
	// Part is how much of a window is sound and not the silence after its end, 0 to 1;
	// of anything else 1.
	Part float64
}

// Made describes a finished file; what has no meaning for its kind is 0.
type Made struct {
	Width, Height int     // px
	Duration      float64 // s
	Runs          int64   // of the model
}

// File is a file that is made of what a generic model gives: npy, json,
// wav or png, by its name. Add the outputs of each run, in order, then Close.
type File struct {
	generic *Model
	file    *os.File
	buffer  *bufio.Writer
	writer  tensorWriter
	runs    int64
}

// tensorWriter writes one kind of file.
type tensorWriter interface {
	add(at Moment, outputs []onnx.Array) error
	// end writes what is left, and returns what has to replace the file's beginning.
	end(made *Made) (head []byte, err error)
}

// The kinds of files, by their extension.
const (
	kindNPY  = ".npy"
	kindJSON = ".json"
	kindWAV  = ".wav"
	kindPNG  = ".png"
)

// Kinds lists the extensions of the files that a generic model can make.
func Kinds() []string { return []string{kindNPY, kindJSON, kindWAV, kindPNG} }

// Check tells whether a file of that name can be made of the model's outputs, as
// far as the graph tells.
func (g *Model) Check(name string) error {
	m, kind := g.network.Model, filepath.Ext(name)
	if !slices.Contains(Kinds(), kind) {
		return job.Fail(job.Unsupported, "make file of model "+m.Name, name, "its extension is none of "+strings.Join(Kinds(), ", "), "Rename it", nil)
	}
	info := g.outputs[g.chosen()]
	kinds := []string{"float32", "float64", "int64", "int32", "uint8", "bool", "string"}
	fault := ""
	switch {
	case kind == kindJSON:
		for _, info := range g.outputs {
			if !slices.Contains(kinds, info.Type) {
				fault = fmt.Sprintf("the output %v is of a type that this version does not read", info)
			}
		}
	case kind == kindNPY:
		if !slices.Contains(kinds[:6], info.Type) {
			fault = fmt.Sprintf("the output %v holds no numbers", info)
		}
	case kind == kindWAV && g.options.Rate == 0:
		fault = "the manifest's options.rate does not say of how many Hz its sound is"
	case kind == kindWAV:
		if !slices.Contains(kinds[:2], info.Type) || slices.ContainsFunc(info.Shape[:max(len(info.Shape)-1, 0)], func(n int64) bool { return n > 1 }) {
			fault = fmt.Sprintf("the output %v is no row of samples", info)
		}
	case kind == kindPNG:
		open := slices.ContainsFunc(info.Shape, func(n int64) bool { return n < 0 })
		if _, ok := pictureOf(info.Shape); !slices.Contains(kinds[:5], info.Type) || !ok && (!open || len(info.Shape) < 2 || len(info.Shape) > 4) {
			fault = fmt.Sprintf("the output %v is no picture of 1, 3 or 4 channels", info)
		}
	}
	if fault != "" {
		return job.Fail(job.ModelMissing, "make file of model "+m.Name, name, fault,
			"Choose another kind of file, or correct the manifest's options", nil)
	}
	return nil
}

// chosen is the number of the output that files of one tensor hold.
func (g *Model) chosen() int {
	return max(slices.IndexFunc(g.outputs, func(o onnx.TensorInfo) bool { return o.Name == g.options.Output }), 0)
}

// tells is whether an output is for others: not where it only goes back in.
func (g *Model) tells(output int) bool {
	_, kept := g.memory[g.outputs[output].Name]
	return !kept || output == g.chosen()
}

// Create makes the file of a path, which Check has approved.
func (g *Model) Create(path string) (*File, error) {
	if err := g.Check(filepath.Base(path)); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, writeFailed(path, err)
	}
	t := &File{generic: g, file: file, buffer: bufio.NewWriterSize(file, 1<<16)}
	one := oneTensor{generic: g, number: g.chosen()}
	switch filepath.Ext(path) {
	case kindNPY:
		t.writer = &npyWriter{oneTensor: one, to: t.buffer}
	case kindWAV:
		t.writer = &wavWriter{oneTensor: one, to: t.buffer, rate: g.options.Rate}
	case kindPNG:
		t.writer = &pngWriter{oneTensor: one, to: t.buffer}
	default:
		used := g.network.Used()
		used.Provider = "" // The same bytes wherever it ran.
		t.writer = &jsonWriter{to: t.buffer, model: used, tells: g.tells}
	}
	return t, nil
}

// Add writes the outputs of one run.
func (t *File) Add(at Moment, outputs []onnx.Array) error {
	t.runs++
	return t.failure(t.writer.add(at, outputs))
}

// Close finishes the file. Without a run there is no file: that is an error.
func (t *File) Close() (Made, error) {
	made := Made{Runs: t.runs}
	head, err := t.writer.end(&made)
	if err == nil {
		err = t.buffer.Flush()
	}
	if err == nil && head != nil {
		_, err = t.file.WriteAt(head, 0)
	}
	if t.runs == 0 && err == nil {
		err = job.Fail(job.Unsupported, "make file of model "+t.generic.network.Model.Name, filepath.Base(t.file.Name()),
			"the model had nothing to run on", "", nil)
	}
	return made, t.failure(errors.Join(err, t.file.Close()))
}

// Abort closes the file of a job that failed, as it is.
func (t *File) Abort() error { return t.file.Close() }

// failure types an error of writing; others have their type.
func (t *File) failure(err error) error {
	var typed *job.Error
	if err == nil || errors.As(err, &typed) {
		return err
	}
	return writeFailed(t.file.Name(), err)
}

func writeFailed(path string, err error) error {
	return job.Fail(job.KindOf(err), "write", filepath.Base(path), "", "", err)
}

// oneTensor is what writers of a single output share.
type oneTensor struct {
	generic *Model
	number  int
}

// wrong says that an output cannot be written.
func (o oneTensor) wrong(format string, args ...any) error {
	m := o.generic.network.Model
	return job.Fail(job.Unsupported, "write the output "+o.generic.outputs[o.number].Name+" of model", m.Name, fmt.Sprintf(format, args...),
		"Choose another kind of file", nil)
}

// jsonWriter writes the outputs of each run.
type jsonWriter struct {
	to    io.Writer
	model models.UsedModel
	tells func(output int) bool
	began bool
}

// tensorJSON is an output; Data is flat, the last dimension the fastest.
type tensorJSON struct {
	Shape []int64 `json:"shape"`
	Data  any     `json:"data"`
}

func (j *jsonWriter) add(at Moment, outputs []onnx.Array) error {
	type run struct {
		Index   int                   `json:"i"`
		Time    float64               `json:"t"`
		Outputs map[string]tensorJSON `json:"outputs"`
	}
	r := run{Index: at.Index, Time: math.Round(at.Time*1e6) / 1e6, Outputs: map[string]tensorJSON{}}
	for i, out := range outputs {
		if !j.tells(i) {
			continue
		}
		data := out.Data
		if bytes, ok := data.([]uint8); ok { // They would be written as base64.
			data = wider(bytes)
		}
		r.Outputs[out.Name] = tensorJSON{Shape: out.Shape, Data: data}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	if err := j.begin(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.to, "\n%s", text)
	return err
}

// begin writes what comes before a run.
func (j *jsonWriter) begin() error {
	if j.began {
		_, err := io.WriteString(j.to, ",")
		return err
	}
	j.began = true
	model, err := json.Marshal(j.model)
	if err != nil {
		return fmt.Errorf("encode model: %w", err)
	}
	_, err = fmt.Fprintf(j.to, `{"schema":%q,"model":%s,"runs":[`, Schema, model)
	return err
}

func (j *jsonWriter) end(*Made) ([]byte, error) {
	if !j.began {
		return nil, nil
	}
	_, err := io.WriteString(j.to, "\n]}\n")
	return nil, err
}

func wider(bytes []uint8) []int64 {
	numbers := make([]int64, len(bytes))
	for i, b := range bytes {
		numbers[i] = int64(b)
	}
	return numbers
}
