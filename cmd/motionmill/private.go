package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/metrics"
)

const (
	// privateListen is where a process shows itself unless told otherwise.
	privateListen = "127.0.0.1:9090"
	// privateOff is the address of a process that shows itself to nobody.
	privateOff = "off"
	// privateRemedy is what to do about a private port that cannot be had.
	privateRemedy = "stop what holds the port or give another by --listen-private; off is for none"
)

// privateFlags say where a process shows itself.
type privateFlags struct {
	listen string
}

func (f *privateFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.listen, "listen-private", privateListen,
		"address of /metrics, /healthz, /readyz and /debug/pprof, for nobody but you: HOST:PORT, port 0 for any, or off")
}

func (f *privateFlags) off() bool { return f.listen == privateOff || f.listen == "" }

// open listens on the private port. That of the default is a wish: where
// another process has it, as where two workers share a machine, any free one is
// taken and logged. One that was asked for is taken or is an error.
func (f *privateFlags) open(cmd *cobra.Command, log *slog.Logger) (net.Listener, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, usageError{fmt.Errorf("read --listen-private %q: %w; it is HOST:PORT or off", f.listen, err)}
	}
	listener, err := net.Listen("tcp", f.listen)
	if errors.Is(err, syscall.EADDRINUSE) && !cmd.Flags().Changed("listen-private") {
		if listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err == nil {
			log.Warn("the default private port is taken; set --listen-private for one that stays", "taken", f.listen, "address", listener.Addr().String())
		}
	}
	if err != nil {
		return nil, missingError{fmt.Errorf("listen on the private port %s: %w; %s", f.listen, err, privateRemedy)}
	}
	return listener, nil
}

// servePrivate serves handler on the private port until the returned function
// is called. Where the port is off there is none.
func (f *privateFlags) servePrivate(cmd *cobra.Command, handler http.Handler, log *slog.Logger) (stop func(), err error) {
	if f.off() {
		return func() {}, nil
	}
	listener, err := f.open(cmd, log)
	if err != nil {
		return nil, err
	}
	server := metrics.NewServer(handler)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serve the private port", "error", err)
		}
	}()
	log.Info("private port is open", "address", listener.Addr().String())
	return func() { _ = server.Close() }, nil // The process ends; whoever asks learns that.
}

// privatePorts are where the processes of an embedded stage show themselves.
type privatePorts struct{ api, worker string }

// String tells people where to look.
func (p privatePorts) String() string {
	if p.api == privateOff {
		return privateOff
	}
	return fmt.Sprintf("http://%s/metrics (API), http://%s/metrics (worker)", p.api, p.worker)
}

// seenAt chooses the private ports of an embedded stage: the one asked for is
// the API's, the next one the worker's. That of the default is a wish, and so
// is the next one; any free ones take their place.
func seenAt(cmd *cobra.Command, f *privateFlags) (privatePorts, error) {
	if f.off() {
		return privatePorts{privateOff, privateOff}, nil
	}
	first, err := f.open(cmd, slog.New(slog.DiscardHandler)) // The addresses are printed.
	if err != nil {
		return privatePorts{}, err
	}
	defer first.Close() // Held until the second is chosen, so that they differ.
	at := first.Addr().(*net.TCPAddr)
	second, err := net.ListenTCP("tcp", &net.TCPAddr{IP: at.IP, Port: at.Port + 1, Zone: at.Zone})
	if err != nil {
		second, err = net.ListenTCP("tcp", &net.TCPAddr{IP: at.IP, Zone: at.Zone})
	}
	if err != nil {
		return privatePorts{}, missingError{fmt.Errorf("listen on a private port for the worker: %w; %s", err, privateRemedy)}
	}
	return privatePorts{at.String(), second.Addr().String()}, second.Close()
}
