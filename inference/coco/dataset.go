package coco

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Image is a picture of a data set.
type Image struct {
	ID     int64  `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`  // px
	Height int    `json:"height"` // px
}

// Truth is one annotated person, or a crowd of them.
type Truth struct {
	Image int64
	// Box is left, top, width, height in px.
	Box [4]float64
	// Area is that of the person's mask, in px².
	Area float64
	// Crowd tells that this is a group in which nobody is told apart. What is
	// found there counts neither for nor against.
	Crowd bool
	// Keypoints are x, y in px and a flag: 0 not labelled, 1 hidden, 2 seen; nil where there are none.
	Keypoints [][3]float64
	// Segmentation says which pixels are the person's; nil where nobody says.
	Segmentation *Segmentation
}

// Labelled is the number of keypoints that have a place.
func (t Truth) Labelled() (n int) {
	for _, k := range t.Keypoints {
		if k[2] > 0 {
			n++
		}
	}
	return n
}

// Dataset is what an annotations file says of people.
type Dataset struct {
	Images []Image
	People []Truth
	// Points names the keypoints, in order; nil where the file names none.
	Points []string
}

// file is the annotations file, as far as it is read here.
type file struct {
	Images     []Image `json:"images"`
	Categories []struct {
		ID        int64    `json:"id"`
		Name      string   `json:"name"`
		Keypoints []string `json:"keypoints"`
	} `json:"categories"`
	Annotations []struct {
		ID           int64         `json:"id"`
		Image        int64         `json:"image_id"`
		Category     int64         `json:"category_id"`
		Box          []float64     `json:"bbox"`
		Area         float64       `json:"area"`
		Crowd        int           `json:"iscrowd"`
		Keypoints    []float64     `json:"keypoints"`
		Segmentation *Segmentation `json:"segmentation"`
	} `json:"annotations"`
}

// Read reads an annotations file of COCO's format ("instances" or
// "person_keypoints") and keeps the category person. The error says what is
// wrong with which annotation.
func Read(r io.Reader) (Dataset, error) {
	var f file
	if err := json.NewDecoder(r).Decode(&f); err != nil {
		return Dataset{}, fmt.Errorf("read annotations: %w", err)
	}
	if len(f.Images) == 0 || len(f.Categories) == 0 {
		return Dataset{}, errors.New("read annotations: there is no list of images or of categories: it is not COCO's format")
	}
	d := Dataset{Images: f.Images}
	person := int64(-1)
	for _, c := range f.Categories {
		if c.Name == "person" {
			person, d.Points = c.ID, c.Keypoints
		}
	}
	if person < 0 {
		return Dataset{}, errors.New("read annotations: no category is named person")
	}
	sizes := map[int64]Image{}
	for _, i := range f.Images {
		if i.Width < 1 || i.Height < 1 || i.Width > maxSide || i.Height > maxSide {
			return Dataset{}, fmt.Errorf("read annotations: image %d has the size %dx%d", i.ID, i.Width, i.Height)
		}
		sizes[i.ID] = i
	}
	for _, a := range f.Annotations {
		if a.Category != person {
			continue
		}
		if _, ok := sizes[a.Image]; !ok {
			return Dataset{}, fmt.Errorf("read annotations: annotation %d is of image %d, which is not listed", a.ID, a.Image)
		}
		if len(a.Box) != 4 || len(a.Keypoints)%3 != 0 || d.Points != nil && a.Keypoints != nil && len(a.Keypoints) != 3*len(d.Points) {
			return Dataset{}, fmt.Errorf("read annotations: annotation %d has a box of %d numbers and keypoints of %d",
				a.ID, len(a.Box), len(a.Keypoints))
		}
		t := Truth{Image: a.Image, Box: [4]float64(a.Box), Area: a.Area, Crowd: a.Crowd != 0, Segmentation: a.Segmentation}
		for i := 0; i < len(a.Keypoints); i += 3 {
			t.Keypoints = append(t.Keypoints, [3]float64(a.Keypoints[i:i+3]))
		}
		d.People = append(d.People, t)
	}
	return d, nil
}
