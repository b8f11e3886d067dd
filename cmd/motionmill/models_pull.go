package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/pull"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// pullFlags say which models to pull, and what the user consents to.
type pullFlags struct {
	models  inferenceFlags
	all     bool
	profile string
	accept  bool
	trust   bool
	list    bool
}

func newModelsPullCommand() *cobra.Command {
	var flags pullFlags
	cmd := &cobra.Command{
		Use:   "pull NAME|FILE.yaml… | --all | --profile P | --list",
		Short: "Fetch models of the catalogue into the models folder",
		Long: "Fetches models of the catalogue into the (first) models folder, and verifies their SHA-256.\n" +
			"A FILE.yaml is a manifest of your own with a source: the URL of the model or of an archive (.zip, .whl, .jar, .tgz, .tar.gz),\n" +
			"with the file in it after a # where there are several models.\n" +
			"A transfer that broke off goes on where it ended when the command is repeated.",
		RunE: func(cmd *cobra.Command, names []string) error {
			return pullModels(cmd, &flags, names)
		},
	}
	flags.models.addFolder(cmd)
	cmd.Flags().BoolVar(&flags.all, "all", false, "pull all models that the other flags allow")
	cmd.Flags().StringVar(&flags.profile, "profile", "", "pull the best model for each task of a profile")
	cmd.Flags().BoolVar(&flags.accept, "accept-license", false, "accept licences that bind whoever uses the model, such as the AGPL")
	cmd.Flags().BoolVar(&flags.trust, "trust-first", false, "take files whose SHA-256 is not known, and pin what comes")
	cmd.Flags().BoolVar(&flags.list, "list", false, "list what can be pulled")
	return cmd
}

func pullModels(cmd *cobra.Command, flags *pullFlags, names []string) error {
	offers, err := pull.Offers()
	if err != nil {
		return err
	}
	if flags.list {
		return printOffers(cmd, offers)
	}
	chosen, err := flags.choose(cmd.OutOrStdout(), offers, names)
	if err != nil {
		return err
	}
	folders := filepath.SplitList(flags.models.modelsDir)
	if len(folders) == 0 {
		return usageError{errors.New("pull models: name the models folder by --models-dir")}
	}
	for _, o := range chosen {
		if err := pullOne(cmd, flags, o, folders[0]); err != nil {
			return err
		}
	}
	return nil
}

// choose finds the offers that the arguments ask for.
func (f *pullFlags) choose(out io.Writer, offers []pull.Offer, names []string) (chosen []pull.Offer, err error) {
	if preset, ok := os.LookupEnv(variable("profile")); ok && preset == f.profile && (f.all || len(names) > 0) {
		f.profile = "" // What other commands are to make; here something else is asked for.
	}
	asked := 0
	for _, given := range []bool{len(names) > 0, f.all, f.profile != ""} {
		if given {
			asked++
		}
	}
	if asked != 1 {
		return nil, usageError{errors.New("pull models: give names, --all or --profile, one of them; --list shows what there is")}
	}
	switch {
	case f.all:
		for _, o := range offers {
			if lack := f.lacks(o); lack != "" {
				fmt.Fprintf(out, "left out  %s (%s): it needs %s\n", o.Name, o.Licence, lack)
				continue
			}
			chosen = append(chosen, o)
		}
		return chosen, nil
	case f.profile != "":
		return f.forProfile(offers)
	}
	for _, name := range names {
		o, err := findOffer(offers, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, o)
	}
	return chosen, nil
}

// findOffer returns the catalogue's offer of a name, or that of a manifest.
func findOffer(offers []pull.Offer, name string) (pull.Offer, error) {
	if filepath.Ext(name) == ".yaml" {
		return pull.ReadOffer(name)
	}
	return pull.FindOffer(offers, name)
}

// lacks names the flags without which an offer cannot be pulled.
func (f *pullFlags) lacks(o pull.Offer) string {
	switch {
	case o.AsksConsent() && !f.accept:
		return "--accept-license"
	case !o.Known && !f.trust:
		return "--trust-first"
	}
	return ""
}

// forProfile finds the models that a profile names, and for its other tasks the
// best that the flags allow.
func (f *pullFlags) forProfile(offers []pull.Offer) (chosen []pull.Offer, err error) {
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		return nil, err
	}
	profile, err := profiles.Find(f.profile)
	if err != nil {
		return nil, usageError{err}
	}
	tasks := profile.Tasks()
	for i := 0; i < len(tasks); i++ {
		o, err := f.best(offers, tasks[i], profile.Models[tasks[i]])
		if err != nil {
			return nil, err
		}
		if (models.Model{Manifest: o.Manifest}).NeedsBoxes() {
			tasks = append(tasks, models.TaskDetect)
		}
		chosen = append(chosen, o)
	}
	return chosen, nil
}

func (f *pullFlags) best(offers []pull.Offer, task, name string) (best pull.Offer, err error) {
	if name != "" {
		return pull.FindOffer(offers, name)
	}
	found, hint := false, ""
	for _, o := range offers {
		if !(models.Model{Manifest: o.Manifest}).Serves(task) {
			continue
		}
		if lack := f.lacks(o); lack != "" {
			hint += fmt.Sprintf(" %s (%s) with %s;", o.Name, o.Licence, lack)
			continue
		}
		if !found || o.Rank > best.Rank {
			best, found = o, true
		}
	}
	if !found {
		return best, job.Fail(job.ModelMissing, "pull a model for", task, "none can be had just so:"+hint+" nothing was pulled",
			"Add the flag, or name other models", nil)
	}
	return best, nil
}

func pullOne(cmd *cobra.Command, flags *pullFlags, o pull.Offer, dir string) error {
	out := cmd.OutOrStdout()
	if !wantsJSON(cmd) {
		fmt.Fprintf(out, "pull      %s for %s, licence %s, from %s\n", o.Name, o.Task, o.Licence, o.Source)
	}
	meter := newMeter(wantsJSON(cmd), out)
	done, err := pull.Pull(cmd.Context(), o, pull.Config{
		Dir: dir, AcceptLicence: flags.accept, TrustFirst: flags.trust,
		Report: func(done, total int64) {
			meter.report(job.Progress{Step: "pull " + o.Name, Done: done, Total: total, ETASeconds: -1})
		},
	})
	meter.done()
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		printJSON(out, map[string]any{
			"name": o.Name, "licence": o.Licence, "path": done.Path, "sha256": done.SHA256, "fetched": done.Fetched, "pinned": !o.Known,
		})
		return nil
	}
	word := "there     "
	if done.Fetched {
		word = "installed "
	}
	note := ""
	if !o.Known {
		note = " (trusted as it came, and pinned)"
	}
	fmt.Fprintf(out, "%s%s, sha256 %s%s\n", word, done.Path, done.SHA256, note)
	return nil
}

func printOffers(cmd *cobra.Command, offers []pull.Offer) error {
	if wantsJSON(cmd) {
		for _, o := range offers {
			printJSON(cmd.OutOrStdout(), map[string]any{
				"name": o.Name, "task": o.Task, "family": o.Family, "rank": o.Rank, "licence": o.Licence, "source": o.Source, "sha256": o.SHA256,
			})
		}
		return nil
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTASK\tFAMILY\tRANK\tLICENCE\tNEEDS\tSOURCE")
	for _, o := range offers {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", o.Name, o.Task, o.Family, o.Rank, o.Licence, (&pullFlags{}).lacks(o), o.Source)
	}
	return table.Flush()
}
