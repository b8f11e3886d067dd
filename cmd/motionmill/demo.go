package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/motionmill/motionmill/inference/starter"
)

// cutDemo writes so many seconds of the built-in video, which begins again where it ends,
// into dir.
func cutDemo(ctx context.Context, dir string, seconds int) (string, error) {
	whole, clip := filepath.Join(dir, "demo.mp4"), filepath.Join(dir, "clip.mp4")
	if err := writeDemo(whole); err != nil {
		return "", err
	}
	cut := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-i", whole, "-t", strconv.Itoa(seconds), "-c", "copy", clip)
	if text, err := cut.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cut the built-in video: %w: %s", err, text)
	}
	return clip, nil
}

func writeDemo(path string) error {
	demo, err := starter.Files.Open("demo.mp4")
	if err != nil {
		return fmt.Errorf("open the built-in video: %w", err)
	}
	defer demo.Close()
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the built-in video: %w", err)
	}
	defer out.Close()
	if _, err := io.Copy(out, demo); err != nil {
		return fmt.Errorf("write the built-in video: %w", err)
	}
	return out.Close()
}
