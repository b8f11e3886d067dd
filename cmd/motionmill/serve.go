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
	"github.com/motionmill/motionmill/notice"
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
	cdn            store.CDNConfig
	private        privateFlags
	webhooks       webhookFlags
	reports        reportFlags
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
	cmd.Flags().StringVar(&flags.cdn.URL, "cdn-url", "", "CloudFront distribution of the outputs bucket, by which results are read; empty: S3 itself")
	cmd.Flags().StringVar(&flags.cdn.KeyID, "cdn-key-id", "", "id of the public key that the distribution trusts")
	cmd.Flags().StringVar(&flags.cdn.KeyFile, "cdn-key-file", "", "file with the private key of the pair, in PEM")
	flags.access.add(cmd)
	flags.private.add(cmd)
	flags.webhooks.add(cmd)
	flags.reports.add(cmd)
	return cmd
}

// check refuses sizes of uploads that the API cannot have, by the names of their flags.
func (f *serveFlags) check() error {
	switch {
	case f.maxBytes < 0 || f.multipartAbove < 0:
		return usageError{fmt.Errorf("read --max-upload %d, --multipart-above %d: neither can be negative", f.maxBytes, f.multipartAbove)}
	case f.partBytes != 0 && f.partBytes < store.MinPartBytes:
		return usageError{fmt.Errorf("read --part-bytes %d: S3 takes no part below %d bytes", f.partBytes, store.MinPartBytes)}
	}
	return nil
}

func runServe(cmd *cobra.Command, stageFlags *stageFlags, models *inferenceFlags, flags *serveFlags) error {
	ctx := cmd.Context()
	if err := flags.check(); err != nil {
		return err
	}
	s, err := openStage(cmd, stageFlags, &flags.private, 0)
	if err != nil {
		return err
	}
	defer s.close()
	s.seen.seesQueues(s.stage)
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		return err
	}
	notice, err := starterNotice(cmd, models)
	if err != nil {
		return err
	}
	proxy, err := objectProxy(stageFlags.stage, s.log)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(flags.listen)
	if err != nil {
		return usageError{fmt.Errorf("read --listen %q: %w", flags.listen, err)}
	}
	shop, err := openShop(s.objects, flags.cdn)
	if err != nil {
		return err
	}
	cfg := api.Config{
		Ledger: s.ledger, Queue: s.work, DeadLetters: s.deadLetter, Signer: shop, Objects: shop, Multipart: shop,
		Intake: shop, Notes: notes{s.objects, s.outputsBucket},
		UploadsBucket: s.uploadsBucket, OutputsBucket: s.outputsBucket, Profiles: profiles.Names(), DefaultProfile: pipeline.DefaultProfile,
		MaxBytes: flags.maxBytes, MultipartAbove: flags.multipartAbove, PartBytes: flags.partBytes,
		ObjectProxy: proxy, Hosts: []string{host}, Stage: s.stageFlags.stage, Version: version, StarterNotice: func() string { return notice }, Logger: s.log,
		Meter: s.seen.API(), Tracer: s.seen.tracer, Report: s.seen.counting(nil),
	}
	if err := flags.allow.apply(&cfg); err != nil {
		return err
	}
	users, err := flags.access.apply(ctx, &cfg, flags.listen, s.log)
	if users != nil {
		defer users.Close()
	}
	if err != nil {
		return err
	}
	return flags.serve(ctx, s, cfg)
}

// serve runs the API and, beside it, the webhooks.
func (f *serveFlags) serve(ctx context.Context, s *opened, cfg api.Config) error {
	report, stopReports, err := f.reports.open(s, &f.webhooks)
	if err != nil {
		return err
	}
	defer stopReports()
	cfg.Report = report
	cfg.Deliveries = undelivered{notice.Undelivered{Box: box{s.objects, s.outputsBucket}}}
	a, err := api.New(cfg)
	if err != nil {
		return usageError{err}
	}
	defer a.Close()
	stopWebhooks, err := f.webhooks.deliver(ctx, s, a.Render, report)
	if err != nil {
		return err
	}
	defer stopWebhooks()
	go a.Run(ctx)
	s.seen.began()
	return listen(ctx, f.listen, a.Handler())
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
	where := ""
	if models.modelsDir != "" {
		where = ", in " + models.modelsDir
	}
	return fmt.Sprintf("The built-in starter models are in use (%s). They have only seen rendered figures; real footage wants a pulled model%s.",
		strings.Join(starters, ", "), where), nil
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
