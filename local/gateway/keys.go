package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

const (
	maxKeyBytes       = 1024
	maxComponentBytes = 255
)

// checkKey refuses keys that files cannot hold under their own name: S3 takes
// any string, the library would quietly write a//b to a/b.
func checkKey(key string, sidecar bool) error {
	if len(key) > maxKeyBytes {
		return s3err.GetKeyTooLongErr(int64(len(key)), maxKeyBytes)
	}
	if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return badKey("it is not UTF-8 text without zero bytes")
	}
	for i, part := range strings.Split(strings.TrimSuffix(key, "/"), "/") {
		switch {
		case part == "":
			return badKey("it starts with a slash or holds two in a row")
		case part == "." || part == "..":
			return badKey("a part of it is . or ..")
		case len(part) > maxComponentBytes:
			return badKey(fmt.Sprintf("a part of it between slashes is longer than %d bytes", maxComponentBytes))
		case i == 0 && part == posix.MetaTmpDir, i == 0 && sidecar && part == "meta":
			return badKey("its first part, " + part + ", is used by the store itself")
		}
	}
	return nil
}

func badKey(finding string) error {
	return s3err.APIError{Code: "InvalidArgument", HTTPStatusCode: http.StatusBadRequest,
		Description: "This store keeps objects as files and cannot hold the key: " + finding + ". Please choose another key."}
}

// refuseKeys answers requests for such keys, before anything looks at them.
func (o *objects) refuseKeys(c fiber.Ctx) error {
	path, err := url.PathUnescape(string(c.Request().URI().PathOriginal()))
	if err != nil {
		return answer(c, s3err.GetAPIError(s3err.ErrInvalidURI))
	}
	_, key, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !found || key == "" {
		return c.Next()
	}
	if err := checkKey(key, o.sidecar); err != nil {
		return answer(c, err)
	}
	return c.Next()
}

// nameRegion tells clients that signed for another region which one is right,
// as S3 does: the AWS CLI then signs anew. The library leaves it out, and the
// answer to HEAD has no body that could say it.
func (o *objects) nameRegion(c fiber.Ctx) error {
	err := c.Next()
	if c.Response().StatusCode() >= http.StatusBadRequest {
		c.Response().Header.Set("X-Amz-Bucket-Region", o.cfg.Region)
	}
	return err
}

// answer sends err as S3 does.
func answer(c fiber.Ctx, err error) error {
	var known s3err.S3Error
	if !errors.As(err, &known) {
		return err
	}
	request, host := utils.EnsureRequestIDs(c)
	c.Response().Header.SetContentType(fiber.MIMEApplicationXML)
	return c.Status(known.StatusCode()).Send(known.XMLBody(request, host))
}
