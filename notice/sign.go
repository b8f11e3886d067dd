package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers of a webhook.
const (
	// SignatureHeader proves who sent it and when: t=SECONDS,v1=HEX.
	SignatureHeader = "Motionmill-Signature"
	// DeliveryHeader has the id of the delivery, the same at every try.
	DeliveryHeader = "Motionmill-Delivery"
)

// minSecret is the least length of a secret, in bytes.
const minSecret = 16

// Sign gives the signature of a body at a time: v1 is the HMAC-SHA256, in hex,
// of the time in seconds since 1970, a dot and the body. There is one v1 for
// each secret, so that one can be replaced while receivers know only the other.
func Sign(secrets [][]byte, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	var header strings.Builder
	header.WriteString("t=" + seconds)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(seconds + "."))
		mac.Write(body)
		header.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return header.String()
}

func checkSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return fmt.Errorf("webhooks have no secret to sign with")
	}
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return fmt.Errorf("secret %d of webhooks has %d bytes, and %d are the least", i+1, len(secret), minSecret)
		}
	}
	return nil
}
