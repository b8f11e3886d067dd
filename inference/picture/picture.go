package picture

import (
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// Picture is one frame or still: rgb24, rows without padding.
type Picture struct {
	Pix           []byte
	Width, Height int // px
}

// Whole is the box that the whole picture is.
func (p Picture) Whole() Rect { return Rect{0, 0, float64(p.Width), float64(p.Height)} }

// Check returns nil when there are as many bytes as the size says.
func (p Picture) Check() error {
	if p.Width < 1 || p.Height < 1 || len(p.Pix) != p.Width*p.Height*3 {
		return job.Fail(job.Internal, "analyse picture", "",
			fmt.Sprintf("%d bytes are not %dx%d rgb24", len(p.Pix), p.Width, p.Height), "", nil)
	}
	return nil
}
