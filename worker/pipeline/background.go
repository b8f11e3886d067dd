package pipeline

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// background returns the red, green and blue behind the figure, nil for
// transparent.
func (c Choices) background() (*[3]uint8, error) {
	if c.Background == "" || c.Background == "transparent" {
		return nil, nil
	}
	digits, hash := strings.CutPrefix(c.Background, "#")
	rgb, err := hex.DecodeString(digits)
	if err != nil || len(rgb) != 3 || !hash {
		return nil, fmt.Errorf("unknown background %q (known: transparent, or a colour as #00b140)", c.Background)
	}
	return (*[3]uint8)(rgb), nil
}
