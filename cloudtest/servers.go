package cloudtest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Moto starts a server of moto's, which stands for every service, and returns
// the settings that reach it. It checks no signatures.
func Moto(t testing.TB) aws.Config {
	t.Helper()
	return server{
		program: "moto_server",
		args:    func(port string) []string { return []string{"-H", host, "-p", port} },
		ready: func(ctx context.Context, settings aws.Config) error {
			_, err := s3.NewFromConfig(settings).ListBuckets(ctx, &s3.ListBucketsInput{})
			return err
		},
	}.start(t)
}

// Dynalite starts a server of dynalite's, which stands for DynamoDB, and
// returns the settings that reach it. Tables are ready as soon as they are made.
func Dynalite(t testing.TB) aws.Config {
	t.Helper()
	return server{
		program: "dynalite",
		args: func(port string) []string {
			return []string{"--host", host, "--port", port, "--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"}
		},
		ready: func(ctx context.Context, settings aws.Config) error {
			_, err := dynamodb.NewFromConfig(settings).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		},
	}.start(t)
}

// ElasticMQ starts a server of ElasticMQ's, which stands for SQS and keeps its
// limits, and returns the settings that reach it.
func ElasticMQ(t testing.TB) aws.Config {
	t.Helper()
	return server{
		program: "elasticmq",
		args:    func(port string) []string { return []string{host, port} },
		ready: func(ctx context.Context, settings aws.Config) error {
			_, err := sqs.NewFromConfig(settings).ListQueues(ctx, &sqs.ListQueuesInput{})
			return err
		},
	}.start(t)
}

// Environment returns the variables, as "NAME=value", that make the SDK and the
// AWS command line of another process use these settings for every service.
func Environment(t testing.TB, settings aws.Config) []string {
	t.Helper()
	keys, err := settings.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatalf("read the credentials of a test server: %v", err)
	}
	return []string{
		"AWS_ENDPOINT_URL=" + aws.ToString(settings.BaseEndpoint),
		"AWS_REGION=" + settings.Region,
		"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey,
	}
}
