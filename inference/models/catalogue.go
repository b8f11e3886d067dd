package models

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Catalogue is what models there are: those of the folders, in their order,
// and then the built-in ones.
type Catalogue struct {
	models []Model
	hidden []error
}

// LoadCatalogue reads every manifest (*.yaml) of dirs and of builtin, which may
// be nil. A name that is met again later is left out, as a command in PATH is.
// A folder that is not there, and a manifest that is broken, are errors of kind
// model_missing; the latter names the file and the field. Model files are not
// looked at: see Model.Verify.
func LoadCatalogue(dirs []string, builtin fs.FS) (*Catalogue, error) {
	c := &Catalogue{}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if err := c.add(os.DirFS(dir), dir, false); err != nil {
			return nil, err
		}
	}
	if builtin != nil {
		if err := c.add(builtin, "built in", true); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Catalogue) add(folder fs.FS, place string, builtin bool) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return job.Fail(job.ModelMissing, "read models folder", place, "it cannot be listed",
			"Create it, or correct MOTIONMILL_MODELS_DIR", err)
	}
	before := len(c.models)
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) != ".yaml" {
			continue
		}
		subject := filepath.Join(place, entry.Name())
		data, err := fs.ReadFile(folder, entry.Name())
		if err != nil {
			return job.Fail(job.ModelMissing, "read model manifest", subject, "it cannot be read", "", err)
		}
		manifest, err := ParseManifest(data)
		if err != nil {
			return job.Fail(job.ModelMissing, "read model manifest", subject, "it is broken",
				"Correct that field, or remove the manifest", err)
		}
		if i := slices.IndexFunc(c.models, func(m Model) bool { return m.Name == manifest.Name }); i >= 0 {
			if i >= before {
				c.hidden = append(c.hidden, job.Fail(job.ModelMissing, "read model manifest", subject,
					fmt.Sprintf("another one in that folder has the name %s and is used", manifest.Name), "Give each a name of its own", nil))
			}
			continue
		}
		c.models = append(c.models, Model{
			Manifest: manifest, BuiltIn: builtin, Path: filepath.Join(place, manifest.File), folder: folder,
		})
	}
	return nil
}

// Hidden tells of manifests that nothing can find, since another one of the same folder
// has their name.
func (c *Catalogue) Hidden() []error { return c.hidden }

// List returns all models: folder by folder, in the order of file names.
func (c *Catalogue) List() []Model { return slices.Clone(c.models) }

// Find returns the model of a name, or an error of kind model_missing.
func (c *Catalogue) Find(name string) (Model, error) {
	var names []string
	for _, m := range c.models {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	installed := "none is installed"
	if len(names) > 0 {
		installed = "installed: " + strings.Join(names, ", ")
	}
	return Model{}, job.Fail(job.ModelMissing, "find model", name, "no manifest has that name ("+installed+")",
		"motionmill models pull --list shows what can be had; others go with a manifest into a folder of MOTIONMILL_MODELS_DIR", nil)
}

// Best returns the model of the highest rank that is for task and that this
// version can run; among equals the first of List. ok is false when there is none.
func (c *Catalogue) Best(task string) (best Model, ok bool) {
	for _, m := range c.models {
		if m.Serves(task) && m.Supported() == nil && (!ok || m.Rank > best.Rank) {
			best, ok = m, true
		}
	}
	return best, ok
}

// Choice is which models a job uses. A nil field is not used.
type Choice struct {
	Pose, Detect, Matte *Model
	// WantMatte tells that mattes are asked for. Without it a matte model only
	// finds the person for the pose model, where no detector is installed.
	WantMatte bool
}

// UsedModel names a model in records of what made a result.
type UsedModel struct {
	Name string `json:"name"`
	// Task is what the model was used for: detect, pose or matte.
	Task   string `json:"task"`
	Family string `json:"family"`
	SHA256 string `json:"sha256"`
	// Provider is where it really ran: cpu, cuda or tensorrt; empty before a session exists.
	Provider string `json:"provider,omitempty"`
	// Nodes proves it for a GPU: how many nodes of the graph ran on each provider
	// in a run that ONNX Runtime's profiler watched; nil on the CPU.
	Nodes map[string]int `json:"nodes,omitempty"`
}

// Used returns the chosen models in the order detect, pose, matte; the
// Provider is not known here (see inference.Analyser.Used).
func (c Choice) Used() []UsedModel {
	used := []UsedModel{}
	for _, r := range c.Roles() {
		used = append(used, UsedModel{Name: r.Model.Name, Task: r.Task, Family: r.Model.Family, SHA256: r.Model.SHA256})
	}
	return used
}

// role is a model and what it is used for.
type role struct {
	Task  string
	Model *Model
}

// Roles are the models in the order detect, pose, matte. One that finds masks may have two.
func (c Choice) Roles() (roles []role) {
	for _, r := range []role{{TaskDetect, c.Detect}, {TaskPose, c.Pose}, {TaskMatte, c.Matte}} {
		if r.Model != nil {
			roles = append(roles, r)
		}
	}
	return roles
}

// Choose decides which models do the tasks (pose, matte). names holds, by
// task, the models that were asked for; the best installed one does the
// others. A detector is taken when the pose model needs boxes and there is
// one; failing that a matte model finds the person. Errors are of kind
// model_missing.
func (c *Catalogue) Choose(tasks []string, names map[string]string) (Choice, error) {
	var choice Choice
	if err := c.checkNames(names); err != nil {
		return choice, err
	}
	for _, task := range tasks {
		m, err := c.pick(task, names[task])
		if err != nil {
			return choice, err
		}
		switch task {
		case TaskPose:
			choice.Pose = &m
		case TaskMatte:
			choice.Matte, choice.WantMatte = &m, true
		default:
			return choice, job.Fail(job.ModelMissing, "choose model for", task, "no output is made of this task (pose and matte are)", "", nil)
		}
	}
	if choice.Pose == nil || !choice.Pose.NeedsBoxes() {
		return choice, nil
	}
	detector, err := c.pick(TaskDetect, names[TaskDetect])
	switch {
	case err == nil:
		choice.Detect = &detector
	case names[TaskDetect] != "":
		return choice, err
	case choice.Matte == nil:
		if m, ok := c.Best(TaskMatte); ok {
			choice.Matte = &m
		}
	}
	return choice, nil
}

// checkNames refuses names that do not exist or are for another task, also
// where the task is not wanted: a typing error should not wait for its day.
func (c *Catalogue) checkNames(names map[string]string) error {
	for task, name := range names {
		if name == "" {
			continue
		}
		if err := OneOf("task", task, TaskDetect, TaskPose, TaskMatte, TaskMask, TaskGeneric); err != nil {
			return job.Fail(job.ModelMissing, "choose model for", task, "", "Write TASK=NAME with a known task", err)
		}
		m, err := c.Find(name)
		if err != nil {
			return fmt.Errorf("choose model for %s: %w", task, err)
		}
		if !m.Serves(task) {
			return job.Fail(job.ModelMissing, "choose model for "+task, name, "it is for the task "+m.Task,
				"motionmill models list shows which model is for what", nil)
		}
	}
	return nil
}

func (c *Catalogue) pick(task, name string) (Model, error) {
	if name == "" {
		if m, ok := c.Best(task); ok {
			return m, nil
		}
		return Model{}, job.Fail(job.ModelMissing, "choose model for", task, "no model that this version can run is installed",
			"motionmill models pull --list shows what can be had; others go with a manifest into a folder of MOTIONMILL_MODELS_DIR", nil)
	}
	m, err := c.Find(name)
	if err != nil {
		return Model{}, err
	}
	return m, m.Supported()
}
