package store

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// proof is what a server declares of an object's content.
type proof struct {
	bytes int64
	// checks holds the hashes that can be compared, by name.
	checks []check
}

type check struct {
	name string
	make func() hash.Hash
	want string
	// text writes a sum as the server does.
	text func([]byte) string
}

// crc64NVME is the polynomial of the NVM Express base specification (section
// "64b CRC"), bits reversed, as hash/crc64 takes it.
const crc64NVME = 0x9a6c9329ac4bc9b5

// proofOf gathers what head declares. Checksums of parts are left out: they
// need the boundaries of the parts, and length, If-Match and the checks of
// the transport stand in for them.
func proofOf(head *s3.HeadObjectOutput) proof {
	p := proof{bytes: aws.ToInt64(head.ContentLength)}
	etag := strings.Trim(aws.ToString(head.ETag), `"`)
	if isMD5(etag) && plain(head) {
		p.checks = append(p.checks, check{"MD5", md5.New, strings.ToLower(etag), hex.EncodeToString})
	}
	// Servers that do not name the type declare the checksum of the parts' checksums.
	inParts := strings.Contains(etag, "-")
	if head.ChecksumType == types.ChecksumTypeComposite || (head.ChecksumType == "" && inParts) {
		return p
	}
	for _, declared := range []struct {
		name string
		make func() hash.Hash
		want *string
	}{
		{"SHA-256", sha256.New, head.ChecksumSHA256},
		{"SHA-1", sha1.New, head.ChecksumSHA1},
		{"CRC-32", func() hash.Hash { return crc32.NewIEEE() }, head.ChecksumCRC32},
		{"CRC-32C", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, head.ChecksumCRC32C},
		{"CRC-64/NVME", func() hash.Hash { return crc64.New(crc64.MakeTable(crc64NVME)) }, head.ChecksumCRC64NVME},
	} {
		if want := aws.ToString(declared.want); want != "" {
			p.checks = append(p.checks, check{declared.name, declared.make, want, base64.StdEncoding.EncodeToString})
		}
	}
	return p
}

func isMD5(etag string) bool {
	sum, err := hex.DecodeString(etag)
	return err == nil && len(sum) == md5.Size
}

// plain tells whether the ETag of a single upload is its MD5; encryption with
// keys of KMS or of the customer makes it something else.
func plain(head *s3.HeadObjectOutput) bool {
	return aws.ToString(head.SSECustomerAlgorithm) == "" &&
		(head.ServerSideEncryption == "" || head.ServerSideEncryption == types.ServerSideEncryptionAes256)
}

// verify reads file from its start, compares it with everything declared and
// returns its SHA-256 in hexadecimal. finding says what does not agree; it is
// empty when all does.
func (p proof) verify(file *os.File) (sum, finding string, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	own := sha256.New()
	writers := []io.Writer{own}
	hashes := make([]hash.Hash, len(p.checks))
	for i, c := range p.checks {
		hashes[i] = c.make()
		writers = append(writers, hashes[i])
	}
	n, err := io.CopyBuffer(io.MultiWriter(writers...), struct{ io.Reader }{file}, make([]byte, 1<<20))
	if err != nil {
		return "", "", err
	}
	if n != p.bytes {
		return "", fmt.Sprintf("%d of %d bytes came", n, p.bytes), nil
	}
	for i, c := range p.checks {
		if got := c.text(hashes[i].Sum(nil)); got != c.want {
			return "", fmt.Sprintf("the %s of the bytes that came is %s, but the server declares %s", c.name, got, c.want), nil
		}
	}
	return hex.EncodeToString(own.Sum(nil)), "", nil
}
