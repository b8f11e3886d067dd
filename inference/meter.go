package inference

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/motionmill/motionmill/inference/models"
)

// meter adds up what a model's inferences took.
type meter struct{ count, wall, cpu atomic.Int64 }

// measure runs f on a thread of its own, so that the thread's CPU time is f's.
func (m *meter) measure(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, cpu := time.Now(), threadTime()
	err := f()
	m.count.Add(1)
	m.wall.Add(int64(time.Since(began)))
	m.cpu.Add(int64(threadTime() - cpu))
	return err
}

func (r *analysis) stats() Stats {
	s := Stats{Frames: r.frames}
	for _, u := range r.used {
		m := &r.meters[map[string]int{models.TaskDetect: meterDetect, models.TaskPose: meterPose, models.TaskMatte: meterMatte}[u.Task]]
		s.Models = append(s.Models, ModelStats{
			Name: u.Name, Task: u.Task, Provider: u.Provider, Inferences: m.count.Load(),
			Wall: time.Duration(m.wall.Load()).Seconds(), CPU: time.Duration(m.cpu.Load()).Seconds(),
		})
	}
	return s
}
