package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// providers are the values of --provider.
var providers = []string{"auto", "cpu", "cuda", "tensorrt"}

// inferenceFlags are the settings of models and providers.
type inferenceFlags struct {
	modelsDir  string
	provider   string
	requireGPU bool
	library    string
	models     []string
}

func (f *inferenceFlags) add(cmd *cobra.Command) {
	f.addFolder(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.provider, "provider", "auto", "where models run: auto, cpu, cuda, tensorrt")
	flags.BoolVar(&f.requireGPU, "require-gpu", false, "fail at the start when no GPU can be used")
	flags.StringVar(&f.library, "ort-library", "", "path of the ONNX Runtime library; default: where make setup puts it, then the system's")
	flags.StringArrayVar(&f.models, "model", nil, "TASK=NAME, the model of a task (detect, pose, matte); repeatable")
}

func (f *inferenceFlags) addFolder(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.modelsDir, "models-dir", defaultModelsDir(),
		"folder of models, or several separated as in PATH")
}

// defaultModelsDir is where pulled models lie; empty for a user without a home, for
// whom a folder has to be named.
func defaultModelsDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) { // A relative one counts for nothing, as XDG says.
		return filepath.Join(dir, "motionmill", "models")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "motionmill", "models")
}

// catalogue loads the manifests of the models folders and the starters.
func (f *inferenceFlags) catalogue(cmd *cobra.Command) (*models.Catalogue, error) {
	named := cmd.Flags().Changed("models-dir") || os.Getenv(variable("models-dir")) != ""
	var dirs []string
	for _, dir := range filepath.SplitList(f.modelsDir) {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if named {
				return nil, missingError{fmt.Errorf("read models folder %s: there is no such folder; create it or mend --models-dir", dir)}
			}
			continue
		}
		dirs = append(dirs, dir)
	}
	return models.LoadCatalogue(dirs, starter.Files)
}

// engine wires the catalogue and the settings; it opens nothing yet.
func (f *inferenceFlags) engine(cmd *cobra.Command, log *slog.Logger) (*pipeline.Engine, error) {
	catalogue, err := f.catalogue(cmd)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, pair := range f.models {
		task, name, ok := strings.Cut(pair, "=")
		if !ok || task == "" || name == "" {
			return nil, usageError{fmt.Errorf("read --model %q: it must be TASK=NAME, such as pose=tinypose-256x192", pair)}
		}
		if m, err := catalogue.Find(name); err == nil && !m.Serves(task) {
			return nil, usageError{fmt.Errorf("read --model %q: %s is a model for %s, not for %s", pair, name, m.Task, task)}
		}
		names[task] = name
	}
	if !slices.Contains(providers, f.provider) {
		return nil, usageError{fmt.Errorf("read --provider %q: it is none of %v", f.provider, providers)}
	}
	return &pipeline.Engine{
		Config: onnx.Config{
			Library: f.library, Provider: f.provider, RequireGPU: f.requireGPU, Logger: log,
		},
		Catalogue: catalogue, Names: names,
	}, nil
}
