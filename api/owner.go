package api

import (
	"context"
	"encoding/base32"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// ownerFolder marks the owner in an object's key.
const ownerFolder = "owner="

// ownerEncoding writes an owner's name with letters and digits alone, so that
// no name can be a path, and any two stay two.
var ownerEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

type ownerKey struct{}

// WithOwner returns a context whose requests are made by owner, as whoever
// authenticates them found. Their uploads carry the owner in their keys, and
// limits are kept for each owner. Without one a stage has a single, nameless
// owner, and limits are kept for each address.
func WithOwner(ctx context.Context, owner string) context.Context {
	return context.WithValue(ctx, ownerKey{}, owner)
}

// OwnerFrom returns the owner that WithOwner put into the context, or nothing.
func OwnerFrom(ctx context.Context) string {
	owner, _ := ctx.Value(ownerKey{}).(string)
	return owner
}

// OwnerOf returns who sent the source of a job: the owner in its key, or
// nothing for uploads without one.
func OwnerOf(rec job.Record) string { return OwnerOfKey(rec.Source.Key) }

// OwnerOfKey returns the owner in the key of a source, or nothing.
func OwnerOfKey(key string) string {
	for folder, rest, more := strings.Cut(key, "/"); more; folder, rest, more = strings.Cut(rest, "/") {
		encoded, ok := strings.CutPrefix(folder, ownerFolder)
		if !ok {
			continue
		}
		if name, err := ownerEncoding.DecodeString(encoded); err == nil {
			return string(name)
		}
	}
	return ""
}

// payer is whom a request counts for: its owner, else the address it is from.
func (a *API) payer(r *http.Request) string {
	if owner := OwnerFrom(r.Context()); owner != "" {
		return "owner " + owner
	}
	return "address " + a.addressOf(r)
}

// addressOf returns the address of the client, which a trusted proxy tells. Of
// IPv6 it is the network of 64 bits, all of which one client may have.
func (a *API) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusts(address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		return netip.PrefixFrom(address, 64).Masked().String()
	}
	return address.String()
}

// trusts tells whether what an address says of the client is believed.
func (a *API) trusts(address netip.Addr) bool {
	for _, proxies := range a.cfg.TrustedProxies {
		if proxies.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}

// fromProxy tells whether a trusted proxy passed the request on.
func (a *API) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.trusts(peer.Addr())
}
