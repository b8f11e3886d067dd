package cloudtest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/cloudtest"
)

func TestMoto(t *testing.T) {
	settings := cloudtest.Moto(t)
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Fatal(err)
	}
	makeQueue(t, settings)
	listTables(t, settings)
}

func TestDynalite(t *testing.T) { listTables(t, cloudtest.Dynalite(t)) }

func TestElasticMQ(t *testing.T) { makeQueue(t, cloudtest.ElasticMQ(t)) }

func makeQueue(t *testing.T, settings aws.Config) {
	t.Helper()
	if _, err := sqs.NewFromConfig(settings).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")}); err != nil {
		t.Fatal(err)
	}
}

func listTables(t *testing.T, settings aws.Config) {
	t.Helper()
	if _, err := dynamodb.NewFromConfig(settings).ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Fatal(err)
	}
}
