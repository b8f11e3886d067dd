package local

import (
	"os"
	"strings"
)

// Env returns the whole environment of a process that is to work against the
// stage: that of this process, without any setting of AWS tools that could
// send it elsewhere, with the stage's own settings.
func (s *Stage) Env() []string { return s.environ(os.Environ()) }

func (s *Stage) environ(inherited []string) []string {
	own := []string{
		"MOTIONMILL_STAGE=" + Name,
		"MOTIONMILL_UPLOADS_BUCKET=" + UploadsBucket,
		"MOTIONMILL_OUTPUTS_BUCKET=" + OutputsBucket,
		"MOTIONMILL_WORK_QUEUE_URL=" + s.WorkQueueURL(),
		"MOTIONMILL_IN_PROGRESS_QUEUE_URL=" + s.InProgressQueueURL(),
		"MOTIONMILL_DEAD_LETTER_QUEUE_URL=" + s.DeadLetterQueueURL(),
		"MOTIONMILL_LEDGER_TABLE=" + s.LedgerURL(),
		"MOTIONMILL_LISTEN=" + s.Address,
		"AWS_ENDPOINT_URL_S3=" + s.StoreURL(),
		"AWS_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + s.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.SecretKey,
		// The user's profiles and the machine's role are of no use here.
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		// Of a file of settings the caller has taken what counts; a child would take AWS's from it again.
		"MOTIONMILL_ENV_FILE=" + os.DevNull,
	}
	taken := map[string]bool{}
	for _, setting := range own {
		name, _, _ := strings.Cut(setting, "=")
		taken[name] = true
	}
	env := make([]string, 0, len(inherited)+len(own))
	for _, setting := range inherited {
		name, _, _ := strings.Cut(setting, "=")
		if !taken[name] && !strings.HasPrefix(name, "AWS_") {
			env = append(env, setting)
		}
	}
	return append(env, own...)
}

// CopyCommand returns a line for a shell that copies file into the uploads
// bucket with the AWS command line. The secret is not in it: the line names the
// credentials file, and a profile given so goes before any in the environment.
func (s *Stage) CopyCommand(file string) string {
	words := []string{
		"AWS_SHARED_CREDENTIALS_FILE=" + quote(s.CredentialsFile()), "aws",
		"--profile", profile, "--region", Region, "--endpoint-url", s.StoreURL(),
		"s3", "cp", quote(file), "s3://" + UploadsBucket + "/",
	}
	return strings.Join(words, " ")
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%"

// quote returns word as a POSIX shell has to be given it.
func quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
