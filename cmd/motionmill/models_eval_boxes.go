package main

import (
	"context"

	"github.com/motionmill/motionmill/inference/coco"
)

// boxes measures a detector.
func (e *evaluator) boxes(ctx context.Context) error {
	var people []coco.Truth
	var boxes []coco.Box
	for _, p := range e.set.pictures {
		if err := ctx.Err(); err != nil {
			return err
		}
		still, err := p.read()
		if err != nil {
			return err
		}
		found, err := e.analyser.Boxes(still)
		if err != nil {
			return err
		}
		for _, f := range found {
			boxes = append(boxes, coco.Box{Image: p.ID, Score: f.Score, At: f.Box})
		}
		for _, t := range e.set.people[p.ID] {
			people = append(people, t)
			if t.Crowd {
				continue
			}
			most := 0.0
			for _, f := range found {
				most = max(most, coco.BoxOverlap(f.Box, t.Box, false))
			}
			e.like(t.Area, most)
		}
	}
	e.report.Scores, e.report.Found = coco.ScoreBoxes(people, boxes), len(boxes)
	e.finish()
	return nil
}
