# EKS Upgrade Agent. `make` alone lists the targets.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STATICCHECK_VERSION := v0.8.2
ASL_VALIDATOR_VERSION := 4.0.0
CDK_VERSION := 2.1148.1
AWS_CLI_VERSION := 2.2.296

CACHE := $(or $(EKS_UPGRADE_AGENT_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/eks-upgrade-agent)
TOOLS := $(CACHE)/tools
STATICCHECK := $(TOOLS)/staticcheck-$(STATICCHECK_VERSION)/staticcheck
CDK := $(TOOLS)/aws-cdk-$(CDK_VERSION)/node_modules/.bin/cdk
AWS_CLI_DIR := $(TOOLS)/awscli-$(AWS_CLI_VERSION)
AWS_CLI := $(AWS_CLI_DIR)/awscli/aws
ASL_VALIDATOR := $(TOOLS)/asl-validator-$(ASL_VALIDATOR_VERSION)/node_modules/.bin/asl-validator

# The Lambda's zip is the same bytes on every machine: no build id, no commit, no paths, a fixed time.
LAMBDAS := $(notdir $(patsubst %/main.go,%,$(wildcard lambdas/*/main.go)))
LDFLAGS := -s -w -buildid=

ARGS ?=
# What the synthesized stack may touch; there are no defaults in infra/.
CDK_CONTEXT ?= -c account=123456789012 -c region=eu-west-1 -c clusters=shop,shop-green -c hostedZones=Z0123456789ABCDEFGHIJ -c roles=shop-cluster,shop-nodes
# jsii says on standard error that it does not know the installed Node.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export CDK_DISABLE_CLI_TELEMETRY := true
GOFLAGS_TEST ?= -race -timeout 25m
# Without the paths of this machine, one compilation serves vet, staticcheck and what is built.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: rehearse
rehearse: control-plane bin/eks-upgrade ## Rehearse an upgrade, no AWS account needed (flags: ARGS="--inject green-unhealthy")
	@bin/eks-upgrade rehearse $(ARGS)

.PHONY: test
test: control-plane $(AWS_CLI) ## Run all tests of all modules with the race detector
	go test $(GOFLAGS_TEST) ./...
	cd test/controlplane && GOFLAGS= go test -trimpath -vet=off ./... # shares the build's cache; vet would read 1,500 packages for minutes
	cd infra && go test ./...

.PHONY: lint
lint: $(STATICCHECK) $(ASL_VALIDATOR) ## gofmt, vet, staticcheck, the state machine's validator, import rules
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$unformatted" ]; then echo "gofmt would change (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	cd infra && go vet ./... && $(STATICCHECK) ./...
	@for f in statemachine/*.asl.json; do $(ASL_VALIDATOR) --json-path "$$f"; done
	go test ./test/importrules

.PHONY: build
build: $(LAMBDAS:%=dist/%.zip) bin/eks-upgrade ## Build the Lambdas' zips (arm64, reproducible) and the CLI

.PHONY: synth
synth: $(LAMBDAS:%=dist/%.zip) dist/source $(CDK) ## Synthesize the CloudFormation template into cdk.out, offline
	@AWS_EC2_METADATA_DISABLED=true $(CDK) synth --quiet $(CDK_CONTEXT)
	@echo "cdk.out/EksUpgradeAgent.template.json"

.PHONY: control-plane
control-plane: ## Build the Kubernetes control plane of the rehearsal, once (6 to 12 minutes on two cores)
	@scripts/build-control-plane.sh >/dev/null

.PHONY: aws-cli
aws-cli: $(AWS_CLI) ## Install the AWS CLI that tests the simulated AWS, once (needs python3)

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
	@[ -x $@ ] || echo "building $@; the first time takes minutes" >&2
	@go build -trimpath -o $@ ./cmd/eks-upgrade

.PHONY: $(LAMBDAS:%=dist/%.zip)
$(LAMBDAS:%=dist/%.zip): dist/%.zip:
	@mkdir -p dist/$*
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -tags lambda.norpc -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o dist/$*/bootstrap ./lambdas/$*
	@go run ./scripts/zip dist/$*/bootstrap $@
	@rm -r dist/$*
	@printf '  %-22s %s bytes\n' $@ "$$(stat -c %s $@ 2>/dev/null || stat -f %z $@)"

# What the CodeBuild projects check out: their scripts and the command that they run.
.PHONY: dist/source
dist/source:
	@mkdir -p $@/scripts && cp scripts/log.sh scripts/provision.sh scripts/scan.sh $@/scripts/
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -ldflags '$(LDFLAGS)' -o $@/eks-upgrade ./cmd/eks-upgrade

$(CDK):
	npm install --silent --no-fund --no-audit --prefix $(TOOLS)/aws-cdk-$(CDK_VERSION) aws-cdk@$(CDK_VERSION)

$(STATICCHECK):
	GOBIN=$(dir $@) go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

$(ASL_VALIDATOR):
	npm install --silent --no-fund --no-audit --prefix $(TOOLS)/asl-validator-$(ASL_VALIDATOR_VERSION) asl-validator@$(ASL_VALIDATOR_VERSION)

# The package carries the CLI, version 1, as a zip of Python packages.
$(AWS_CLI):
	@command -v python3 >/dev/null || { echo "python3 is needed for the AWS CLI: apt-get install python3" >&2; exit 1; }
	npm install --silent --no-fund --no-audit --prefix $(AWS_CLI_DIR) @aws-cdk/asset-awscli-v1@$(AWS_CLI_VERSION)
	@rm -rf $(AWS_CLI_DIR)/unpacked && python3 -m zipfile -e $(AWS_CLI_DIR)/node_modules/@aws-cdk/asset-awscli-v1/lib/layer.zip $(AWS_CLI_DIR)/unpacked
	@mv $(AWS_CLI_DIR)/unpacked/awscli $(AWS_CLI_DIR)/awscli
