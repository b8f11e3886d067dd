package models

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// FileModel returns a model of a file that has no manifest: only its graph can be
// described (see family.Draft and generic.Draft). A file that cannot be read is an error of kind model_missing.
func FileModel(path string) (Model, error) {
	m := Model{Path: path, folder: os.DirFS(filepath.Dir(path))}
	m.File = filepath.Base(path)
	m.Name = nameOf(m.File)
	data, err := os.ReadFile(path)
	if err != nil {
		return m, job.Fail(job.ModelMissing, "read model", path, "the file cannot be read", "Name an .onnx file, or a model of models list", err)
	}
	sum := sha256.Sum256(data)
	m.SHA256 = hex.EncodeToString(sum[:])
	return m, nil
}

// DraftHead is how the manifest of such a model begins, once its family is known.
func (m Model) DraftHead(task, family string) string {
	return fmt.Sprintf("schema: %s\nname: %s\ntask: %s\nfamily: %s\nfile: %q\nsha256: %s\nlicence: unknown\n",
		ManifestSchema, m.Name, task, family, m.File, m.SHA256)
}

// nameOf makes a model's name of its file's.
func nameOf(file string) string {
	stem := strings.ToLower(strings.TrimSuffix(file, filepath.Ext(file)))
	name := strings.TrimLeft(regexp.MustCompile(`[^a-z0-9._-]+`).ReplaceAllString(stem, "-"), "._-")
	if name == "" {
		return "model"
	}
	return name[:min(len(name), 100)]
}
