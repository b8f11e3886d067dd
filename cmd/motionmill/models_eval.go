package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/coco"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

func newModelsEvalCommand() *cobra.Command {
	var flags inferenceFlags
	var dir, annotations string
	cmd := &cobra.Command{
		Use:   "eval MODEL --coco DIR",
		Short: "Measure a model on annotated pictures, as COCO does",
		Long: `Measures a detector, a pose or a matte model on annotated pictures, as COCO does.

DIR holds the annotations, a JSON file of COCO's format in DIR or DIR/annotations
(person_keypoints_*.json comes before others; --annotations names one), and the
pictures (JPEG or PNG) by their file_name, in DIR or in a folder of it. Pictures that
are not there are left out, and their number is told.

A pose model that looks into boxes gets those of the annotations, or those of a
detector: --model detect=NAME. AP is average precision over the object keypoint
similarities 0.50 to 0.95; of a detector over the boxes' intersection over union. Of a matte all people of a picture count as one, and IoU is
the intersection over union with their masks.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("models eval: say where the pictures and annotations are: --coco DIR")}
			}
			set, err := openCOCO(dir, annotations)
			if err != nil {
				return usageError{err}
			}
			report, err := evaluateModel(cmd, &flags, args[0], set)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				printJSON(cmd.OutOrStdout(), report)
				return nil
			}
			return report.print(cmd.OutOrStdout())
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&dir, "coco", "", "folder of pictures and annotations")
	cmd.Flags().StringVar(&annotations, "annotations", "", "path of the annotations file; default: the one in the --coco folder")
	return cmd
}

// evaluateModel runs the model over the pictures and measures what it finds.
func evaluateModel(cmd *cobra.Command, flags *inferenceFlags, name string, set cocoSet) (evaluation, error) {
	log, err := newLogger(cmd, slog.LevelWarn)
	if err != nil {
		return evaluation{}, err
	}
	engine, err := flags.engine(cmd, log)
	if err != nil {
		return evaluation{}, err
	}
	choice, err := evaluationChoice(engine.Catalogue, engine.Names, name)
	if err != nil {
		return evaluation{}, err
	}
	runtime, err := onnx.Open(engine.Config)
	if err != nil {
		return evaluation{}, err
	}
	defer runtime.Close()
	analyser, err := inference.NewAnalyser(runtime, choice)
	if err != nil {
		return evaluation{}, err
	}
	e := evaluator{analyser: analyser, set: set, report: evaluation{
		Model: name, Task: models.TaskMatte, Pictures: len(set.pictures), Missing: set.missing,
	}}
	switch {
	case choice.Matte != nil:
		err = e.mattes(cmd.Context())
	case choice.Pose == nil:
		e.report.Task = models.TaskDetect
		err = e.boxes(cmd.Context())
	default:
		e.report.Task = models.TaskPose
		err = e.poses(cmd.Context())
	}
	return e.report, err
}

// evaluationChoice picks the model to measure, and the detector that was asked for.
func evaluationChoice(catalogue *models.Catalogue, others map[string]string, name string) (choice models.Choice, err error) {
	model, err := catalogue.Find(name)
	if err != nil {
		return choice, err
	}
	for _, task := range slices.Sorted(maps.Keys(others)) {
		if task != models.TaskDetect || model.Task != models.TaskPose || !model.NeedsBoxes() {
			return choice, usageError{fmt.Errorf("measure %s: --model %s=%s has no use here; a detector serves a pose model that looks into boxes",
				name, task, others[task])}
		}
		detector, err := catalogue.Find(others[task])
		if err != nil {
			return choice, err
		}
		choice.Detect = &detector
	}
	switch model.Task {
	case models.TaskPose:
		choice.Pose = &model
		return choice, bodyFirst(model)
	case models.TaskDetect:
		choice.Detect = &model
		return choice, nil
	case models.TaskMatte, models.TaskMask:
		choice.Matte, choice.WantMatte = &model, true
		return choice, nil
	default:
		return choice, usageError{fmt.Errorf("measure %s: it is for the task %s; detectors, pose and matte models can be measured", name, model.Task)}
	}
}

// bodyFirst refuses a model whose points do not begin with COCO's.
func bodyFirst(model models.Model) error {
	names, _ := model.Keypoints()
	if len(names) < coco.Body || !slices.Equal(names[:coco.Body], coco.Points()) {
		return usageError{fmt.Errorf("measure %s: its keypoints do not begin with COCO's 17, which the annotations hold", model.Name)}
	}
	return nil
}
