package store_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/store/storetest"
)

// TestConformanceOfMoto runs the suite against a server that we did not write.
func TestConformanceOfMoto(t *testing.T) {
	settings := moto(t)
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	count := 0
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		opened, err := store.New(t.Context(), store.Config{AWS: &settings})
		if err != nil {
			t.Fatal(err)
		}
		count++
		h := storetest.Harness{Store: opened, Bucket: fmt.Sprintf("one-%d", count), Other: fmt.Sprintf("two-%d", count), ConditionalPut: true}
		for _, bucket := range []string{h.Bucket, h.Other} {
			if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
				t.Fatal(err)
			}
		}
		return h
	})
}

// moto starts a server of moto's and returns the settings that reach it.
func moto(t *testing.T) aws.Config {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not on the PATH (pip install 'moto[server]')")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().(*net.TCPAddr)
	listener.Close()
	var log bytes.Buffer
	process := exec.Command(program, "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	process.Stdout, process.Stderr = &log, &log
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // It may be a script around the server.
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
		_ = process.Wait() // It was killed.
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); ; <-tick.C {
		answer, err := http.Get("http://" + addr.String() + "/moto-api/")
		if err == nil {
			answer.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Skipf("moto_server does not start: %v", err)
		}
	}
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://" + addr.String()),
		Credentials: credentials.NewStaticCredentialsProvider("moto", "moto", "")}
}
