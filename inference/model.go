package inference

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Model is an installed model: its manifest and where its file lies.
type Model struct {
	Manifest
	// BuiltIn tells that the file is part of the program.
	BuiltIn bool
	// Path is the file, for people: absolute or relative as the folder was named.
	Path string

	folder fs.FS
}

// The families that this version can run, by task.
var supported = map[string][]string{
	TaskDetect: {"yolox"},
	TaskPose:   {"heatmap", "movenet", "simcc", "yolo-pose"},
	TaskMatte:  {"matte"},
}

// Supported returns nil when this version can run the model, else an error of
// kind model_missing that says what it lacks.
func (m Model) Supported() error {
	const op = "choose model"
	if !slices.Contains(supported[m.Task], m.Family) {
		able := supported[m.Task]
		text := strings.Join(able, ", ")
		if len(able) == 0 {
			text = "none for the task " + m.Task
		}
		return job.Fail(job.ModelMissing, op, m.Name,
			fmt.Sprintf("family %s is not supported by this version (supported: %s)", m.Family, text),
			"Choose another model with --model "+m.Task+"=NAME; motionmill models list shows them", nil)
	}
	if m.Input.Type != "float32" && m.Input.Type != "int32" {
		return job.Fail(job.ModelMissing, op, m.Name,
			fmt.Sprintf("input type %s is not supported by this version (supported: float32, int32)", m.Input.Type),
			"Choose another model with --model "+m.Task+"=NAME; motionmill models list shows them", nil)
	}
	return nil
}

// NeedsBoxes tells whether a pose model has to be told where the person is.
func (m Model) NeedsBoxes() bool { return m.Task == TaskPose && m.Input.Fit == FitAffine }

// Keypoints returns the names of the points that a pose model finds and the
// pairs of indices that a skeleton joins.
func (m Model) Keypoints() (names []string, pairs [][2]int) { return m.Points.Names, m.Points.Pairs }

// Verify compares the file's SHA-256 with the manifest's. A file that is
// absent, or that differs, is an error of kind model_missing.
func (m Model) Verify() error {
	file, err := m.folder.Open(m.File)
	if err != nil {
		return m.absent(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return m.absent(err)
	}
	return m.compare(hex.EncodeToString(hash.Sum(nil)))
}

// load returns the file's bytes, verified.
func (m Model) load() ([]byte, error) {
	data, err := fs.ReadFile(m.folder, m.File)
	if err != nil {
		return nil, m.absent(err)
	}
	sum := sha256.Sum256(data)
	return data, m.compare(hex.EncodeToString(sum[:]))
}

func (m Model) absent(err error) error {
	finding := "the model file cannot be read"
	if errors.Is(err, fs.ErrNotExist) {
		finding = "the manifest is there and the model file is not"
	}
	return job.Fail(job.ModelMissing, "read model "+m.Name, m.Path, finding, m.remedy(), err)
}

func (m Model) compare(got string) error {
	if got == m.SHA256 {
		return nil
	}
	return job.Fail(job.ModelMissing, "verify model "+m.Name, m.Path,
		fmt.Sprintf("its SHA-256 is %s, the manifest says %s: not the file that was meant", got, m.SHA256), m.remedy(), nil)
}

func (m Model) remedy() string {
	switch {
	case m.BuiltIn:
		return "Build the program again from clean sources"
	case !strings.HasPrefix(m.Source, "https://"):
		return "Put the right file there, or remove the manifest"
	}
	return "Fetch it again from " + m.Source + ", or remove the manifest"
}
