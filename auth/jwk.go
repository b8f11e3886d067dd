package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const (
	// minRSA is the shortest RSA key that is taken, in bits (RFC 7518, 3.3).
	minRSA = 2048
	// maxRSA bounds the work of one verification, in bits.
	maxRSA = 8192
	// maxKeys bounds a set.
	maxKeys = 100
)

// publicKey is a key that may verify tokens.
type publicKey struct {
	id string
	// algorithm is the one that the issuer pins the key to; empty for none.
	algorithm string
	// key is *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
	key any
}

// fits tells whether the key verifies an algorithm: never one of its family
// that it was not made for.
func (k publicKey) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		return curves[algorithm] == key.Curve
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	default:
		return false
	}
}

// jwk is one key of a set (RFC 7517, RFC 7518, RFC 8037).
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// readKeySet reads a JWK set. Keys of other kinds or for other uses are left
// out (RFC 7517, 5); a set without any that verifies is an error.
func readKeySet(body []byte) ([]publicKey, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("it is not a JWK set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, and at most %d are taken", len(set.Keys), maxKeys)
	}
	var keys []publicKey
	var errs []error
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" || k.Operations != nil && !slices.Contains(k.Operations, "verify") {
			continue
		}
		key, err := k.public()
		if err != nil {
			errs = append(errs, fmt.Errorf("key %q: %w", k.ID, err))
			continue
		}
		keys = append(keys, publicKey{id: k.ID, algorithm: k.Algorithm, key: key})
	}
	if len(keys) == 0 {
		return nil, errors.Join(append(errs, errors.New("none of its keys can verify a token"))...)
	}
	return keys, nil
}

func (k jwk) public() (any, error) {
	switch k.Type {
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ecdsa()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if k.Curve != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("it is not an Ed25519 key")
		}
		return ed25519.PublicKey(x), nil
	default:
		return nil, fmt.Errorf("its type %q is none of RSA, EC and OKP", k.Type)
	}
}

func (k jwk) rsa() (*rsa.PublicKey, error) {
	modulus, err := base64.RawURLEncoding.DecodeString(k.N)
	exponent, err2 := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || err2 != nil || len(exponent) == 0 || len(exponent) > 4 {
		return nil, errors.New("its modulus or exponent cannot be read")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
		return nil, fmt.Errorf("it has %d bits, and %d to %d are taken", bits, minRSA, maxRSA)
	}
	if key.E < 3 || key.E%2 == 0 || key.E > 1<<31-1 {
		return nil, errors.New("its exponent is not one of RSA")
	}
	return key, nil
}

func (k jwk) ecdsa() (*ecdsa.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, ok := curves[k.Curve]
	if !ok {
		return nil, fmt.Errorf("its curve %q is none of P-256, P-384 and P-521", k.Curve)
	}
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
	size := (curve.Params().BitSize + 7) / 8
	if err != nil || err2 != nil || len(x) != size || len(y) != size {
		return nil, errors.New("its coordinates cannot be read")
	}
	point := slices.Concat([]byte{4}, x, y) // SEC 1, 2.3.3: uncompressed
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, errors.New("its point is not on the curve")
	}
	return key, nil
}
