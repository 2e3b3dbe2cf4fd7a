# EKS Upgrade Agent. `make` alone lists the targets.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STATICCHECK_VERSION := v0.8.2
ASL_VALIDATOR_VERSION := 4.0.0

CACHE := $(or $(EKS_UPGRADE_AGENT_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/eks-upgrade-agent)
TOOLS := $(CACHE)/tools
STATICCHECK := $(TOOLS)/staticcheck-$(STATICCHECK_VERSION)/staticcheck
ASL_VALIDATOR := $(TOOLS)/asl-validator-$(ASL_VALIDATOR_VERSION)/node_modules/.bin/asl-validator

# The Lambda's zip is the same bytes on every machine: no build id, no commit, no paths, a fixed time.
LAMBDAS := $(notdir $(patsubst %/main.go,%,$(wildcard lambdas/*/main.go)))
LDFLAGS := -s -w -buildid=

ARGS ?=
GOFLAGS_TEST ?= -race

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: rehearse
rehearse: control-plane bin/eks-upgrade ## Rehearse an upgrade, no AWS account needed (flags: ARGS="--inject green-unhealthy")
	@bin/eks-upgrade rehearse $(ARGS)

.PHONY: test
test: control-plane ## Run all tests of all modules with the race detector
	go test $(GOFLAGS_TEST) ./...
	cd test/controlplane && GOFLAGS= go test -trimpath -vet=off ./... # shares the build's cache; vet would read 1,500 packages for minutes

.PHONY: lint
lint: $(STATICCHECK) $(ASL_VALIDATOR) ## gofmt, vet, staticcheck, the state machine's validator, import rules
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$unformatted" ]; then echo "gofmt would change (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	@for f in statemachine/*.asl.json; do $(ASL_VALIDATOR) --json-path "$$f"; done
	go test ./test/importrules

.PHONY: build
build: $(LAMBDAS:%=dist/%.zip) bin/eks-upgrade ## Build the Lambdas' zips (arm64, reproducible) and the CLI

.PHONY: control-plane
control-plane: ## Build the Kubernetes control plane of the rehearsal, once (6 to 12 minutes on two cores)
	@scripts/build-control-plane.sh

.PHONY: clean
clean: ## Remove what was built in this folder; the control plane in the cache stays
	rm -rf bin dist cdk.out rehearsal-*/

.PHONY: clean-cache
clean-cache: ## Remove the cached control plane and tools too
	rm -rf "$(CACHE)"

# Go's own build cache decides what is compiled again.
.PHONY: bin/eks-upgrade
bin/eks-upgrade:
	@mkdir -p bin
	@go build -trimpath -o $@ ./cmd/eks-upgrade

.PHONY: $(LAMBDAS:%=dist/%.zip)
$(LAMBDAS:%=dist/%.zip): dist/%.zip:
	@mkdir -p dist/$*
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -tags lambda.norpc -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o dist/$*/bootstrap ./lambdas/$*
	@go run ./scripts/zip dist/$*/bootstrap $@
	@rm -r dist/$*
	@printf '  %-22s %s bytes\n' $@ "$$(stat -c %s $@ 2>/dev/null || stat -f %z $@)"

$(STATICCHECK):
	GOBIN=$(dir $@) go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

$(ASL_VALIDATOR):
	npm install --silent --no-fund --no-audit --prefix $(TOOLS)/asl-validator-$(ASL_VALIDATOR_VERSION) asl-validator@$(ASL_VALIDATOR_VERSION)
