package store

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"

	"github.com/motionmill/motionmill/job"
)

// CDNConfig names a CloudFront distribution whose origin is a bucket, and the
// key that it trusts.
type CDNConfig struct {
	// URL is the distribution's: https://d111111abcdef8.cloudfront.net.
	URL string
	// KeyID is that of the public key in the distribution's key group.
	KeyID string
	// KeyFile is the path of the private one: RSA of 2048 bits, in PEM.
	KeyFile string
}

// CDN signs the reading of objects through CloudFront, which keeps them near
// who reads them. A signature is no part of what CloudFront keeps an object under,
// so every reader shares one copy.
type CDN struct {
	base   url.URL
	signer *sign.URLSigner
}

// NewCDN reads the key. It sends nothing.
func NewCDN(cfg CDNConfig) (*CDN, error) {
	const op = "open CDN"
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return nil, job.Fail(job.Unsupported, op, cfg.URL, "this is not the URL of a distribution", "It looks like https://d111111abcdef8.cloudfront.net", nil)
	}
	if cfg.KeyID == "" {
		return nil, job.Fail(job.Unsupported, op, cfg.URL, "the id of the key is missing", "It is that of the public key in CloudFront, as K2JCJMDEHXQW5F", nil)
	}
	key, err := readKey(cfg.KeyFile)
	if err != nil {
		return nil, job.Fail(job.Unsupported, op, cfg.KeyFile, err.Error(), "Give the private key of the pair, RSA in PEM, as openssl genrsa 2048 makes one", err)
	}
	return &CDN{base: *u, signer: sign.NewURLSigner(cfg.KeyID, key)}, nil
}

// readKey reads a private RSA key, in either of the forms that PEM has for it.
func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if key, err := sign.LoadPEMPrivKey(bytes.NewReader(text)); err == nil {
		return key, nil
	}
	key, err := sign.LoadPEMPrivKeyPKCS8AsSigner(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return nil, fmt.Errorf("it is no RSA key but %T", key)
	}
	return key, nil
}

// PresignGet signs the reading of one object of the distribution's bucket, as
// Store.PresignGet does.
func (c *CDN) PresignGet(key string, expires time.Duration, downloadName string) (string, error) {
	const op = "presign get through CDN"
	if key == "" {
		return "", fmt.Errorf("%s: the key is empty", op)
	}
	expires, err := lifetime(op, key, expires, MaxReadExpiry)
	if err != nil {
		return "", err
	}
	u := c.base
	u.Path = "/" + key
	if downloadName != "" {
		u.RawQuery = url.Values{"response-content-disposition": {attachment(downloadName)}}.Encode()
	}
	signed, err := c.signer.Sign(u.String(), time.Now().Add(expires))
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	return signed, nil
}
