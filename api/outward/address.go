package outward

import "net/netip"

// Public tells whether an address belongs to the public internet, by the
// special-purpose registries of IANA for IPv4 (RFC 6890 and later) and IPv6.
// An IPv6 address that stands for an IPv4 one is judged by it where it is the
// same address (::ffff:0:0/96), and refused where a gateway in between would
// lead on (NAT64, 6to4, Teredo).
func Public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if address.Is6() && !netip.MustParsePrefix("2000::/3").Contains(address) {
		return false // Everything else is unassigned, local, multicast or translated.
	}
	for _, network := range special() {
		if network.Contains(address) {
			return false
		}
	}
	return address.IsValid()
}

// special are the networks that are not public: within IPv6 only those of
// 2000::/3, the only part that is handed out.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),        // "this network"; 0.0.0.0 reaches this machine
		netip.MustParsePrefix("10.0.0.0/8"),       // private
		netip.MustParsePrefix("100.64.0.0/10"),    // shared with the carrier; some clouds' metadata
		netip.MustParsePrefix("127.0.0.0/8"),      // this machine
		netip.MustParsePrefix("168.63.129.16/32"), // Azure's platform, though public by its number
		netip.MustParsePrefix("169.254.0.0/16"),   // this link; clouds' metadata
		netip.MustParsePrefix("172.16.0.0/12"),    // private
		netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments; Oracle's metadata
		netip.MustParsePrefix("192.0.2.0/24"),     // documentation
		netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
		netip.MustParsePrefix("192.168.0.0/16"),   // private
		netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),  // documentation
		netip.MustParsePrefix("203.0.113.0/24"),   // documentation
		netip.MustParsePrefix("224.0.0.0/4"),      // multicast
		netip.MustParsePrefix("240.0.0.0/4"),      // reserved; broadcast
		netip.MustParsePrefix("2001::/23"),        // protocol assignments: Teredo, ORCHID, benchmarks
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("2002::/16"),        // 6to4
		netip.MustParsePrefix("3fff::/20"),        // documentation
	}
}
