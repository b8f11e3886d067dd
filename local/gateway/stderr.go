package gateway

import (
	"bufio"
	"log/slog"
	"os"
	"regexp"
	"strings"
)

// captureStderr makes os.Stderr, the variable, a pipe whose lines go to the
// logger, which keeps the stream that it was made with. The runtime's own
// reports of crashes are not affected. restore undoes it.
func captureStderr(logger *slog.Logger) (restore func(), err error) {
	lines, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	colours := regexp.MustCompile("\x1b\\[[0-9;]*m")
	old := os.Stderr
	os.Stderr = writer
	done := make(chan struct{})
	go func() {
		defer close(done)
		reader := bufio.NewReader(lines)
		for {
			line, err := reader.ReadString('\n')
			if text := strings.TrimSpace(colours.ReplaceAllString(line, "")); text != "" {
				logger.Warn("object store library", slog.String("message", text))
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		os.Stderr = old
		_ = writer.Close() // Nothing more is to come.
		<-done
		_ = lines.Close()
	}, nil
}
