package pipeline

import (
	"fmt"
	"maps"
	"sync"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/generic"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// Engine opens ONNX Runtime when the first job needs it, and gives every job
// the sessions that are already open. A profile without models never needs it.
type Engine struct {
	Config    onnx.Config
	Catalogue *models.Catalogue
	// Names overrides the model of a task for every profile.
	Names map[string]string
	// Using, where given, is told of every model that a job gets, and of those
	// that Warm opens. It must not wait.
	Using func(model models.UsedModel)

	mu      sync.Mutex
	runtime *onnx.Runtime
}

// Choose resolves the models that a profile uses.
func (e *Engine) Choose(p Profile) (models.Choice, error) {
	names := map[string]string{}
	maps.Copy(names, p.Models)
	maps.Copy(names, e.Names)
	return e.Catalogue.Choose(p.Tasks(), names)
}

// Analyser returns an analyser for a profile and the version of ONNX Runtime,
// or nil and "" when the profile needs no models.
func (e *Engine) Analyser(p Profile) (*inference.Analyser, models.Choice, string, error) {
	var none models.Choice
	if len(p.Tasks()) == 0 {
		return nil, none, "", nil
	}
	choice, err := e.Choose(p)
	if err != nil {
		return nil, none, "", err
	}
	runtime, err := e.open()
	if err != nil {
		return nil, none, "", err
	}
	analyser, err := inference.NewAnalyser(runtime, choice)
	if err == nil {
		err = analyser.CanFollow(p.People)
	}
	if err != nil {
		return nil, none, "", err
	}
	e.using(analyser.Used()...)
	return analyser, choice, runtime.Version(), nil
}

// Steps returns the models of a profile's steps, in their order, and the
// version of ONNX Runtime; nil and "" when it has none. A model that cannot make
// its step's file is an error.
func (e *Engine) Steps(p Profile) ([]*generic.Model, string, error) {
	if len(p.Steps) == 0 {
		return nil, "", nil
	}
	runtime, err := e.open()
	if err != nil {
		return nil, "", err
	}
	var steps []*generic.Model
	for _, s := range p.Steps {
		m, err := e.Catalogue.Find(s.Model)
		if err != nil {
			return nil, "", fmt.Errorf("make %s: %w", s.File, err)
		}
		step, err := generic.New(runtime, m)
		if err != nil {
			return nil, "", fmt.Errorf("make %s: %w", s.File, err)
		}
		if err := step.Check(s.File); err != nil {
			return nil, "", err
		}
		steps = append(steps, step)
		e.using(step.Used())
	}
	return steps, runtime.Version(), nil
}

func (e *Engine) using(used ...models.UsedModel) {
	for _, m := range used {
		if e.Using != nil {
			e.Using(m)
		}
	}
}

// Chosen returns the models of a choice in the order detect, pose, matte.
func Chosen(choice models.Choice) []models.Model {
	var chosen []models.Model
	for _, m := range []*models.Model{choice.Detect, choice.Pose, choice.Matte} {
		if m != nil {
			chosen = append(chosen, *m)
		}
	}
	return chosen
}

// Warm opens the sessions of a profile on every device and runs each once, so that the
// first job need not wait and a missing part is known at the start.
func (e *Engine) Warm(p Profile) error {
	devices := 1
	if len(p.Tasks())+len(p.Steps) > 0 {
		runtime, err := e.open()
		if err != nil {
			return err
		}
		devices = runtime.Devices()
	}
	for range devices { // They are dealt out in turn.
		if _, _, _, err := e.Analyser(p); err != nil {
			return err
		}
	}
	for range devices * min(len(p.Steps), 1) {
		if _, _, err := e.Steps(p); err != nil {
			return err
		}
	}
	return nil
}

// Close frees the sessions.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runtime == nil {
		return nil
	}
	err := e.runtime.Close()
	e.runtime = nil
	if err != nil {
		return fmt.Errorf("close ONNX Runtime: %w", err)
	}
	return nil
}

func (e *Engine) open() (*onnx.Runtime, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runtime != nil {
		return e.runtime, nil
	}
	runtime, err := onnx.Open(e.Config)
	if err != nil {
		return nil, err
	}
	e.runtime = runtime
	return runtime, nil
}
