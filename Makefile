# What people and machines do with the project. Each target sets up what it needs.
GOLANGCI_LINT := v2.15.0
GOVULNCHECK   := v1.8.0
OAPI_CODEGEN  := v2.8.2

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/motionmill
tools := $(cache)/tools/$(GOLANGCI_LINT)-$(GOVULNCHECK)

.PHONY: help demo test crash mutants soak load memory model cost matrix accuracy hostile fuzz openapi lint bench bench-pose bench-queue build setup clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## run the stage on this machine and send a video through it (VIDEO=, DIR=, PORT=)
	@scripts/setup.sh run
	@$(MAKE) --no-print-directory build
	@scripts/demo.sh

test: ## vet and test everything, with the race detector
	@scripts/setup.sh test
	go vet ./...
	PATH="$$PATH:$(cache)/testtools/bin" go test -race -p 2 -timeout 20m ./...

crash: ## kill workers at every step of the protocol, 100 times each; writes docs/crash.md
	@scripts/setup.sh test
	MOTIONMILL_CRASH_ROUNDS=100 MOTIONMILL_CRASH_TABLE=$(CURDIR)/docs/crash.md \
	go test -count=1 -timeout 40m -run '^(TestCrashMatrix|TestStoppedWorker)$$' ./worker
	PATH="$$PATH:$(cache)/testtools/bin" MOTIONMILL_CRASH_ROUNDS=20 MOTIONMILL_CRASH_TABLE=$(CURDIR)/docs/crash.md \
	go test -count=1 -timeout 40m -run '^TestCrashMatrixOnServers$$' ./worker

model: ## search forty thousand schedules of the protocol for one that goes wrong
	go test -count=1 -timeout 60m -v -run '^TestSchedules$$' ./worker -rapid.checks=20000

soak: ## work 1,000 jobs under kills, stops and a bad network, for at most 15 minutes; writes docs/soak.md
	@scripts/setup.sh test
	MOTIONMILL_SOAK_JOBS=1000 MOTIONMILL_SOAK_TABLE=$(CURDIR)/docs/soak.md \
	go test -count=1 -v -timeout 20m -run '^TestSoak$$' ./cmd/motionmill
	PATH="$$PATH:$(cache)/testtools/bin" MOTIONMILL_SOAK_JOBS=60 MOTIONMILL_SOAK_TABLE=$(CURDIR)/docs/soak.md \
	go test -count=1 -v -timeout 20m -run '^TestSoakOnServers$$' ./cmd/motionmill

mutants: ## leave out each rule of the protocol and each guard of the API in turn: a test must fail; writes tables of docs/protocol.md and security.md
	MOTIONMILL_MUTANTS=1 nice -n 10 go test -count=1 -timeout 180m -v -run '^Test(Guard)?Mutants$$' ./worker

hostile: ## give every hostile file to the pipeline, watched by strace where there is one; writes a table of docs/media.md
	@scripts/setup.sh test
	MOTIONMILL_HOSTILE_TABLE=$(CURDIR)/docs/media.md go test -count=1 -timeout 60m -v -run '^TestHostile$$' ./worker/pipeline

fuzz: ## let every fuzz target look for a minute (FUZZTIME=)
	scripts/fuzz.sh $(or $(FUZZTIME),60s)

matrix: ## send files of every kind through everything that is made of a video, some minutes; writes a table of docs/media.md
	@scripts/setup.sh run
	MOTIONMILL_MATRIX=1 MOTIONMILL_MATRIX_TABLE=$(CURDIR)/docs/media.md go test -count=1 -timeout 60m -run '^TestMatrix' ./media

accuracy: ## compare every family of models with a second reading, and the models with the truth; writes two tables of docs/models.md
	@scripts/setup.sh run
	MOTIONMILL_ACCURACY_TABLE=$(CURDIR)/docs/models.md go test -count=1 -v -run '^TestGolden$$' ./inference/family
	MOTIONMILL_ACCURACY_TABLE=$(CURDIR)/docs/models.md go test -count=1 -v -timeout 20m -run '^TestRealModelsMeetTheReadings$$' ./cmd/motionmill

cost: ## reckon what requests and a minute of video cost; writes docs/cost.md
	MOTIONMILL_COST_TABLE=$(CURDIR)/docs/cost.md go test -count=1 -v -run '^TestCostTable$$' ./bench

openapi: ## write the description of the API anew, api/testdata/openapi.json, from the code, and api/client/wire from it
	go test -count=1 -run '^TestOpenAPIIsAsItWas$$' ./api -update
	cd api/client/wire && go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@$(OAPI_CODEGEN) \
		-config generate.yaml -o wire.go ../../testdata/openapi.json

lint: $(tools)/golangci-lint $(tools)/govulncheck ## lint, and look for known vulnerabilities
	$(tools)/golangci-lint run ./...
	$(tools)/govulncheck ./...

bench: build ## measure against the parts alone
	@scripts/setup.sh run
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench/...

bench-pose: ## measure the pose alone beside ONNX Runtime alone and rtmlib, which it fetches
	@scripts/setup.sh run
	bench/rtmlib/setup.sh
	go test -run '^$$' -bench '^BenchmarkPose$$' -benchtime 3x -timeout 10m -v ./bench

bench-queue: ## measure no-op jobs beside sqs-consumer on ElasticMQ; writes the tables of docs/performance.md
	@scripts/setup.sh bench
	MOTIONMILL_QUEUE_TABLE=$(CURDIR)/docs/performance.md go test -run '^$$' -bench '^BenchmarkQueue$$' -benchtime 1x -timeout 30m ./bench

memory: ## an hour of video, and what it holds in memory minute by minute; writes the table of docs/performance.md
	@scripts/setup.sh run
	MOTIONMILL_MEMORY_TABLE=$(CURDIR)/docs/performance.md go test -run '^$$' -bench '^BenchmarkMemory$$' -benchtime 1x -timeout 120m ./bench

load: ## two hundred clients for two minutes, while a worker runs; writes the table of docs/performance.md
	@scripts/setup.sh run
	MOTIONMILL_LOAD=2m MOTIONMILL_LOAD_TABLE=$(CURDIR)/docs/performance.md go test -count=1 -v -timeout 10m -run '^TestLoad$$' ./cmd/motionmill

build: ## build bin/motionmill
	@go list -f '{{if .Stale}}building bin/motionmill takes some minutes the first time{{end}}' github.com/mattn/go-sqlite3
	go build -o bin/motionmill ./cmd/motionmill

setup: ## install what building and running need
	@scripts/setup.sh test

clean: ## remove what was built; the cache folder and stages stay
	rm -rf bin

$(tools)/golangci-lint:
	@echo 'building golangci-lint $(GOLANGCI_LINT) (some minutes)'
	GOBIN=$(tools) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)

$(tools)/govulncheck:
	@echo 'building govulncheck $(GOVULNCHECK)'
	GOBIN=$(tools) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK)
