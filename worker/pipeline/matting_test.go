package pipeline

import (
	"testing"

	"github.com/motionmill/motionmill/inference/matting"
)

func TestProfileSaysWhatIsMadeOfMattes(t *testing.T) {
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range profiles {
		if p.Matte != matting.All() {
			t.Errorf("%s makes %+v of its mattes", name, p.Matte)
		}
	}
	for text, want := range map[string]matting.Options{
		"":                      {Solid: true, Refine: true, Steady: true, Near: true},
		"matte: {}":             {Solid: true, Refine: true, Steady: true, Near: true},
		"matte: {solid: false}": {Refine: true, Steady: true, Near: true},
		"matte: {near: false}":  {Solid: true, Refine: true, Steady: true},
		"matte: {refine: false, steady: false, near: false}": {Solid: true},
	} {
		p, err := parseProfile("mine.yaml", []byte("outputs: [silhouette]\n"+text+"\n"))
		if err != nil || p.Matte != want {
			t.Errorf("%q gives %+v, error %v", text, p.Matte, err)
		}
	}
	for _, text := range []string{"matte: {sharp: true}", "matte: {solid: 3}", "matte: yes please"} {
		if _, err := parseProfile("mine.yaml", []byte("outputs: [silhouette]\n"+text+"\n")); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
