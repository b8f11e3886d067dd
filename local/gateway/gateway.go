// Package gateway is the object store of the embedded stage: versitygw as a
// library, with what a job source needs beyond it.
//
// It is a real S3 server on loopback: signatures, expiring presigned URLs,
// multipart uploads on disk. On top of it, the package
//
//   - refuses uploads that end before their declared length, which the library
//     would publish;
//   - tells of every object in the uploads bucket before the upload is
//     answered, in the words of an S3 event notification, and takes a new
//     object back when it could not tell of it;
//   - looks, when it starts, for objects that nobody was told of;
//   - refuses keys that a file system would turn into other keys;
//   - reads what a refused client is still sending, so that it hears why.
//
// Run is to be called once, in a process of its own: the library changes the
// working directory and keeps state in its packages.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"

	"github.com/motionmill/motionmill/job"
)

// HealthPath answers 200 to GET, unsigned, while the server is up.
const HealthPath = "/healthz"

// Config says what to serve and whom to tell.
type Config struct {
	// Dir is the folder that holds everything; it is created when absent.
	Dir string
	// Listen is host:port; the port 0 takes a free one. Default 127.0.0.1:7070.
	Listen string
	// AccessKey and SecretKey are the only credentials; both are required.
	AccessKey, SecretKey string
	// Region is the region that requests are signed for. Default us-east-1.
	Region string
	// Buckets are created when absent.
	Buckets []string
	// UploadsBucket is the one whose new objects are told of.
	UploadsBucket string
	// Notify is told of each new object, before its upload is answered, with
	// the bytes of an S3 event notification and with what they say. It must
	// have made them durable when it returns nil. The same object may be told
	// of more than once, always with the same source.
	Notify func(ctx context.Context, body []byte, src job.Source) error
	// Known tells whether an object needs no telling any more. It is asked in the scan.
	Known func(ctx context.Context, src job.Source) (bool, error)
	// RescanAfter is how long an object whose telling failed waits, at most,
	// for the next scan. Default 10 s.
	RescanAfter time.Duration
	// Logger takes the messages of this package and of the library. Required.
	Logger *slog.Logger
	// Ready, when set, is called once with the address when requests are answered.
	Ready func(addr string)
}

// outputsPrefix is where results lie; objects under it are never sources.
const outputsPrefix = "outputs/"

func (cfg *Config) complete() error {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:7070"
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.RescanAfter == 0 {
		cfg.RescanAfter = 10 * time.Second
	}
	missing := ""
	switch {
	case cfg.Dir == "":
		missing = "Dir"
	case cfg.AccessKey == "" || cfg.SecretKey == "":
		missing = "AccessKey and SecretKey"
	case cfg.UploadsBucket == "":
		missing = "UploadsBucket"
	case cfg.Notify == nil || cfg.Known == nil:
		missing = "Notify and Known"
	case cfg.Logger == nil:
		missing = "Logger"
	}
	if missing != "" {
		return job.Fail(job.Internal, "start object store", "", missing+" must be set", "", nil)
	}
	return nil
}

// Run serves until ctx is done and then shuts down: uploads in flight have
// ten seconds to end. It changes the working directory and, while it runs,
// sends what is written to os.Stderr to the logger, since the library writes
// its errors there.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	addr, err := freeAddress(cfg.Listen)
	if err != nil {
		return err
	}
	restore, err := captureStderr(cfg.Logger)
	if err != nil {
		return job.Fail(job.Internal, "start object store", "", "", "", err)
	}
	defer restore()
	objects, err := openObjects(ctx, cfg)
	if err != nil {
		return err
	}
	defer objects.Shutdown()
	serving := make(chan struct{})
	server, err := newServer(objects, func() { close(serving) })
	if err != nil {
		return job.Fail(job.Internal, "start object store", addr, "", "", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeMultiPort([]string{addr}) }()
	select {
	case err := <-ended:
		return listening(addr, err)
	case <-serving:
	}
	if err := awaitHealth(ctx, addr); err == nil {
		if cfg.Ready != nil {
			cfg.Ready(addr)
		}
		err = objects.watch(ctx, ended)
		if err != nil {
			return listening(addr, err)
		}
	}
	return stop(server, ended, addr)
}

// stop shuts the server down and waits for it. ctx has ended, or the server
// never answered.
func stop(server *s3api.S3ApiServer, ended <-chan error, addr string) error {
	if err := server.ShutDown(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return job.Fail(job.Internal, "stop object store", addr, "", "", err)
	}
	select {
	case <-ended: //nolint:errcheck // It says that the listener was closed, which was us.
	case <-time.After(2 * time.Second): // A connection that outlived the grace; the process ends it.
	}
	return nil
}

func newServer(objects *objects, serving func()) (*s3api.S3ApiServer, error) {
	cfg := objects.cfg
	account := auth.Account{Access: cfg.AccessKey, Secret: cfg.SecretKey, Role: auth.RoleAdmin}
	return s3api.New(objects, middlewares.RootUserConfig{Access: cfg.AccessKey, Secret: cfg.SecretKey}, cfg.Region,
		auth.NewIAMServiceSingle(account), nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithHealth(HealthPath),
		s3api.WithConcurrencyLimiter(1024, 512), // Without limits it refuses every request.
		s3api.WithMiddleware("/", drain), s3api.WithMiddleware("/", objects.nameRegion), s3api.WithMiddleware("/", objects.refuseKeys),
		s3api.WithOnListen(serving))
}

// freeAddress makes sure that the address can be had, and puts a free port in
// the place of 0, which the server would not tell.
func freeAddress(listen string) (string, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return "", listening(listen, err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", listening(listen, err)
	}
	return addr, nil
}

func listening(addr string, err error) error {
	const op = "listen for the object store on"
	if errors.Is(err, syscall.EADDRINUSE) {
		return job.Fail(job.Internal, op, addr, "another program holds the port",
			"Stop it (it may be another Motionmill), or choose another port.", err)
	}
	return job.Fail(job.Internal, op, addr, "", "Check the address.", err)
}

// awaitHealth returns when the server answers, or with ctx's error.
func awaitHealth(ctx context.Context, addr string) error {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		answer, err := client.Get("http://" + addr + HealthPath)
		if err == nil {
			_ = answer.Body.Close() // It was empty.
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
	}
}

// folders makes the folders under dir and returns that of the buckets and,
// where the file system keeps no user attributes, that of their attributes.
func folders(dir string) (buckets, attributes string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	buckets, attributes = filepath.Join(dir, "buckets"), filepath.Join(dir, "attributes")
	if err := os.MkdirAll(buckets, 0o755); err != nil {
		return "", "", err
	}
	// Once attributes lie beside the objects they stay there.
	if _, err := os.Stat(attributes); err == nil {
		return buckets, attributes, nil
	}
	if keepsAttributes(buckets) {
		return buckets, "", nil
	}
	return buckets, attributes, os.MkdirAll(attributes, 0o755)
}
