package inference

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
)

func TestTrackWriterBytes(t *testing.T) {
	var out bytes.Buffer
	w := NewTrackWriter(&out, TrackHeader{
		Width: 384, Height: 496, Keypoints: []string{"nose", "tail"}, Skeleton: [][2]int{{0, 1}},
		Models: []models.UsedModel{{Name: "p", Task: "pose", Family: "heatmap", SHA256: "ab", Provider: "cpu"}},
	})
	results := []Result{
		{Index: 0, Time: 0, People: nil},
		{Index: 1, Time: 1.0 / 30, People: []Person{{
			ID: 1, Box: [4]float64{1, 2.005, -0.001, 4.999}, Score: 0.98765,
			Keypoints: [][3]float64{{1.234, 5.678, 1}, {-3.5, 100, 0.00004}}, Raw: [][3]float64{{1, 2, 0.5}, {0, 0, 0}},
		}}},
		{Index: 2, Time: 3600.5, People: []Person{}},
	}
	for _, r := range results {
		if err := w.WriteFrame(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":"motionmill.pose/1","width":384,"height":496,"keypoints":["nose","tail"],"skeleton":[[0,1]],` +
		`"models":[{"name":"p","task":"pose","family":"heatmap","sha256":"ab"}],"frames":[
{"i":0,"t":0.000000,"people":[]},
{"i":1,"t":0.033333,"people":[{"id":1,"box":[1.00,2.00,0.00,5.00],"score":0.9877,` +
		`"keypoints":[[1.23,5.68,1.0000],[-3.50,100.00,0.0000]],"raw":[[1.00,2.00,0.5000],[0.00,0.00,0.0000]]}]},
{"i":2,"t":3600.500000,"people":[]}
]}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if !json.Valid(out.Bytes()) {
		t.Error("that is not JSON")
	}
}

func TestTrackWriterEmpty(t *testing.T) {
	var out bytes.Buffer
	if err := NewTrackWriter(&out, TrackHeader{}).Close(); err != nil {
		t.Fatal(err)
	}
	var track struct {
		Keypoints, Skeleton, Models, Frames []any
	}
	if err := json.Unmarshal(out.Bytes(), &track); err != nil {
		t.Fatal(err)
	}
	if track.Keypoints == nil || track.Skeleton == nil || track.Models == nil || track.Frames == nil {
		t.Errorf("a list is null: %s", out.String())
	}
}

func TestTrackWriterFails(t *testing.T) {
	w := NewTrackWriter(&bytes.Buffer{}, TrackHeader{})
	if err := w.WriteFrame(Result{People: []Person{{Score: math.NaN()}}}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("NaN gave error %v", err)
	}
	if err := w.Close(); err == nil {
		t.Error("a track that failed was closed without an error")
	}
	w = NewTrackWriter(fullDisk{}, TrackHeader{})
	if err := errors.Join(w.WriteFrame(Result{}), w.Close()); !errors.Is(err, errFull) {
		t.Errorf("a full disk gave error %v", err)
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
