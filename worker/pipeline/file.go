package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/job"
)

// File makes the outputs of profile from one file into dir, which is created
// when absent and then holds exactly what a job leaves behind. Nothing appears
// in dir before all of it is made; what an earlier run left there is replaced.
func (c Config) File(ctx context.Context, input, dir string, profile Profile, report func(job.Progress)) (Manifest, error) {
	return c.FileWith(ctx, input, nil, dir, profile, report)
}

// FileWith is File with metadata, as an upload may have: texts for models, by
// names in small letters.
func (c Config) FileWith(
	ctx context.Context, input string, metadata map[string]string, dir string, profile Profile, report func(job.Progress),
) (Manifest, error) {
	started := time.Now().UTC()
	// A pipe would be waited for, and a device read for ever.
	if there, err := os.Stat(input); err == nil && !there.Mode().IsRegular() {
		return Manifest{}, job.Fail(job.NotAVideo, "read source", input, "is not a regular file", "Give the path of a video file.", nil)
	}
	size, sha, err := digest(input)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return Manifest{}, job.Fail(job.SourceGone, "read source", input, "there is no such file", "Check the path.", nil)
	}
	if err != nil {
		return Manifest{}, job.Fail(job.KindOf(err), "read source", input, "", "Give the path of a video file.", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Manifest{}, fmt.Errorf("find the output folder: %w", err)
	}
	if err := CheckFolder(dir, input, profile); err != nil {
		return Manifest{}, err
	}
	const remedy = "Choose another --out folder."
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Manifest{}, job.Fail(job.KindOf(err), "make the output folder", dir, "", remedy, err)
	}
	work, err := os.MkdirTemp(dir, ".making-")
	if err != nil {
		return Manifest{}, job.Fail(job.KindOf(err), "make a working folder", dir, "", remedy, err)
	}
	room := NewDisk(DiskConfig{Dir: dir}).Room(work, input)
	defer c.leave(room)

	hooks, stop := paced(job.Hooks{Weigh: func(int) error { return nil }, Report: report}, profile, false)
	defer stop()
	made, err := c.process(ctx, upload{input, metadata}, work, profile, room, hooks)
	if short := (*job.Error)(nil); errors.Is(err, job.ErrNoRoom) && errors.As(err, &short) {
		short.Err = nil // There is no worker that could give the file to another one.
	}
	if err != nil {
		return Manifest{}, err
	}
	source := job.Source{Key: filepath.Base(input), ETag: sha, Bytes: size}
	m := made.manifest(manifestSource(source, size, sha), profile, started)
	m.Job, m.Attempt, m.Fence = job.ID(source, profile.Name), 1, 1
	return m, publish(work, dir, m)
}

// CheckFolder refuses a folder in which the outputs that a profile makes of input
// would replace anything but the outputs of an earlier run.
func CheckFolder(dir, input string, profile Profile) error {
	earlier, err := readEarlier(dir)
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, o := range earlier.Outputs {
		ours[o.Path] = true
	}
	source, sourceErr := os.Stat(input)
	names := slices.Clone(outputNames)
	for _, s := range profile.Steps {
		names = append(names, s.File)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		there, err := os.Stat(path)
		if err != nil {
			continue
		}
		if !ours[name] || sourceErr == nil && os.SameFile(source, there) {
			return job.Fail(job.Internal, "replace", path, "it is not an output of an earlier run, or it is the source itself",
				"Choose another --out folder.", nil)
		}
	}
	if !profile.Wants(HLS) {
		return nil
	}
	foreign, err := foreignStream(dir, ours)
	if err == nil && foreign != "" {
		err = job.Fail(job.Internal, "replace", foreign, "it is not an output of an earlier run", "Choose another --out folder.", nil)
	}
	return err
}

// publish moves the outputs from work to dir, and writes the manifest last.
func publish(work, dir string, m Manifest) error {
	if err := removeEarlier(dir); err != nil {
		return err
	}
	for _, o := range m.Outputs {
		to := filepath.Join(dir, o.Path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return failed("make a folder for output", o.Path, err)
		}
		if err := os.Rename(filepath.Join(work, o.Path), to); err != nil {
			return failed("publish output", o.Path, err)
		}
	}
	text, err := m.Encode()
	if err != nil {
		return err
	}
	made := filepath.Join(work, ManifestName)
	if err := os.WriteFile(made, text, 0o644); err != nil {
		return failed("write manifest", made, err)
	}
	if err := os.Rename(made, filepath.Join(dir, ManifestName)); err != nil {
		return failed("publish manifest", made, err)
	}
	return nil
}

// readEarlier reads the manifest of an earlier run in dir; a zero one is none.
func readEarlier(dir string) (Manifest, error) {
	path := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Manifest{}, nil
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read the earlier manifest: %w", err)
	}
	var earlier Manifest
	if json.Unmarshal(text, &earlier) != nil || earlier.Schema != ManifestSchema {
		return Manifest{}, job.Fail(job.Internal, "replace", path, "it is not a manifest of ours", "Choose another --out folder.", nil)
	}
	return earlier, nil
}

// removeEarlier removes what the manifest of an earlier run lists in dir, and
// that manifest.
func removeEarlier(dir string) error {
	earlier, err := readEarlier(dir)
	if err != nil || earlier.Schema == "" {
		return err
	}
	for _, o := range earlier.Outputs {
		if !filepath.IsLocal(o.Path) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, o.Path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove an earlier output: %w", err)
		}
		for parent := filepath.Dir(o.Path); parent != "."; parent = filepath.Dir(parent) {
			if os.Remove(filepath.Join(dir, parent)) != nil {
				break // It holds more.
			}
		}
	}
	return os.Remove(filepath.Join(dir, ManifestName))
}
