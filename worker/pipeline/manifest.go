package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/sandbox"
)

// ManifestSchema names the format of manifest.json.
const ManifestSchema = "motionmill.manifest/1"

// ManifestName is the file name of a manifest.
const ManifestName = "manifest.json"

// Manifest says what was made, from what, with what, and how long it took.
type Manifest struct {
	Schema     string             `json:"schema"`
	Job        string             `json:"job"`
	Attempt    int                `json:"attempt"`
	Fence      int64              `json:"fence"`
	Profile    string             `json:"profile"`
	Source     ManifestSource     `json:"source"`
	Input      media.Info         `json:"input"`
	Outputs    []ManifestOutput   `json:"outputs"`
	Models     []models.UsedModel `json:"models"`
	Steps      []Step             `json:"steps"`
	Tools      Tools              `json:"tools"`
	Sandbox    sandbox.Report     `json:"sandbox"`
	Hardware   Hardware           `json:"hardware"`
	Notes      []string           `json:"notes,omitempty"`
	Lost       *media.Lost        `json:"lost,omitempty"`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
}

// ManifestSource is the object that the job was made from.
type ManifestSource struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
	ETag    string `json:"etag"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// ManifestOutput is one file that was made; Path is relative to the manifest's
// attempt. Codecs are as in RFC 6381, "" where the type says all; Encoder is ffmpeg's name of
// what encoded H.264, "" for others. Sizes are in pixels, durations in seconds; both are 0 where they
// have no meaning.
type ManifestOutput struct {
	Path     string  `json:"path"`
	Bytes    int64   `json:"bytes"`
	SHA256   string  `json:"sha256"`
	Type     string  `json:"type"`
	Codecs   string  `json:"codecs,omitempty"`
	Encoder  string  `json:"encoder,omitempty"`
	Width    int     `json:"width,omitempty"`
	Height   int     `json:"height,omitempty"`
	Frames   int64   `json:"frames,omitempty"`
	Duration float64 `json:"duration_s,omitempty"`
}

// Step is one part of the work and what it took. CPUSeconds counts the
// processes and threads of that step; 0 where it cannot be told apart.
type Step struct {
	Name       string  `json:"name"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Frames     int64   `json:"frames,omitempty"`
}

// Tools names the versions that did the work.
type Tools struct {
	FFmpeg      string `json:"ffmpeg"`
	ONNXRuntime string `json:"onnxruntime,omitempty"`
	Motionmill  string `json:"motionmill"`
}

// Encode returns the manifest as indented JSON.
func (m Manifest) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(text, '\n'), nil
}

var contentTypes = map[string]string{
	".mp4": "video/mp4", ".webm": "video/webm", ".jpg": "image/jpeg", ".gz": "application/gzip", ".json": "application/json",
	".gif": "image/gif", ".webp": "image/webp", ".vtt": "text/vtt",
	".npy": "application/x-npy", ".wav": "audio/wav", ".png": "image/png",
}

func contentType(name string) string { return contentTypes[filepath.Ext(name)] }

func manifestSource(s job.Source, bytes int64, sha string) ManifestSource {
	s = s.Normal()
	return ManifestSource{Bucket: s.Bucket, Key: s.Key, Version: s.Version, ETag: s.ETag, Bytes: bytes, SHA256: sha}
}

// digest returns the size in bytes and the SHA-256 in hexadecimal of a file.
func digest(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}
