# Onlooker: `make` lists the targets.
GO      ?= go
GOLANGCI ?= $(CURDIR)/bin/golangci-lint
GOLANGCI_VERSION := v2.15.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help build demo test race e2e lint bench evaluate screenshots clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the static binary into ./bin/onlooker
	CGO_ENABLED=0 $(GO) build -trimpath -tags timetzdata -ldflags '$(LDFLAGS)' -o bin/onlooker ./cmd/onlooker

demo: ## make a company, score it, serve the page
	$(GO) run ./cmd/onlooker demo

test: ## run every test that needs nothing but Go
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

race: ## the same tests under the race detector
	$(GO) test -race -short -timeout 30m ./...

e2e: ## drive the page in a real browser (needs chromium)
	$(GO) test -tags browser -run Browser -count=1 ./console/... ./cmd/...

$(GOLANGCI):
	GOBIN=$(dir $(GOLANGCI)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

lint: $(GOLANGCI) ## run the named linters
	$(GOLANGCI) run ./...

bench: ## the figures of the README, as benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

evaluate: ## measure the model on made-up companies (docs/model.md); SEEDS=1-5 to tune
	$(GO) run ./internal/trial --seeds $(or $(SEEDS),6-20) --ablation

clean: ## remove what was built
	rm -rf bin build
