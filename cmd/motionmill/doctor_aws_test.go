package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// fakeAWS answers what doctor asks as a stage does that is all right, save for
// the calls whose answers a test replaces.
type fakeAWS struct {
	wrong map[string]fakeAnswer // By the call: "sqs:GetQueueAttributes".
	ahead time.Duration         // How far its clock is ahead.
}

// fakeAnswer is an error of a service, or with status 200 another answer.
type fakeAnswer struct {
	status     int
	code, text string
	region     string // What S3 says the bucket's region is.
}

const fakeAttributes = `{"Attributes":{"QueueArn":"arn:aws:sqs:eu-central-1:1:work","VisibilityTimeout":"60","MessageRetentionPeriod":"1209600",
	"ReceiveMessageWaitTimeSeconds":"20","ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"2","ApproximateNumberOfMessagesDelayed":"1"%s}}`

const fakeTable = `{"Table":{"TableName":"records","KeySchema":[{"AttributeName":"%s","KeyType":"HASH"}],"AttributeDefinitions":[
	{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"list_all","AttributeType":"S"},{"AttributeName":"list_at","AttributeType":"S"},
	{"AttributeName":"state","AttributeType":"S"},{"AttributeName":"list_owner","AttributeType":"S"}],"GlobalSecondaryIndexes":[%s]}}`

const fakeIndex = `{"IndexName":"%s","KeySchema":[{"AttributeName":"%s","KeyType":"HASH"},{"AttributeName":"list_at","KeyType":"RANGE"}],
	"Projection":{"ProjectionType":"ALL"}}`

const fakeNotification = `<NotificationConfiguration><QueueConfiguration><Queue>%s</Queue><Event>s3:ObjectCreated:*</Event>%s</QueueConfiguration></NotificationConfiguration>`

const uploadsFilter = `<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>uploads/</Value></FilterRule></S3Key></Filter>`

func allIndexes() string {
	return fmt.Sprintf(fakeIndex, "by_created", "list_all") + "," + fmt.Sprintf(fakeIndex, "by_state", "state") + "," + fmt.Sprintf(fakeIndex, "by_owner", "list_owner")
}

// wellFormed are the answers of a stage that is all right.
func wellFormed() map[string]string {
	return map[string]string{
		"sts:GetCallerIdentity": `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/deploy</Arn><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		"s3:HeadBucket":         "", "s3:GetBucketVersioning": `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`,
		"s3:GetBucketNotification":    fmt.Sprintf(fakeNotification, "arn:aws:sqs:eu-central-1:1:work", uploadsFilter),
		"sqs:GetQueueAttributes":      fmt.Sprintf(fakeAttributes, ""),
		"dynamodb:DescribeTable":      fmt.Sprintf(fakeTable, "pk", allIndexes()),
		"dynamodb:DescribeTimeToLive": `{"TimeToLiveDescription":{"AttributeName":"expires_at","TimeToLiveStatus":"ENABLED"}}`,
	}
}

// callOf tells what a request asks for.
func callOf(r *http.Request) string {
	service, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	query := r.URL.Query()
	switch {
	case found && service == "AmazonSQS":
		return "sqs:" + operation
	case found:
		return "dynamodb:" + operation
	case r.Method == http.MethodPost:
		return "sts:GetCallerIdentity"
	case query.Has("versioning"):
		return "s3:GetBucketVersioning"
	case query.Has("notification"):
		return "s3:GetBucketNotification"
	default:
		return "s3:HeadBucket"
	}
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := callOf(r)
	w.Header().Set("Date", time.Now().Add(f.ahead).UTC().Format(http.TimeFormat))
	a, replaced := f.wrong[call]
	body := a.text
	switch service, _, _ := strings.Cut(call, ":"); {
	case !replaced:
		a.status, body = http.StatusOK, wellFormed()[call]
	case a.status == http.StatusOK:
	case service == "sts":
		body = fmt.Sprintf("<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", a.code, a.text)
	case service == "s3":
		body = fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", a.code, a.text)
	default:
		body = fmt.Sprintf(`{"__type":"com.amazonaws#%s","message":%q}`, a.code, a.text)
	}
	if a.region != "" {
		w.Header().Set("X-Amz-Bucket-Region", a.region)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(body))))
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, body)
}

// stageSettings are of a stage on AWS whose servers are at url, and who asks.
func stageSettings(t *testing.T, url string) []string {
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
	} {
		t.Setenv(name, value)
	}
	return []string{
		"--stage=prod", "--uploads-bucket=up", "--outputs-bucket=out", "--work-queue-url=https://sqs.eu-central-1.amazonaws.com/1/work",
		"--in-progress-queue-url=https://sqs.eu-central-1.amazonaws.com/1/in-progress", "--dead-letter-queue-url=https://sqs.eu-central-1.amazonaws.com/1/dead",
		"--ledger-table=records",
	}
}

// lookAtStage runs the checks of a stage, and returns what is printed, by the
// name of the check, and the status.
func lookAtStage(t *testing.T, args ...string) (lines map[string]string, all string, status int) {
	t.Helper()
	var stage stageDoctor
	var out bytes.Buffer
	cmd := &cobra.Command{
		Use: "doctor", SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return runChecks(cmd, stage.checks()) },
	}
	cmd.Flags().Bool("json", true, "")
	stage.add(cmd)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	status = exitStatus(t.Context(), cmd.ExecuteContext(t.Context()))
	lines = map[string]string{}
	for line := range strings.Lines(out.String()) {
		var found struct{ Check, Found, Error, Mend string }
		if err := json.Unmarshal([]byte(line), &found); err != nil {
			t.Fatal(err)
		}
		lines[found.Check] = found.Found
		if found.Error != "" {
			lines[found.Check] = "MISSING " + found.Error + " >> " + found.Mend
		}
	}
	return lines, out.String(), status
}

func TestDoctorOfAStageThatIsAllRight(t *testing.T) {
	server := httptest.NewServer(&fakeAWS{})
	defer server.Close()
	lines, all, status := lookAtStage(t, stageSettings(t, server.URL)...)
	if status != statusDone || strings.Contains(all, "MISSING") {
		t.Errorf("status %d:\n%s", status, all)
	}
	for name, want := range map[string]string{
		"stage": "prod, on AWS", "identity": "arn:aws:iam::1:user/deploy, account 1, region eu-central-1", "clock": "within 30s",
		"uploads": "s3://up; keeps versions; notifies arn:aws:sqs:eu-central-1:1:work of uploads/*", "outputs": "s3://out",
		"work queue": "3 visible, 2 hidden, 1 delayed; hides for 1m0s, keeps for 14 days", "ledger": "table records",
	} {
		if !strings.Contains(lines[name], want) {
			t.Errorf("%s: %q, want %q in it", name, lines[name], want)
		}
	}
}

// TestDoctorOfAStageThatIsNot has one thing wrong at a time.
func TestDoctorOfAStageThatIsNot(t *testing.T) {
	denied := fakeAnswer{status: 403, code: "AccessDenied", text: "User: arn:aws:iam::1:user/deploy is not authorized"}
	silent := fakeAnswer{status: 403}
	attributes := func(was, is string) fakeAnswer {
		return fakeAnswer{status: 200, text: strings.Replace(fmt.Sprintf(fakeAttributes, ""), was, is, 1)}
	}
	notified := func(arn, filter string) fakeAnswer {
		return fakeAnswer{status: 200, text: fmt.Sprintf(fakeNotification, arn, filter)}
	}
	const ours = "arn:aws:sqs:eu-central-1:1:work"
	for _, c := range []struct {
		name, call string
		answer     fakeAnswer
		check      string
		want       []string
	}{
		{"an expired token", "sts:GetCallerIdentity", fakeAnswer{status: 403, code: "ExpiredToken"}, "identity", []string{"sts:GetCallerIdentity", "not accepted", ">> Renew"}},
		{"no leave to a bucket", "s3:HeadBucket", silent, "outputs", []string{"look at bucket out", "s3:ListBucket: access is denied", ">> Allow s3:ListBucket"}},
		{"no bucket", "s3:HeadBucket", fakeAnswer{status: 404}, "uploads", []string{"bucket up", "s3:ListBucket: the bucket does not exist", ">> Create it"}},
		{"a bucket elsewhere", "s3:HeadBucket", fakeAnswer{status: 301, region: "us-west-2"}, "uploads", []string{"bucket is in us-west-2", "set to eu-central-1", ">> Set AWS_REGION to us-west-2"}},
		{"another queue's notification", "s3:GetBucketNotification", notified("arn:aws:sqs:eu-central-1:1:other", uploadsFilter), "uploads", []string{"notifies no queue of this stage", ">> Apply the terraform"}},
		{"no prefix", "s3:GetBucketNotification", notified(ours, ""), "uploads", []string{"no prefix", "uploads/"}},
		{"a prefix of something else", "s3:GetBucketNotification", notified(ours, strings.Replace(uploadsFilter, "uploads/", "films/", 1)), "uploads", []string{`prefix "films/"`}},
		{"no leave to a queue", "sqs:GetQueueAttributes", denied, "work queue", []string{"/1/work", "user/deploy", "sqs:GetQueueAttributes: access is denied", ">> Allow sqs:GetQueueAttributes"}},
		{"no queue", "sqs:GetQueueAttributes", fakeAnswer{status: 400, code: "QueueDoesNotExist"}, "dead-letter", []string{"/1/dead", "sqs:GetQueueAttributes: the queue does not exist", ">> Check its URL"}},
		{"a short memory", "sqs:GetQueueAttributes", attributes("1209600", "345600"), "dead-letter", []string{"keeps messages for 96h0m0s", `>> aws sqs set-queue-attributes --queue-url 'https://sqs.eu-central-1.amazonaws.com/1/dead' --attributes '{"MessageRetentionPeriod":"1209600"}'`}},
		{"a redrive policy", "sqs:GetQueueAttributes", attributes(`"VisibilityTimeout"`, `"RedrivePolicy":"{}","VisibilityTimeout"`), "in-progress", []string{"redrive policy", `{"RedrivePolicy":""}`}},
		{"messages that come back soon", "sqs:GetQueueAttributes", attributes(`"60"`, `"30"`), "work queue", []string{"hides messages for 30s", "lease of 1m0s", `{"VisibilityTimeout":"60"}`}},
		{"no leave to the table", "dynamodb:DescribeTable", fakeAnswer{status: 400, code: "AccessDeniedException", text: "User: arn:aws:iam::1:user/deploy"}, "ledger", []string{"dynamodb:DescribeTable on table records is denied", "user/deploy", ">> Allow dynamodb:DescribeTable"}},
		{"no table", "dynamodb:DescribeTable", fakeAnswer{status: 400, code: "ResourceNotFoundException"}, "ledger", []string{"dynamodb:DescribeTable: there is no table records", ">> Create it"}},
		{"a table of another shape", "dynamodb:DescribeTable", fakeAnswer{status: 200, text: fmt.Sprintf(fakeTable, "id", allIndexes())}, "ledger", []string{"its key is id", "not pk (S)", ">> Apply the terraform"}},
		{"a table without indexes", "dynamodb:DescribeTable", fakeAnswer{status: 200, text: fmt.Sprintf(fakeTable, "pk", "")}, "ledger", []string{"index by_created is missing", "index by_state is missing"}},
		{"records that stay", "dynamodb:DescribeTimeToLive", fakeAnswer{status: 200, text: "{}"}, "ledger", []string{"TTL by expires_at is not on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(&fakeAWS{wrong: map[string]fakeAnswer{c.call: c.answer}})
			defer server.Close()
			lines, all, status := lookAtStage(t, stageSettings(t, server.URL)...)
			if status != statusMissing {
				t.Errorf("status %d:\n%s", status, all)
			}
			for _, want := range append(c.want, "MISSING") {
				if !strings.Contains(lines[c.check], want) {
					t.Errorf("%s: %q, want %q in it", c.check, lines[c.check], want)
				}
			}
		})
	}
}

// TestDoctorPassesOverWhatItMayNotRead: workers have no leave to ask for these.
func TestDoctorPassesOverWhatItMayNotRead(t *testing.T) {
	denied := fakeAnswer{status: 403, code: "AccessDenied"}
	server := httptest.NewServer(&fakeAWS{wrong: map[string]fakeAnswer{"s3:GetBucketVersioning": denied, "s3:GetBucketNotification": denied}})
	defer server.Close()
	lines, all, status := lookAtStage(t, stageSettings(t, server.URL)...)
	for _, want := range []string{"s3:GetBucketVersioning", "s3:GetBucketNotification"} {
		if status != statusDone || !strings.Contains(lines["uploads"], want) {
			t.Errorf("status %d:\n%s", status, all)
		}
	}
}

func TestDoctorComparesTheClocks(t *testing.T) {
	for ahead, want := range map[time.Duration]string{-time.Hour: "ahead of the object store's", 7 * time.Minute: "behind the object store's", 20 * time.Second: "within"} {
		server := httptest.NewServer(&fakeAWS{ahead: ahead, wrong: map[string]fakeAnswer{"s3:HeadBucket": {status: 403}}})
		lines, _, _ := lookAtStage(t, stageSettings(t, server.URL)...)
		server.Close()
		if got := lines["clock"]; !strings.Contains(got, want) || strings.Contains(got, "timedatectl") != (ahead.Abs() > clockMargin) {
			t.Errorf("of a server that is %s ahead it says %q", ahead, got)
		}
		if got := lines["outputs"]; ahead.Abs() > time.Minute && !strings.Contains(got, "the clock of this machine is") {
			t.Errorf("the refusal of a server that is %s ahead is told as %q", ahead, got)
		}
	}
}

func TestDoctorWithoutCredentials(t *testing.T) {
	server := httptest.NewServer(&fakeAWS{})
	defer server.Close()
	args := stageSettings(t, server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	lines, _, status := lookAtStage(t, args...)
	for name, call := range map[string]string{
		"identity": "sts:GetCallerIdentity", "uploads": "s3:ListBucket", "outputs": "s3:ListBucket", "work queue": "sqs:GetQueueAttributes",
		"in-progress": "sqs:GetQueueAttributes", "dead-letter": "sqs:GetQueueAttributes", "ledger": "dynamodb:DescribeTable",
	} {
		if got := lines[name]; status != statusMissing || !strings.Contains(got, "there are no credentials to sign") || !strings.Contains(got, call) || !strings.Contains(got, "AWS_PROFILE") {
			t.Errorf("%s (status %d): %q", name, status, got)
		}
	}
}

func TestDoctorOfServersThatAreAway(t *testing.T) {
	server := httptest.NewServer(&fakeAWS{})
	server.Close()
	lines, _, status := lookAtStage(t, stageSettings(t, server.URL)...)
	for name, want := range map[string]string{
		"uploads": "s3:ListBucket: the object store did not answer", "work queue": "sqs:GetQueueAttributes: there was no answer",
		"ledger": "DynamoDB did not answer dynamodb:DescribeTable on table records",
	} {
		if got := lines[name]; status != statusMissing || !strings.Contains(got, want) || !strings.Contains(got, "AWS_REGION") {
			t.Errorf("%s (status %d): %q", name, status, got)
		}
	}
	if !strings.Contains(lines["identity"], "not known, since sts:GetCallerIdentity was not answered") {
		t.Errorf("identity: %q", lines["identity"])
	}
}

// TestDoctorTellsNobodyElse: credentials meant for a server that stands in for
// SQS do not go to the real STS.
func TestDoctorTellsNobodyElse(t *testing.T) {
	args := stageSettings(t, "")
	for _, service := range []string{"S3", "SQS", "DYNAMODB"} {
		t.Setenv("AWS_ENDPOINT_URL_"+service, "http://127.0.0.1:1")
	}
	if err := os.Unsetenv("AWS_ENDPOINT_URL"); err != nil {
		t.Fatal(err)
	}
	if lines, _, _ := lookAtStage(t, args...); lines["identity"] != "not asked, since the queues are at http://127.0.0.1:1" {
		t.Errorf("identity: %q", lines["identity"])
	}
}

func TestDoctorOfSettingsThatAreWrong(t *testing.T) {
	server := httptest.NewServer(&fakeAWS{})
	defer server.Close()
	good := stageSettings(t, server.URL)
	t.Run("one is missing", func(t *testing.T) {
		lines, all, status := lookAtStage(t, good[:len(good)-1]...)
		if status != statusUsage || !strings.Contains(lines["stage"], "MOTIONMILL_LEDGER_TABLE") || !strings.HasPrefix(lines["work queue"], "https://") {
			t.Errorf("status %d:\n%s", status, all)
		}
	})
	t.Run("no queue by that name", func(t *testing.T) {
		lines, all, status := lookAtStage(t, append(good, "--work-queue-url=work")...)
		if status != statusUsage || !strings.Contains(lines["work queue"], "not the URL of a queue") {
			t.Errorf("status %d:\n%s", status, all)
		}
	})
	t.Run("records that are forgotten too soon", func(t *testing.T) {
		lines, all, status := lookAtStage(t, append(good, "--keep-days=3")...)
		if status != statusUsage || !strings.Contains(lines["ledger"], "at least 29") {
			t.Errorf("status %d:\n%s", status, all)
		}
	})
	t.Run("another region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "us-east-1")
		if err := os.Unsetenv("AWS_ENDPOINT_URL"); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
		t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
		t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", server.URL)
		lines, all, status := lookAtStage(t, good...)
		if status != statusUsage || !strings.Contains(lines["dead-letter"], "the queue is in eu-central-1, and the region is set to us-east-1") {
			t.Errorf("status %d:\n%s", status, all)
		}
	})
	t.Run("none", func(t *testing.T) {
		lines, all, status := lookAtStage(t)
		if status != statusDone || len(lines) != 1 || !strings.Contains(lines["stage"], "none is set") {
			t.Errorf("status %d:\n%s", status, all)
		}
	})
}

// TestDoctorOfAnEmbeddedStage makes no file.
func TestDoctorOfAnEmbeddedStage(t *testing.T) {
	server := httptest.NewServer(&fakeAWS{wrong: map[string]fakeAnswer{"s3:GetBucketVersioning": {status: 501}}})
	defer server.Close()
	stageSettings(t, server.URL)
	dir := t.TempDir()
	file := "sqlite://" + filepath.Join(dir, "stage.db")
	args := []string{
		"--uploads-bucket=up", "--outputs-bucket=out", "--work-queue-url=" + file + "?queue=work", "--in-progress-queue-url=" + file + "?queue=p",
		"--dead-letter-queue-url=" + file + "?queue=dead", "--ledger-table=" + file,
	}
	lines, all, status := lookAtStage(t, args...)
	if status != statusDone || lines["stage"] != "local, embedded" || !strings.Contains(lines["ledger"], "is made at the first start") || lines["uploads"] != "s3://up" {
		t.Errorf("status %d:\n%s", status, all)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stage.db"), []byte("this is no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if lines, all, status := lookAtStage(t, args...); status != statusMissing || !strings.Contains(lines["ledger"], "no database of SQLite") {
		t.Errorf("status %d:\n%s", status, all)
	}
	if lines, all, status := lookAtStage(t, append(args, "--ledger-table=sqlite:///nowhere/stage.db")...); status != statusMissing || !strings.Contains(lines["ledger"], "Make its folder") {
		t.Errorf("status %d:\n%s", status, all)
	}
	if lines, all, _ := lookAtStage(t, append(args, "--work-queue-url="+file)...); !strings.Contains(lines["work queue"], "?queue=NAME") {
		t.Errorf("it says:\n%s", all)
	}
}

func TestDoctorStopsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	err := runChecks(cmd, []check{{name: "x", look: func(ctx context.Context) (string, error) { return "", ctx.Err() }}})
	if exitStatus(ctx, err) != statusInterrupted {
		t.Errorf("got %v", err)
	}
}
