package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/local/gateway"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// objectsPrefix is where the API serves the embedded object store, so that the
// page and the store have one origin.
const objectsPrefix = "/s3"

type serveFlags struct {
	listen         string
	maxBytes       int64
	multipartAbove int64
	partBytes      int64
	allow          limitFlags
	access         accessFlags
}

func newServeCommand() *cobra.Command {
	var stage stageFlags
	var models inferenceFlags
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the API and the page of a stage",
		Args:  exactArgs(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runServe(cmd, &stage, &models, &flags) },
	}
	stage.add(cmd)
	models.addFolder(cmd)
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "address to listen on")
	cmd.Flags().Int64Var(&flags.maxBytes, "max-upload", 8<<30, "largest upload, in bytes")
	cmd.Flags().Int64Var(&flags.multipartAbove, "multipart-above", 64<<20, "size above which an upload is sent in parts, in bytes")
	cmd.Flags().Int64Var(&flags.partBytes, "part-bytes", 16<<20, "size of a part, in bytes")
	flags.allow.add(cmd)
	flags.access.add(cmd)
	return cmd
}

func runServe(cmd *cobra.Command, stageFlags *stageFlags, models *inferenceFlags, flags *serveFlags) error {
	ctx := cmd.Context()
	log, err := newLogger(cmd, slog.LevelInfo)
	if err != nil {
		return err
	}
	s, err := stageFlags.open(ctx, log)
	if err != nil {
		return err
	}
	defer s.close()
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return missingError{err}
	}
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		return err
	}
	notice, err := starterNotice(cmd, models)
	if err != nil {
		return err
	}
	proxy, err := objectProxy(stageFlags.stage, log)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(flags.listen)
	if err != nil {
		return usageError{fmt.Errorf("read --listen %q: %w", flags.listen, err)}
	}
	shop := shop{objects}
	cfg := api.Config{
		Ledger: s.ledger, Queue: s.work, DeadLetters: s.deadLetter, Signer: shop, Objects: shop, Multipart: shop,
		Intake: shop, Notes: notes{objects, s.outputsBucket},
		UploadsBucket: s.uploadsBucket, OutputsBucket: s.outputsBucket, Profiles: profiles.Names(), DefaultProfile: pipeline.DefaultProfile,
		MaxBytes: flags.maxBytes, MultipartAbove: flags.multipartAbove, PartBytes: flags.partBytes,
		ObjectProxy: proxy, Hosts: []string{host}, Stage: s.stage, Version: version, StarterNotice: func() string { return notice }, Logger: log,
	}
	if err := flags.allow.apply(&cfg); err != nil {
		return err
	}
	users, err := flags.access.apply(ctx, &cfg, flags.listen, log)
	if users != nil {
		defer users.Close()
	}
	if err != nil {
		return err
	}
	a, err := api.New(cfg)
	if err != nil {
		return usageError{err}
	}
	defer a.Close()
	go a.Run(ctx)
	return listen(ctx, flags.listen, a.Handler())
}

// objectProxy serves the embedded store; elsewhere clients reach S3 itself.
func objectProxy(stage string, log *slog.Logger) (http.Handler, error) {
	if stage != local.Name {
		return nil, nil
	}
	proxy, err := gateway.NewProxy(gateway.ProxyConfig{Target: os.Getenv("AWS_ENDPOINT_URL_S3"), Prefix: objectsPrefix, Logger: log})
	if err != nil {
		return nil, usageError{err}
	}
	return proxy, nil
}

// starterNotice is what the page says of the models that jobs will use.
func starterNotice(cmd *cobra.Command, models *inferenceFlags) (string, error) {
	catalogue, err := models.catalogue(cmd)
	if err != nil {
		return "", err
	}
	var starters []string
	for _, task := range []string{"pose", "matte"} {
		if m, ok := catalogue.Best(task); ok && m.Note != "" {
			starters = append(starters, m.Name)
		}
	}
	if len(starters) == 0 {
		return "", nil
	}
	return fmt.Sprintf("The built-in starter models are in use (%s). They have only seen rendered figures; real footage wants a pulled model, in %s.",
		strings.Join(starters, ", "), models.modelsDir), nil
}

// listen serves until ctx ends, then lets requests finish for a while.
func listen(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return missingError{fmt.Errorf("listen on %s: %w; stop what holds the port or give another by --listen", address, err)}
	}
	server := api.NewServer(address, handler)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", address, err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(limit); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the server on %s: %w", address, err)
	}
	return server.Close()
}
