package inference

import (
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// BenchmarkDance measures Analyse on the dance video beside ONNX Runtime alone:
// the same sessions, the same number of inferences, as many at once, on
// inputs that are ready. It reports the part of its frames a second that is left,
// and the same of the CPU time of the inferences, which the machine's other
// work touches less.
func BenchmarkDance(b *testing.B) {
	for name, tasks := range map[string][]string{"pose": {models.TaskPose}, "pose and matte": {models.TaskPose, models.TaskMatte}} {
		b.Run(name, func(b *testing.B) {
			v, frames, _ := danced(b, 300)
			r := inferencetest.OpenRuntime(b)
			a := analyserOf(b, r, tasks, realNames())
			v.Parallel = 2
			var networks []*onnx.Network
			for _, role := range a.choice.Roles() {
				n, err := r.Network(*role.Model, 0, nil) // Its session is the analyser's.
				if err != nil {
					b.Fatal(err)
				}
				networks = append(networks, n)
			}
			var whole, alone time.Duration
			var cpu float64
			var bareMeter meter
			for b.Loop() {
				began := time.Now()
				_, stats := analyse(b, a, v, frames, 30)
				whole += time.Since(began)
				for _, m := range stats.Models {
					cpu += m.CPU
				}
				began = time.Now()
				for i, n := range networks {
					bare(b, &bareMeter, n, int(stats.Models[i].Inferences), v.Parallel)
				}
				alone += time.Since(began)
			}
			b.ReportMetric(alone.Seconds()/whole.Seconds(), "of-ort")
			b.ReportMetric(time.Duration(bareMeter.cpu.Load()).Seconds()/cpu, "of-ort-cpu")
			b.ReportMetric(float64(b.N*len(frames))/whole.Seconds(), "frames/s")
		})
	}
}

// bare runs a network count times, parallel at once.
func bare(b *testing.B, m *meter, n *onnx.Network, count, parallel int) {
	var group sync.WaitGroup
	for i := range parallel {
		group.Go(func() {
			for range count/parallel + min(1, max(0, count%parallel-i)) {
				err := m.measure(func() error { return n.Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error { return nil }) })
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}
