package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// ManifestSchema is the value of a manifest's schema field.
const ManifestSchema = "motionmill.model/1"

// The tasks that a model can be for.
const (
	TaskDetect  = "detect"
	TaskPose    = "pose"
	TaskMatte   = "matte"
	TaskMask    = "mask"
	TaskGeneric = "generic"
)

// The ways in which a picture is brought to the size of a model's input.
const (
	FitAffine           = "affine"
	FitStretch          = "stretch"
	FitLetterboxCentre  = "letterbox-centre"
	FitLetterboxTopLeft = "letterbox-topleft"
)

// Manifest describes one model file, as the YAML beside it says.
type Manifest struct {
	Schema  string `yaml:"schema"`
	Name    string `yaml:"name"`
	Task    string `yaml:"task"`
	Family  string `yaml:"family"`
	File    string `yaml:"file"`   // the .onnx file's name, in the manifest's own folder
	SHA256  string `yaml:"sha256"` // of the file, 64 lower-case hexadecimal digits
	Licence string `yaml:"licence"`
	Source  string `yaml:"source"` // the URL that the file came from; may be empty
	// Note is something that whoever uses the model should read.
	Note string `yaml:"note"`
	// Rank decides between the installed models of a task: the highest is used.
	Rank  int   `yaml:"rank"`
	Input Input `yaml:"input"`
	// Points names what a pose model finds; empty for others.
	Points KeypointSet `yaml:"keypoints"`
	// Classes names what a detector finds; empty for others.
	Classes ClassSet `yaml:"classes"`
	// Options are the family's own.
	Options map[string]any `yaml:"options"`
}

// Input describes the picture that a model takes.
type Input struct {
	Name   string    `yaml:"name"`
	Width  int       `yaml:"width"`  // px
	Height int       `yaml:"height"` // px
	Layout string    `yaml:"layout"` // nchw (default), nhwc or chw
	Type   string    `yaml:"type"`   // float32, float16, int32 or uint8; empty is what the graph takes
	Colour string    `yaml:"colour"` // rgb (default) or bgr
	Mean   []float64 `yaml:"mean"`   // per channel in the order of Colour, on 0 to 255; default 0
	Std    []float64 `yaml:"std"`    // per channel, on 0 to 255; default 1
	Fit    string    `yaml:"fit"`
	Pad    float64   `yaml:"pad"` // the value of what is not picture, 0 to 255
}

// fieldError says which field of a manifest is wrong, and how.
type fieldError struct{ field, finding string }

// Error names the field and says what is wrong.
func (e *fieldError) Error() string { return "field " + e.field + ": " + e.finding }

// WrongField is an error that says which field of a manifest is wrong, and how.
func WrongField(field, format string, args ...any) error {
	return &fieldError{field: field, finding: fmt.Sprintf(format, args...)}
}

var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)
	hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ParseManifest reads one manifest, fills in the defaults and checks every
// field. An unknown field is an error.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			return m, errors.New("the manifest is empty")
		}
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return m, errors.New("read manifest: something follows it behind ---: a file holds one manifest")
	}
	if m.Schema != ManifestSchema {
		return m, WrongField("schema", "is %q, want %q", m.Schema, ManifestSchema)
	}
	if err := checkWhole(data); err != nil {
		return m, err
	}
	m.setDefaults()
	return m, m.check()
}

// checkWhole refuses fractions where whole numbers are meant: the decoder drops them.
func checkWhole(data []byte) error {
	var said struct {
		Rank  any
		Input struct{ Width, Height any }
	}
	if err := yaml.Unmarshal(data, &said); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	for _, is := range []struct {
		field string
		value any
	}{{"rank", said.Rank}, {"input.width", said.Input.Width}, {"input.height", said.Input.Height}} {
		if v, ok := is.value.(float64); ok && v != math.Trunc(v) {
			return WrongField(is.field, "%v is not a whole number", v)
		}
	}
	return nil
}

func (m *Manifest) setDefaults() {
	in := &m.Input
	for _, text := range []struct {
		field *string
		value string
	}{{&in.Layout, "nchw"}, {&in.Colour, "rgb"}} {
		if *text.field == "" {
			*text.field = text.value
		}
	}
	if len(in.Mean) == 0 {
		in.Mean = []float64{0, 0, 0}
	}
	if len(in.Std) == 0 {
		in.Std = []float64{1, 1, 1}
	}
}

func (m *Manifest) check() error {
	if !namePattern.MatchString(m.Name) {
		return WrongField("name", "%q is not made of lower-case letters, digits, dots, dashes and underscores", m.Name)
	}
	if err := OneOf("task", m.Task, TaskDetect, TaskPose, TaskMatte, TaskMask, TaskGeneric); err != nil {
		return err
	}
	if m.Family == "" {
		return WrongField("family", "is missing")
	}
	if m.File == "" || m.File == "." || m.File == ".." || m.File != path.Base(m.File) || strings.ContainsRune(m.File, '\\') {
		return WrongField("file", "%q is not the name of a file in the manifest's folder", m.File)
	}
	if !hashPattern.MatchString(m.SHA256) {
		return WrongField("sha256", "%q is not 64 lower-case hexadecimal digits", m.SHA256)
	}
	if m.Task == TaskPose && len(m.Points.Names) == 0 {
		return WrongField("keypoints", "is missing, and the task is pose")
	}
	if m.Task == TaskGeneric && m.Input.Name == "" {
		return nil // It takes no picture.
	}
	return m.Input.check()
}

func (in Input) check() error {
	if in.Name == "" {
		return WrongField("input.name", "is missing")
	}
	const largest = 8192
	if in.Width < 1 || in.Width > largest {
		return WrongField("input.width", "%d is not within 1 to %d", in.Width, largest)
	}
	if in.Height < 1 || in.Height > largest {
		return WrongField("input.height", "%d is not within 1 to %d", in.Height, largest)
	}
	for _, check := range []error{
		OneOf("input.layout", in.Layout, "nchw", "nhwc", "chw"),
		OneOf("input.type", in.Type, append(InputTypes(), "")...),
		OneOf("input.colour", in.Colour, "rgb", "bgr"),
		OneOf("input.fit", in.Fit, FitAffine, FitStretch, FitLetterboxCentre, FitLetterboxTopLeft),
	} {
		if check != nil {
			return check
		}
	}
	infinite := func(v float64) bool { return math.IsNaN(v - v) }
	if len(in.Mean) != 3 || slices.ContainsFunc(in.Mean, infinite) {
		return WrongField("input.mean", "is %v, want 3 numbers", in.Mean)
	}
	if len(in.Std) != 3 || slices.Contains(in.Std, 0) || slices.ContainsFunc(in.Std, infinite) {
		return WrongField("input.std", "is %v, want 3 numbers other than 0", in.Std)
	}
	if !(in.Pad >= 0 && in.Pad <= 255) {
		return WrongField("input.pad", "%v is not within 0 to 255", in.Pad)
	}
	return nil
}

// InputTypes are those that a picture can be given in.
func InputTypes() []string { return []string{"float32", "float16", "int32", "uint8"} }

// Shape returns the dimensions of the input tensor for one picture.
func (in Input) Shape() []int64 {
	w, h := int64(in.Width), int64(in.Height)
	switch in.Layout {
	case "nhwc":
		return []int64{1, h, w, 3}
	case "chw":
		return []int64{3, h, w}
	default:
		return []int64{1, 3, h, w}
	}
}

// OneOf returns nil when a field has an allowed value.
func OneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	named := slices.DeleteFunc(slices.Clone(allowed), func(a string) bool { return a == "" })
	return WrongField(field, "is %q, want one of %s", value, strings.Join(named, ", "))
}

// Number returns the option of a name, or fallback where there is none.
func (m Manifest) Number(option string, fallback, low, high float64) (float64, error) {
	value, ok := m.Options[option]
	if !ok {
		return fallback, nil
	}
	var x float64
	switch v := value.(type) {
	case int:
		x = float64(v)
	case float64:
		x = v
	default:
		return 0, WrongField("options."+option, "%v is not a number", value)
	}
	if !(x >= low && x <= high) {
		return 0, WrongField("options."+option, "%v is not within %v to %v", x, low, high)
	}
	return x, nil
}

// Choice returns the option of a name, which is one of allowed; the first where there is none.
func (m Manifest) Choice(option string, allowed ...string) (string, error) {
	value, ok := m.Options[option]
	if !ok {
		return allowed[0], nil
	}
	text, ok := value.(string)
	if !ok {
		return "", WrongField("options."+option, "%v is not a text", value)
	}
	return text, OneOf("options."+option, text, allowed...)
}

// KnownOptions refuses options that the family does not have.
func (m Manifest) KnownOptions(known ...string) error {
	for option := range m.Options {
		if !slices.Contains(known, option) {
			slices.Sort(known)
			return WrongField("options."+option, "family %s has no such option (it has: %s)", m.Family, strings.Join(known, ", "))
		}
	}
	return nil
}
