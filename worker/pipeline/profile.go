package pipeline

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

//go:embed profiles/*.yaml
var builtinProfiles embed.FS

// DefaultProfile is the one that an upload gets which names none.
const DefaultProfile = "trainer"

// Output is something that a profile can ask for; it may stand for two files.
type Output string

// The outputs of this version.
const (
	Video      Output = "video"      // video.mp4
	HLS        Output = "hls"        // hls/: streams for adaptive players
	Sprite     Output = "sprite"     // sprite.jpg and sprite.vtt
	Poster     Output = "poster"     // poster.jpg
	Pose       Output = "pose"       // pose.json.gz
	Overlay    Output = "overlay"    // overlay.mp4
	Silhouette Output = "silhouette" // silhouette.webm and silhouette.mp4
)

var knownOutputs = []Output{Video, HLS, Poster, Sprite, Pose, Overlay, Silhouette}

// Profile names the outputs to make and the models for each task.
type Profile struct {
	Name    string   `yaml:"name"`
	About   string   `yaml:"about"`
	Outputs []Output `yaml:"outputs"`
	// Models maps a task (detect, pose, matte) to the name of a model; a task
	// that is missing gets the installed model of the highest rank.
	Models map[string]string `yaml:"models"`
	// People says who is followed: largest (the default), centre or all.
	People string `yaml:"people"`
	// DetectEvery is after how many frames people are looked for again although
	// nobody was lost; 0 is the default of inference.Video.
	DetectEvery int `yaml:"detect_every"`
	// Matte says what is made of the model's mattes: all of it, where the profile says nothing else.
	Matte matting.Options `yaml:"matte"`
	// Steps run generic models, each of which makes a file.
	Steps []ModelStep `yaml:"steps"`
	// Choices are further ones.
	Choices `yaml:",inline"`
}

// Wants tells whether any of the outputs is part of the profile.
func (p Profile) Wants(outputs ...Output) bool {
	return slices.ContainsFunc(outputs, func(o Output) bool { return slices.Contains(p.Outputs, o) })
}

// Tasks returns what the profile needs models for.
func (p Profile) Tasks() []string {
	var tasks []string
	if p.Wants(Pose, Overlay) {
		tasks = append(tasks, "pose")
	}
	if p.Wants(Silhouette) {
		tasks = append(tasks, "matte")
	}
	return tasks
}

// Profiles holds profiles by name.
type Profiles map[string]Profile

// LoadProfiles returns the built-in profiles.
func LoadProfiles() (Profiles, error) {
	profiles := Profiles{}
	paths, err := fs.Glob(builtinProfiles, "profiles/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list built-in profiles: %w", err)
	}
	for _, path := range paths {
		text, err := builtinProfiles.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read built-in profile: %w", err)
		}
		p, err := parseProfile(path, text)
		if err != nil {
			return nil, err
		}
		profiles[p.Name] = p
	}
	return profiles, nil
}

// Find returns the profile of that name, or the one in the file of that path
// when the name ends in .yaml or .yml.
func (ps Profiles) Find(name string) (Profile, error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
		text, err := os.ReadFile(name)
		if err != nil {
			return Profile{}, fmt.Errorf("read profile: %w", err)
		}
		return parseProfile(name, text)
	}
	p, ok := ps[name]
	if !ok {
		return Profile{}, job.Fail(job.Unsupported, "choose profile", name, "there is no profile of this name",
			"Use one of "+strings.Join(ps.Names(), ", ")+".", nil)
	}
	return p, nil
}

// Names returns the names in order.
func (ps Profiles) Names() []string {
	names := make([]string, 0, len(ps))
	for name := range ps {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseProfile(path string, text []byte) (Profile, error) {
	p := Profile{Matte: matting.All()}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil && !errors.Is(err, io.EOF) { // An empty one names no outputs.
		return p, fmt.Errorf("read profile %s: %w", path, err)
	}
	if err := decoder.Decode(&Profile{}); !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("read profile %s: it holds more than one document (a line ---), where one profile is wanted", path)
	}
	if p.Name == "" {
		p.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if len(p.Outputs) == 0 && len(p.Steps) == 0 {
		return p, fmt.Errorf("read profile %s: it names no outputs (known: %v) and no steps", path, knownOutputs)
	}
	if err := p.Choices.check(); err != nil {
		return p, fmt.Errorf("read profile %s: %w", path, err)
	}
	if err := checkSteps(p.Steps); err != nil {
		return p, fmt.Errorf("read profile %s: %w", path, err)
	}
	for _, o := range p.Outputs {
		if !slices.Contains(knownOutputs, o) {
			return p, fmt.Errorf("read profile %s: unknown output %q (known: %v)", path, o, knownOutputs)
		}
	}
	if err := p.checkPeople(); err != nil {
		return p, fmt.Errorf("read profile %s: %w", path, err)
	}
	return p, nil
}

func (p Profile) checkPeople() error {
	known := []string{track.PeopleLargest, track.PeopleCentre, track.PeopleAll}
	if p.People != "" && !slices.Contains(known, p.People) {
		return fmt.Errorf("unknown people %q (known: %v)", p.People, known)
	}
	if p.DetectEvery < 0 {
		return fmt.Errorf("detect_every is %d, want a number of frames", p.DetectEvery)
	}
	return nil
}
