package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
)

// limitFlags are what an API allows its clients.
type limitFlags struct {
	limits                  api.Limits
	bytesPerDay             byteSize
	corsOrigins             []string
	proxies, importNetworks []string
}

func (f *limitFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Float64Var(&f.limits.RatePerSecond, "rate-limit", 0, "requests a second that one owner may make; 0 is any number")
	flags.IntVar(&f.limits.RateBurst, "rate-burst", 0, "requests that one owner may make at once; 0 is ten seconds' worth")
	flags.Var(&f.bytesPerDay, "bytes-per-day", "what one owner may upload within 24 hours, in bytes; 0 is any amount")
	flags.IntVar(&f.limits.JobsWaiting, "jobs-waiting", 0, "jobs of one owner that may wait; 0 is any number")
	flags.IntVar(&f.limits.Streams, "event-streams", 10_000, "event streams that may be open")
	flags.IntVar(&f.limits.StreamsPerOwner, "event-streams-per-owner", 1000, "event streams that one owner may have open")
	flags.IntVar(&f.limits.ImportsAtOnce, "imports-at-once", 4, "imports that are fetched at a time")
	flags.DurationVar(&f.limits.ImportWithin, "import-within", time.Hour, "how long one import may take")
	flags.StringArrayVar(&f.importNetworks, "import-network", nil, "network, such as 10.1.0.0/16, that imports may fetch from though it is not public (repeatable)")
	flags.StringArrayVar(&f.corsOrigins, "cors-origin", nil, "origin, such as https://app.example.com, whose pages may use the API (repeatable)")
	flags.StringArrayVar(&f.proxies, "trusted-proxy", nil, "network of proxies whose X-Forwarded headers are believed (repeatable)")
}

// apply puts the flags into the configuration of an API.
func (f *limitFlags) apply(cfg *api.Config) (err error) {
	cfg.Limits, cfg.CORSOrigins = f.limits, f.corsOrigins
	cfg.BytesPerDay = int64(f.bytesPerDay)
	if cfg.TrustedProxies, err = networks("trusted-proxy", f.proxies); err != nil {
		return err
	}
	cfg.ImportNetworks, err = networks("import-network", f.importNetworks)
	return err
}

// networks reads networks; a single address is one as well.
func networks(flag string, texts []string) ([]netip.Prefix, error) {
	var read []netip.Prefix
	for _, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			read = append(read, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("read --%s %q: %w; write it as 10.1.0.0/16", flag, text, err)}
		}
		read = append(read, network.Masked())
	}
	return read, nil
}
