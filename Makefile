# Everything a contributor does is a target here. `make` alone lists them.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The moment that archives and images carry: that of the commit, so that the same commit gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# One static binary without paths, symbols or anything else of the machine that built it.
GOBUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X holdfast/internal/cli.version=$(VERSION)"

# Options for go test, such as TESTFLAGS='-run Link ./internal/link'.
TESTFLAGS ?= ./...
# Options for the benchmarks, such as BENCHFLAGS='-only pooler -rounds 5 -span 1s'; see bench/doc.go.
BENCHFLAGS ?=
# How many copies, and of what: see scripts/crowd.
CROWDFLAGS ?=
# How long each fuzz target runs, and what the race detector looks at: everything with goroutines of its own.
FUZZTIME  ?= 30s
RACE      ?= $(addprefix ./internal/,lifecycle/... health metrics logging blob/... postgres/... objects/... web/... \
	files/... s3api/... admin/... control/... epoll lane upstream throttle httpcache certs edge assets cache cacheserver \
	pool relay backend cluster pgauth console audit rolelimit census pooler pgwire scram \
	treepack gitrepo revision treecache content node load timing)

export SOURCE_DATE_EPOCH

.DEFAULT_GOAL := help
.PHONY: help build test test-matrix demo check lint race fuzz fuzz-smoke soak crowd bench docs docs-check deps release clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/holdfast
	$(GOBUILD) -o bin/holdfast ./cmd/holdfast

test: ## run all tests, after installing what they need
	scripts/deps run test
	$(GO) test -timeout 30m $(TESTFLAGS)

test-matrix: ## run the tests of what talks to PostgreSQL on versions 13 to 18
	scripts/deps run test matrix
	GO='$(GO)' scripts/test-matrix

demo: build ## run everything in a temporary directory, with a page to try it
	scripts/deps run
	bin/holdfast demo

check: lint test docs-check race ## do what CI does

lint: ## check format, vet and staticcheck
	@unformatted=$$($(GO) tool gofumpt -l .) && test -z "$$unformatted" || { echo "$$unformatted"; echo "lint: run: go tool gofumpt -w ." >&2; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

race: ## run the tests of concurrent packages under the race detector
	$(GO) test -race -timeout 30m $(RACEFLAGS) $(RACE)

fuzz: ## run every fuzz target for FUZZTIME each
	scripts/fuzz $(FUZZTIME)

fuzz-smoke: ## run every fuzz target for two seconds each
	scripts/fuzz 2s

soak: ## run the crash and stress tests at full size, for hours, and build the release twice
	scripts/deps run test
	HOLDFAST_SOAK=1 $(GO) test -count=1 -timeout 6h $(TESTFLAGS)
	$(MAKE) release

crowd: ## run every package's tests three times beside themselves, as on a slow and busy machine, for an hour or two
	scripts/deps run test
	GO='$(GO)' scripts/crowd $(CROWDFLAGS)

bench: build ## measure beside the peers and write docs/numbers.md
	scripts/deps run test bench
	$(GO) run ./bench $(BENCHFLAGS)

docs: ## write the generated pages of docs/ anew
	$(GO) generate ./...

docs-check: ## fail when a generated page is not what the sources say
	@scripts/docs-check

deps: ## install the packages and programs that tests and benchmarks need
	scripts/deps

release: ## build both platforms twice, compare, and write dist/ with checksums and an OCI image
	scripts/deps build
	GO='$(GO)' GOBUILD='$(GOBUILD)' VERSION='$(VERSION)' scripts/release

clean: ## remove what was built
	rm -rf bin dist
