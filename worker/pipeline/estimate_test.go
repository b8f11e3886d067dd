package pipeline

import (
	"testing"

	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// What runs of this pipeline took; the first lines are of real videos.
func TestTheEstimateCoversWhatWasMeasured(t *testing.T) {
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	measured := []struct {
		bytes              int64
		width, height      int
		frames             int64
		duration           float64
		trainer, transcode int64
		pose, silhouette   int64
		compressed         bool // Made so on purpose, beyond what the guess covers.
	}{
		{bytes: 3186230, width: 1280, height: 720, frames: 159, duration: 5.3, trainer: 13391521, transcode: 2267738, pose: 2021896, silhouette: 9463919},
		{bytes: 204863, width: 960, height: 540, frames: 5, duration: 1, trainer: 876865, transcode: 297203, pose: 278932, silhouette: 446484},
		{bytes: 596188, width: 384, height: 496, frames: 545, duration: 18.17, trainer: 5726073, transcode: 945250, pose: 1487781, silhouette: 3321157},
		{bytes: 1269749, width: 1080, height: 1920, frames: 96, duration: 3.2, trainer: 930842, transcode: 460456, pose: 306675, silhouette: 223031},
		{bytes: 797859, width: 360, height: 640, frames: 281, duration: 9.37, trainer: 2904045},
		{bytes: 37564, width: 638, height: 480, frames: 1, duration: 0.033, trainer: 92201},
		{bytes: 45863, width: 854, height: 480, frames: 24, duration: 1.008, trainer: 99773},
		{bytes: 336833, width: 320, height: 240, frames: 209, duration: 6.97, trainer: 658895},
		{bytes: 239731, width: 480, height: 640, frames: 120, duration: 4, trainer: 1764488, transcode: 357298, pose: 371983, silhouette: 1093577},
		{bytes: 948556, width: 640, height: 480, frames: 240, duration: 4, trainer: 3027361},
		{bytes: 19882135, width: 1280, height: 720, frames: 60, duration: 2, trainer: 14631217}, // Mostly grain.
		{bytes: 162816, width: 1280, height: 720, frames: 120, duration: 4, trainer: 7462977, compressed: true},
	}
	for _, m := range measured {
		info := media.Info{Bytes: m.bytes, Width: m.width, Height: m.height, Frames: m.frames, Duration: m.duration, FrameRate: float64(m.frames) / m.duration}
		for name, peak := range map[string]int64{"trainer": m.trainer, "transcode": m.transcode, "pose": m.pose, "silhouette": m.silhouette} {
			if peak == 0 {
				continue
			}
			// These runs made no streams yet, for which the estimate has room.
			if got := estimateOutputs(info, profiles[name]); got < peak*5/4 || got > peak*30 {
				t.Errorf("%s of %d bytes took %d, the estimate is %d (%.1f times)", name, m.bytes, peak, got, float64(got)/float64(peak))
			}
			least, most := guessOutputs(m.bytes, profiles[name])
			if least > peak || most < peak*5/4 && !m.compressed {
				t.Errorf("%s of %d bytes took %d, the guess is %d to %d", name, m.bytes, peak, least, most)
			}
		}
	}
}

func TestTheGuessOfALargeSource(t *testing.T) {
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	// 8 GiB in the two hours that a video may last are 9.5 Mbit/s; the outputs of
	// 1080 lines take about 30.
	if _, most := guessOutputs(8<<30, profiles["trainer"]); most < 20<<30 || most > 30<<30 {
		t.Errorf("8 GiB are guessed to give %s", size(most))
	}
	if least, most := guessOutputs(0, profiles["trainer"]); least != 0 || most != headers {
		t.Errorf("nothing is guessed to give %d to %d", least, most)
	}
}

// TestTheEstimateCountsEverybody wants room for the tracks of all people where a profile follows them.
func TestTheEstimateCountsEverybody(t *testing.T) {
	info := media.Info{Width: 640, Height: 360, FrameRate: 30, Frames: 1000, Duration: 1000.0 / 30}
	one, all := Profile{Outputs: []Output{Pose}}, Profile{Outputs: []Output{Pose}}
	all.People = track.PeopleAll
	if few, many := estimateOutputs(info, one), estimateOutputs(info, all); many-few < 5_000*info.Frames {
		t.Errorf("%s for one, %s for all", size(few), size(many))
	}
}

// The pipeline as it is now, on the demo: it takes what the table says, or less.
func TestTheEstimateCoversTheDemo(t *testing.T) {
	cfg := config(t)
	profile := cfg.Profiles["trainer"]
	withModels(t, &cfg, profile)
	input := writeDemo(t)
	info, err := cfg.Tools.Probe(t.Context(), input, cfg.Limits)
	if err != nil {
		t.Fatal(err)
	}
	m, err := cfg.File(t.Context(), input, t.TempDir(), profile, func(job.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	made := int64(0)
	for _, o := range m.Outputs {
		made += o.Bytes
	}
	least, most := guessOutputs(info.Bytes, profile)
	if estimate := estimateOutputs(info, profile); made > estimate || made < least || made > most {
		t.Errorf("it made %d bytes; the estimate is %d, the guess %d to %d", made, estimate, least, most)
	}
}

// withModels gives cfg the starter models, or skips the test.
func withModels(t *testing.T, cfg *Config, profile Profile) {
	t.Helper()
	engine := &Engine{Config: onnx.Config{Threads: 1, Logger: cfg.Logger}, Catalogue: cfg.Engine.Catalogue}
	if err := engine.Warm(profile); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	cfg.Engine = engine
}
