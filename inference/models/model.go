package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	TaskDetect:  {"maskrcnn", "rtmdet", "yolo", "yolo-seg", "yolox"},
	TaskPose:    {"heatmap", "movenet", "simcc", "yolo-pose"},
	TaskMatte:   {"maskrcnn", "matte", "rvm", "yolo-seg"},
	TaskMask:    {"maskrcnn", "yolo-seg"},
	TaskGeneric: {"generic"},
}

// New is a model of which the file lies in a folder; path names it for people.
func New(m Manifest, folder fs.FS, path string) Model {
	return Model{Manifest: m, Path: path, folder: folder}
}

// FamilyRVM is the family whose graphs take, beside the picture, what they gave
// of the frames before.
const FamilyRVM = "rvm"

// TakesOnlyPictures tells whether the graph's one input is the manifest's.
func (m Model) TakesOnlyPictures() bool { return m.Task != TaskGeneric && m.Family != FamilyRVM }

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
	return nil
}

// Serves tells whether the model can do a task: its own, and one that finds the
// masks of people can also detect and cut them out.
func (m Model) Serves(task string) bool {
	return m.Task == task || m.Task == TaskMask && (task == TaskDetect || task == TaskMatte)
}

// NeedsBoxes tells whether a pose model has to be told where the person is.
func (m Model) NeedsBoxes() bool { return m.Task == TaskPose && m.Input.Fit == FitAffine }

// Keypoints returns the names of the points that a pose model finds and the
// pairs of indices that a skeleton joins.
func (m Model) Keypoints() (names []string, pairs [][2]int) { return m.Points.Names, m.Points.Pairs }

// Verify compares the file's SHA-256 with the manifest's. A file that is
// absent, or that differs, is an error of kind model_missing.
func (m Model) Verify() error {
	_, err := m.Load()
	return err
}

// Load returns the file's bytes, verified.
func (m Model) Load() ([]byte, error) {
	data, err := fs.ReadFile(m.folder, m.File)
	if err != nil {
		return nil, m.absent(err)
	}
	return data, m.compare(data)
}

func (m Model) absent(err error) error {
	finding := "the model file cannot be read"
	if errors.Is(err, fs.ErrNotExist) {
		finding = "the manifest is there and the model file is not"
	}
	return job.Fail(job.ModelMissing, "read model "+m.Name, m.Path, finding, m.remedy(), err)
}

func (m Model) compare(data []byte) error {
	sum := sha256.Sum256(data)
	got := hex.EncodeToString(sum[:])
	if got == m.SHA256 {
		return nil
	}
	finding := fmt.Sprintf("its SHA-256 is %s, the manifest says %s: not the file that was meant", got, m.SHA256)
	if instead, remedy := notAModel(data); instead != "" {
		if strings.HasPrefix(m.Source, "https://") {
			remedy = m.remedy()
		}
		return job.Fail(job.ModelMissing, "verify model "+m.Name, m.Path, instead+" ("+finding+")", remedy, nil)
	}
	return job.Fail(job.ModelMissing, "verify model "+m.Name, m.Path, finding, m.remedy(), nil)
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

// Mismatch says that a model file is not what its manifest claims.
func (m Model) Mismatch(format string, args ...any) error {
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, fmt.Sprintf(format, args...),
		"Correct the manifest, or choose another model", nil)
}

// BadManifest says that a field of the manifest, which err names, is wrong.
func (m Model) BadManifest(err error) error {
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, "its manifest is broken", "Correct that field", err)
}

// BadAnswer makes of what went wrong in a trial of the model that it is to blame.
func (m Model) BadAnswer(err error) error {
	var typed *job.Error
	if errors.As(err, &typed) {
		if typed.Kind != job.Internal {
			return err
		}
		bare := *typed
		bare.Remedy = "" // What follows says it.
		err = &bare
	}
	return job.Fail(job.ModelMissing, "try model "+m.Name, m.Path, "it fails on a drawn picture", "Choose another model, export it anew, or try --provider cpu", err)
}

// Thresholds reads the options of a family that has these two alone: the score from which something
// is found, and the overlap (IoU) up to which two boxes are two things.
func (m Model) Thresholds(score, iou float64) (minScore, maxIoU float64, err error) {
	if err = m.KnownOptions("score", "iou"); err == nil {
		minScore, err = m.Number("score", score, 0, 1)
	}
	if err == nil {
		maxIoU, err = m.Number("iou", iou, 0, 1)
	}
	if err != nil {
		return 0, 0, m.BadManifest(err)
	}
	return minScore, maxIoU, nil
}

// PersonClass is the number of the class person.
func (m Model) PersonClass() (int, error) {
	n := m.Classes.person()
	if n < 0 {
		return 0, m.BadManifest(WrongField("classes", "does not name person"))
	}
	return n, nil
}
