package main

import (
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/coco"
	"github.com/motionmill/motionmill/inference/picture"
)

// cocoSet is annotated pictures.
type cocoSet struct {
	pictures []cocoPicture
	people   map[int64][]coco.Truth // by picture
	missing  int                    // listed pictures that are not there
}

type cocoPicture struct {
	coco.Image
	path string
}

// openCOCO reads the annotations of a folder and finds its pictures.
func openCOCO(dir, annotations string) (cocoSet, error) {
	set := cocoSet{people: map[int64][]coco.Truth{}}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return set, fmt.Errorf("read --coco %s: there is no such folder", dir)
	}
	data, from, err := findAnnotations(dir, annotations)
	if err != nil {
		return set, err
	}
	folders, err := foldersOf(dir)
	if err != nil {
		return set, err
	}
	for _, image := range data.Images {
		if image.File == "" || !filepath.IsLocal(image.File) {
			return set, fmt.Errorf("read %s: image %d has the file name %q", from, image.ID, image.File)
		}
		path := ""
		for _, folder := range folders {
			if at := filepath.Join(folder, image.File); path == "" && regular(at) {
				path = at
			}
		}
		if path == "" {
			set.missing++
			continue
		}
		set.pictures = append(set.pictures, cocoPicture{image, path})
	}
	for _, t := range data.People {
		set.people[t.Image] = append(set.people[t.Image], t)
	}
	if len(set.pictures) == 0 {
		return set, fmt.Errorf("read --coco %s: none of the %d pictures of %s is in it or in a folder of it (such as %s)",
			dir, len(data.Images), from, data.Images[0].File)
	}
	return set, nil
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// foldersOf gives a folder and those right in it.
func foldersOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read --coco %s: %w", dir, err)
	}
	folders := []string{dir}
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 {
			folders = append(folders, path)
		}
	}
	return folders, nil
}

// findAnnotations reads the one annotations file of a folder, or the named one.
func findAnnotations(dir, named string) (coco.Dataset, string, error) {
	if named != "" {
		data, err := readAnnotations(named)
		return data, named, err
	}
	candidates, err := listAnnotations(dir)
	if err != nil {
		return coco.Dataset{}, "", err
	}
	var found coco.Dataset
	var from string
	var refused error
	for _, path := range candidates {
		data, err := readAnnotations(path)
		switch {
		case err != nil:
			refused = errors.Join(refused, err)
		case from != "":
			return found, from, fmt.Errorf("read --coco %s: both %s and %s hold annotations; choose with --annotations", dir, from, path)
		default:
			found, from = data, path
		}
	}
	switch {
	case from != "":
		return found, from, nil
	case refused != nil:
		return found, "", fmt.Errorf("read --coco %s: no file of it holds annotations: %w", dir, refused)
	default:
		return found, "", fmt.Errorf("read --coco %s: there is no annotations file: put one (*.json) into it or into its folder annotations", dir)
	}
}

// listAnnotations gives the JSON files of a folder; if some are named as COCO's
// of people with keypoints, those alone.
func listAnnotations(dir string) ([]string, error) {
	var all, people []string
	for _, folder := range []string{dir, filepath.Join(dir, "annotations")} {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read --coco %s: %w", dir, err)
		}
		for _, entry := range entries {
			if filepath.Ext(entry.Name()) != ".json" {
				continue
			}
			path := filepath.Join(folder, entry.Name())
			all = append(all, path)
			if strings.HasPrefix(entry.Name(), "person_keypoints") {
				people = append(people, path)
			}
		}
	}
	if len(people) > 0 {
		return people, nil
	}
	slices.Sort(all)
	return all, nil
}

func readAnnotations(path string) (coco.Dataset, error) {
	file, err := os.Open(path)
	if err != nil {
		return coco.Dataset{}, fmt.Errorf("read annotations: %w", err)
	}
	defer file.Close()
	data, err := coco.Read(file)
	if err != nil {
		return data, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// read decodes a picture.
func (p cocoPicture) read() (picture.Picture, error) {
	file, err := os.Open(p.path)
	if err != nil {
		return picture.Picture{}, fmt.Errorf("read picture: %w", err)
	}
	defer file.Close()
	decoded, _, err := image.Decode(file)
	if err != nil {
		return picture.Picture{}, fmt.Errorf("read picture %s: %w", p.path, err)
	}
	bounds := decoded.Bounds()
	if bounds.Dx() != p.Width || bounds.Dy() != p.Height {
		return picture.Picture{}, fmt.Errorf("read picture %s: it is of %dx%d px, the annotations say %dx%d",
			p.path, bounds.Dx(), bounds.Dy(), p.Width, p.Height)
	}
	canvas := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	draw.Draw(canvas, canvas.Rect, decoded, bounds.Min, draw.Src)
	pix := make([]byte, 0, p.Width*p.Height*3)
	for i := 0; i < len(canvas.Pix); i += 4 {
		pix = append(pix, canvas.Pix[i:i+3]...)
	}
	return picture.Picture{Pix: pix, Width: p.Width, Height: p.Height}, nil
}
