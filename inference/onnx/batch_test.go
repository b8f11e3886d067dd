package onnx_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// BenchmarkBatches measures whether several pictures in one run are cheaper than
// as many runs: on a model whose batch is open, as many inferences at once as
// there are processors, on one thread each, and one at a time on all of them. It
// reports the milliseconds that each picture takes of all processors together.
func BenchmarkBatches(b *testing.B) {
	inferencetest.OpenRuntime(b)
	catalogue, err := models.LoadCatalogue([]string{inferencetest.Testdata(b, "models")}, nil)
	if err != nil {
		b.Fatal(err)
	}
	m, err := catalogue.Find("rtmdet-nano-person")
	if err != nil {
		b.Fatal(err)
	}
	data, err := m.Load()
	if err != nil {
		b.Fatal(err)
	}
	for _, atOnce := range []int{onnx.CPUs(), 1} {
		s, err := onnx.OpenORT(data, onnx.OnCPU(max(onnx.CPUs()/atOnce, 1)))
		if err != nil {
			b.Fatal(err)
		}
		for _, batch := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%d at once, %d in a batch", atOnce, batch), func(b *testing.B) {
				pictures := onnx.Array{Name: m.Input.Name, Shape: []int64{int64(batch), 3, 320, 320}, Data: make([]float32, batch*3*320*320)}
				began := time.Now()
				var group sync.WaitGroup
				for range atOnce {
					group.Go(func() {
						for range b.N {
							if _, err := s.Call([]onnx.Array{pictures}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(time.Since(began).Microseconds())/1000/float64(b.N*batch*atOnce), "ms/picture")
			})
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}

}
