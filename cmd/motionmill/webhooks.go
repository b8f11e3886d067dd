package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/outward"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/notice"
	"github.com/motionmill/motionmill/worker"
)

// webhookFlags say where final states of jobs are told. A worker only needs to
// know whether that is anywhere: the API delivers.
type webhookFlags struct {
	urls       []string
	secrets    []string
	secretFile string
	networks   []string
}

func (f *webhookFlags) addURL(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.urls, "webhook-url", nil, "address that is told of every job that has ended (repeatable); the same for serve and work")
}

func (f *webhookFlags) add(cmd *cobra.Command) {
	f.addURL(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.secrets, "webhook-secret", nil, "secret of 16 bytes or more that signs webhooks; several while one is replaced (repeatable; give it by the environment)")
	flags.StringVar(&f.secretFile, "webhook-secret-file", "", "file with such secrets, one a line, that nobody else can read")
	flags.StringArrayVar(&f.networks, "webhook-network", nil, "network, such as 10.1.0.0/16, that webhooks may go to though it is not public (repeatable)")
}

// wanted tells whether there are any. A variable that is set to nothing is none.
func (f *webhookFlags) wanted() bool {
	for _, list := range []*[]string{&f.urls, &f.secrets, &f.networks} {
		*list = slices.DeleteFunc(*list, func(s string) bool { return strings.TrimSpace(s) == "" })
	}
	return len(f.urls) > 0
}

// runner has the final states of a worker's jobs left for the webhooks, where
// there are any.
func (f *webhookFlags) runner(r worker.Runner, s *opened) worker.Runner {
	if !f.wanted() {
		return r
	}
	return announcer{r, box{s.objects, s.outputsBucket}}
}

// allSecrets are those of the flag and of the file.
func (f *webhookFlags) allSecrets() ([][]byte, error) {
	var all [][]byte
	for _, secret := range f.secrets {
		all = append(all, []byte(secret))
	}
	if f.secretFile != "" {
		text, err := readSecret("webhook-secret-file", f.secretFile)
		if err != nil {
			return nil, err
		}
		all = append(all, bytes.Fields(text)...)
	}
	return all, nil
}

// endpoints reads the addresses and makes what reaches those and nothing that
// is not public, unless it is allowed.
func (f *webhookFlags) endpoints() ([]notice.Endpoint, *outward.Guard, error) {
	allowed, err := networks("webhook-network", f.networks)
	if err != nil {
		return nil, nil, err
	}
	var all []notice.Endpoint
	ports := []uint16{80, 443}
	for i, address := range f.urls {
		e, err := notice.NewEndpoint(address)
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("read --webhook-url, number %d: %w", i+1, err)}
		}
		if port, err := strconv.ParseUint(e.URL.Port(), 10, 16); err == nil {
			ports = append(ports, uint16(port))
		}
		if e.URL.Scheme != "https" && len(allowed) == 0 {
			return nil, nil, usageError{fmt.Errorf("read --webhook-url, number %d: it is not https; within a network of your own, name that by --webhook-network", i+1)}
		}
		all = append(all, e)
	}
	guard := outward.New(outward.Config{Networks: allowed, Ports: ports})
	for i, e := range all {
		if err := guard.CheckURL(e.URL); err != nil {
			return nil, nil, usageError{fmt.Errorf("read --webhook-url, number %d: %w; for a network of your own, name it by --webhook-network", i+1, withoutRemedy(err))}
		}
	}
	return all, guard, nil
}

// withoutRemedy leaves out what to do about an error of another setting.
func withoutRemedy(err error) error {
	var typed *job.Error
	if !errors.As(err, &typed) {
		return err
	}
	told := *typed
	told.Op, told.Remedy = "", ""
	return &told
}

// deliver delivers webhooks until the returned function is called.
func (f *webhookFlags) deliver(
	ctx context.Context, s *opened, render func(context.Context, job.Record) ([]byte, error), report func(job.Report),
) (stop func(), err error) {
	if !f.wanted() {
		return func() {}, nil
	}
	endpoints, guard, err := f.endpoints()
	if err != nil {
		return nil, err
	}
	secrets, err := f.allSecrets()
	if err != nil {
		return nil, err
	}
	d, err := notice.New(notice.Config{
		Box: box{s.objects, s.outputsBucket}, Endpoints: endpoints, Secrets: secrets, Client: guard.Client(), Render: render,
		Tried: func(outcome string) { s.seen.Notified("webhook", outcome) }, Report: report, Logger: s.log,
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("webhooks: %w; set %s", err, variable("webhook-secret"))}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}, nil
}
