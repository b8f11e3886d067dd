package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/api/client/wire"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// serverFlag is where the API of the stage answers.
type serverFlag struct {
	url         string
	credentials credentialFlags
}

func (f *serverFlag) add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.url, "server", "http://127.0.0.1:8080", "address of the stage's API")
	f.credentials.add(cmd)
}

func (f *serverFlag) client() (*client.Client, error) {
	token, err := f.credentials.token(f.url)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{URL: f.url, Token: token}
	if dir, err := os.UserCacheDir(); err == nil { // Without one, an upload that breaks off is begun anew.
		cfg.ResumeDir = filepath.Join(dir, "motionmill", "uploads")
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// reached gives an API that does not answer its exit status.
func reached(err error) error {
	var away *client.Unreachable
	if errors.As(err, &away) {
		return missingError{err}
	}
	return err
}

type submitFlags struct {
	profile string
	wait    bool
	out     string
}

func newSubmitCommand() *cobra.Command {
	var server serverFlag
	var flags submitFlags
	cmd := &cobra.Command{
		Use:   "submit FILE|URL…",
		Short: "Upload files to a stage, or have it fetch them from URLs; wait for their results and fetch them, if asked",
		Long: "Uploads files to a stage, or has it fetch them from URLs that anyone can open. A large upload that\n" +
			"breaks off is kept: the same command goes on with it, and sends what has not arrived.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongArgs(cmd, "1 argument or more", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			c, err := server.client()
			if err != nil {
				return err
			}
			return reached(submitAll(cmd, c, &flags, files))
		},
	}
	server.add(cmd)
	cmd.Flags().StringVar(&flags.profile, "profile", pipeline.DefaultProfile, "what to make")
	cmd.Flags().BoolVar(&flags.wait, "wait", false, "wait until every job is final")
	cmd.Flags().StringVarP(&flags.out, "out", "o", "", "folder to fetch the results to, one folder in it for each job; waits")
	return cmd
}

// submitAll uploads every file before it waits for the first, so that the
// stage works meanwhile.
func submitAll(cmd *cobra.Command, c *client.Client, flags *submitFlags, files []string) error {
	out := cmd.OutOrStdout()
	for _, file := range files { // All of them before the first is sent.
		if isURL(file) {
			continue
		}
		if err := checkFile(file); err != nil {
			return err
		}
	}
	if flags.out != "" {
		undo, err := makeFolder(flags.out, "--out")
		if err != nil {
			return err
		}
		defer undo()
	}
	uploads := make([]string, 0, len(files))
	for _, file := range files {
		send := sendFile
		if isURL(file) {
			send = sendURL
		}
		id, key, err := send(cmd, c, flags, file)
		if err != nil {
			return err
		}
		uploads = append(uploads, id)
		if wantsJSON(cmd) {
			printJSON(out, map[string]any{"file": file, "upload": id, "key": key})
		} else {
			fmt.Fprintf(out, "uploaded %s as %s\n", file, key)
		}
	}
	if !flags.wait && flags.out == "" {
		return nil
	}
	failed := 0
	for i, id := range uploads {
		ok, err := finishUpload(cmd, c, flags, files[i], id)
		if err != nil {
			return err
		}
		if !ok {
			failed++
		}
	}
	if failed > 0 {
		return statusError{fmt.Errorf("%d of %d jobs did not succeed", failed, len(files)), statusFailed}
	}
	return nil
}

func isURL(file string) bool {
	return strings.HasPrefix(file, "https://") || strings.HasPrefix(file, "http://")
}

// sendFile uploads a file and returns the upload's id and key.
func sendFile(cmd *cobra.Command, c *client.Client, flags *submitFlags, file string) (id, key string, err error) {
	meter := newMeter(wantsJSON(cmd), cmd.OutOrStdout())
	defer meter.done()
	up, err := c.UploadFile(cmd.Context(), file, flags.profile, func(done, total int64) {
		meter.report(job.Progress{Step: "upload " + filepath.Base(file), Done: done, Total: total})
	})
	return up.ID, up.Key, err
}

// sendURL has the stage fetch a video and waits until it has.
func sendURL(cmd *cobra.Command, c *client.Client, flags *submitFlags, address string) (id, key string, err error) {
	meter := newMeter(wantsJSON(cmd), cmd.OutOrStdout())
	defer meter.done()
	started, err := c.CreateImport(cmd.Context(), client.NewImport{URL: address, Profile: flags.profile})
	if err != nil {
		return "", "", err
	}
	err = c.WaitImport(cmd.Context(), started.ID, func(done, total int64) {
		meter.report(job.Progress{Step: "import " + path.Base(started.Key), Done: done, Total: total})
	})
	return started.ID, started.Key, err
}

// finishUpload waits for an upload's job and fetches its results. It reports
// whether the job succeeded.
func finishUpload(cmd *cobra.Command, c *client.Client, flags *submitFlags, file, upload string) (bool, error) {
	ctx := cmd.Context()
	id, err := c.WaitUpload(ctx, upload)
	if err != nil {
		return false, err
	}
	j, err := watchJob(cmd, c, id)
	if err != nil {
		return false, err
	}
	printOutcome(cmd, file, j)
	if j.State != wire.JobStateSucceeded || flags.out == "" {
		return j.State == wire.JobStateSucceeded, nil
	}
	dir := filepath.Join(flags.out, id)
	meter := newMeter(false, nil)
	err = c.Download(ctx, id, dir, func(done, total int64) { meter.report(job.Progress{Step: "fetch", Done: done, Total: total}) })
	meter.done()
	if err != nil {
		return false, err
	}
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), map[string]string{"job": id, "dir": dir})
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "results in %s\n", dir)
	}
	return true, nil
}

// watchJob follows a job to its final state and shows its progress.
func watchJob(cmd *cobra.Command, c *client.Client, id string) (client.Job, error) {
	meter := newMeter(wantsJSON(cmd), cmd.OutOrStdout())
	defer meter.done()
	return c.Watch(cmd.Context(), id, func(j client.Job) {
		if job.State(j.State).Final() && !wantsJSON(cmd) {
			meter.done()
			return
		}
		p := job.Progress{Step: string(j.State)}
		if now := j.Progress; j.State == wire.JobStateRunning && now.Step != "" {
			p = job.Progress{Step: now.Step, Done: now.Done, Total: now.Total, FPS: now.FPS, ETASeconds: now.ETASeconds, Fraction: now.Fraction}
		}
		meter.report(p)
	})
}

func printOutcome(cmd *cobra.Command, file string, j client.Job) {
	if wantsJSON(cmd) {
		printJSON(cmd.OutOrStdout(), j)
		return
	}
	if j.Error == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, job %s\n", file, j.State, j.ID)
		return
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, job %s: %s: %s\n", file, j.State, j.ID, j.Error.Kind, plain(j.Error.Message))
}
