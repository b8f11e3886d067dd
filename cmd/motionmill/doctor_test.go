package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestDoctorOnAWS runs the program on a whole stage, and then with a queue that
// is not there and a table of another shape.
func TestDoctorOnAWS(t *testing.T) {
	c := newCloud(t)
	doctor := func(settings ...string) (out string, status int) {
		t.Helper()
		cmd := program(t.Context(), "doctor", "--env-file", c.file)
		cmd.Env = append(append(cmd.Env, c.env...), "MOTIONMILL_KEEP_DAYS=0") // dynalite knows no TTL.
		cmd.Env = append(cmd.Env, settings...)
		text, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(text), cmd.ProcessState.ExitCode()
	}
	lines := func(out, mark string) (found []string) {
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, mark) {
				found = append(found, line)
			}
		}
		return found
	}

	out, status := doctor()
	if status != statusDone || len(lines(out, "MISSING")) != 0 {
		t.Fatalf("status %d:\n%s", status, out)
	}
	for _, want := range []string{
		"ok       stage         test, on AWS", "ok       identity      arn:aws:sts::123456789012:", "ok       clock ",
		"ok       uploads       s3://motionmill-test-uploads; keeps versions; notifies arn:aws:sqs:", "motionmill-test-work of uploads/*",
		"ok       outputs       s3://motionmill-test-outputs", "0 delayed; hides for 1m0s, keeps for 14 days", "ok       ledger        table motionmill-test ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}

	c.makeAnotherTable()
	nowhere := c.setting("MOTIONMILL_IN_PROGRESS_QUEUE_URL") + "-nowhere"
	out, status = doctor("MOTIONMILL_LEDGER_TABLE=another", "MOTIONMILL_IN_PROGRESS_QUEUE_URL="+nowhere)
	if missing := lines(out, "MISSING"); status != statusMissing || len(missing) != 2 {
		t.Fatalf("status %d:\n%s", status, out)
	}
	for _, want := range []string{
		"MISSING  in-progress ", "on queue " + nowhere + ": sqs:GetQueueAttributes: the queue does not exist", "to mend it:   Check its URL",
		"MISSING  ledger ", "check ledger table another: its key is id (S), not pk (S); index by_created is missing", "to mend it:   Apply the terraform",
		"motionmill: doctor: 2 of the checks failed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// makeAnotherTable makes a table that is no ledger.
func (c *cloud) makeAnotherTable() {
	c.t.Helper()
	endpoint := ""
	for _, variable := range c.env {
		if name, value, _ := strings.Cut(variable, "="); name == "AWS_ENDPOINT_URL_DYNAMODB" {
			endpoint = value
		}
	}
	client := dynamodb.NewFromConfig(aws.Config{
		Region: c.setting("AWS_REGION"), BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	_, err := client.CreateTable(c.t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("another"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// setting returns a setting of the stage's file.
func (c *cloud) setting(name string) string {
	c.t.Helper()
	all, err := parseEnv(string(readFile(c.t, c.file)))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, a := range all {
		if a.name == name {
			return a.value
		}
	}
	c.t.Fatalf("%s is not in %s", name, c.file)
	return ""
}
