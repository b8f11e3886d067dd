package gateway

import (
	"io"
	"time"

	"github.com/gofiber/fiber/v3"
)

const (
	drainIdle  = 5 * time.Second
	drainTotal = 2 * time.Minute
)

// drain reads what a client is still sending after its request has been
// decided. Closing with unread bytes resets the connection, and the client
// would see a broken pipe in the place of 412 or 403; the library itself
// reads no more than 256 KiB.
func drain(c fiber.Ctx) error {
	err := c.Next()
	body := c.Request().BodyStream()
	// Chunked bodies, whose reader does not tell the end twice, are the library's.
	if body == nil || c.Request().Header.ContentLength() <= 0 {
		return err
	}
	conn := c.RequestCtx().Conn()
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }() // It fails only for a connection that is gone.
	until := time.Now().Add(drainTotal)
	buffer := make([]byte, 64<<10)
	for time.Now().Before(until) {
		if failed := conn.SetReadDeadline(time.Now().Add(drainIdle)); failed != nil {
			break
		}
		if _, ended := io.ReadFull(body, buffer); ended != nil {
			break
		}
	}
	return err
}
