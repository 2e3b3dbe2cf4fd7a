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
# In bytes, by processor: the same code is a tenth more for x86_64. A function that needs more starts more slowly.
ZIP_LIMIT_arm64 := 6000000
ZIP_LIMIT_x86_64 := 7000000
# Perception asks nine services of AWS, and nobody waits for its start.
ZIP_LIMIT_perceive_arm64 := 8500000
ZIP_LIMIT_perceive_x86_64 := 9500000
ZIP_LIMIT = $(or $(ZIP_LIMIT_$*_$(ARCHITECTURE)),$(ZIP_LIMIT_$(ARCHITECTURE)))

ARGS ?=
# Not empty: deploy and destroy do not ask, for pipelines.
YES ?=
# What is deployed; without it `make synth` takes the example.
SETTINGS ?= deploy.yaml
SYNTHESIZED := $(or $(wildcard $(SETTINGS)),docs/deploy.example.yaml)
# The processor of functions and builds, as the settings say it.
ARCHITECTURE ?= $(or $(shell sed -n 's/^architecture: *\([a-z0-9_]*\).*/\1/p' $(SYNTHESIZED)),arm64)
GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
TARGET := GOOS=linux GOARCH=$(or $(GOARCH_OF_$(ARCHITECTURE)),$(error architecture is $(ARCHITECTURE); use arm64 or x86_64))
# Whether the builds can try manifests on an API server of the target version, as the settings say it.
PROOF ?= $(or $(shell sed -n 's/^proof: *\(true\|false\).*/\1/p' $(SYNTHESIZED)),true)
CDK_RUN = AWS_EC2_METADATA_DISABLED=true $(CDK)
# jsii says on standard error that it does not know the installed Node.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export CDK_DISABLE_CLI_TELEMETRY := true
# vet runs in lint; the rehearsals, which wait most of the time, go first.
GOFLAGS_TEST ?= -race -timeout 25m -vet=off
# Without the paths of this machine, one compilation serves vet, staticcheck and what is built.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)
# Neither functions nor the command need C; only the race detector does. One setting for all shares the compilation.
export CGO_ENABLED := 0

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: rehearse
rehearse: control-plane bin/eks-upgrade ## Rehearse an upgrade, no AWS account needed (flags: ARGS="--inject green-unhealthy")
	@bin/eks-upgrade rehearse $(ARGS)

.PHONY: test
test: control-plane $(AWS_CLI) $(CDK) ## Run all tests of all modules with the race detector
	CGO_ENABLED=1 go test $(GOFLAGS_TEST) ./test/e2e ./...
	cd test/controlplane && GOFLAGS= go test -trimpath -vet=off ./... # shares the build's cache; vet would read 1,500 packages for minutes
	cd infra && go test ./...

.PHONY: bench
bench: control-plane ## Measure perception on a real API server: 5,000 Deployments and 20,000 ConfigMaps; 5,000 nodes and 100,000 pods (5 minutes)
	go test ./test/bench -run '^$$' -bench . -benchtime 3x -timeout 30m -v

.PHONY: lint
lint: $(STATICCHECK) $(ASL_VALIDATOR) ## gofmt, vet, staticcheck, the state machine's validator, import rules
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$unformatted" ]; then echo "gofmt would change (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	cd infra && go vet ./... && $(STATICCHECK) ./...
	@for f in statemachine/*.asl.json; do $(ASL_VALIDATOR) --json-path "$$f"; done
	go test ./test/importrules

.PHONY: build
build: $(LAMBDAS:%=dist/%.zip) bin/eks-upgrade ## Build the Lambdas' zips (reproducible) and the CLI

.PHONY: synth
synth: $(LAMBDAS:%=dist/%.zip) dist/source $(CDK) ## Synthesize the CloudFormation templates into cdk.out, offline
	@$(CDK_RUN) synth --quiet -c settings=$(SYNTHESIZED) -c architecture=$(ARCHITECTURE) $(ARGS)
	@echo "of $(SYNTHESIZED): $$(ls cdk.out/*.template.json | tr '\n' ' ')"

# Of the settings; of a spoke, which is <account>-<region>.
ENVIRONMENT = $(if $(SPOKE),$(shell echo '$(SPOKE)' | sed 's|-|/|'),$(shell sed -n 's/^account: *["'\'']*\([0-9]*\).*/\1/p' $(SETTINGS))/$(shell sed -n 's/^region: *["'\'']*\([a-z0-9-]*\).*/\1/p' $(SETTINGS)))

# CloudFormation needs to know what is deployed by whom: nothing here has a default.
.PHONY: settings
settings:
	@[ -f "$(SETTINGS)" ] || { echo "There is no $(SETTINGS). Copy docs/deploy.example.yaml to it and say there what is deployed where." >&2; exit 1; }

.PHONY: deploy
deploy: settings synth ## Deploy the agent into the account of deploy.yaml; asks before IAM changes, but for YES=1 (once before: make bootstrap)
	@$(CDK) deploy --app cdk.out EksUpgradeAgent --require-approval $(if $(YES),never,broadening) || { code=$$?; \
	  echo "If the account has no CDK bootstrap stack yet, run: make bootstrap" >&2; exit $$code; }

.PHONY: deploy-spoke
deploy-spoke: settings synth ## Deploy the roles into another account: SPOKE=<account>-<region>, with credentials of that account
	@[ -n "$(SPOKE)" ] || { echo "Say which: make deploy-spoke SPOKE=<account>-<region>, as in spokes of $(SETTINGS)." >&2; exit 1; }
	@$(CDK) deploy --app cdk.out EksUpgradeAgentSpoke-$(SPOKE) --require-approval $(if $(YES),never,broadening)

.PHONY: diff
diff: settings synth ## Show what a deployment would change
	@$(CDK) diff --app cdk.out

.PHONY: bootstrap
bootstrap: settings $(CDK) ## Prepare account and region for CDK, once (bucket and roles for deployments); of another account: SPOKE=<account>-<region>
	@cd $(dir $(CDK)) && $(CDK) bootstrap aws://$(ENVIRONMENT) # elsewhere, because it would synthesize first

.PHONY: destroy
destroy: settings $(if $(wildcard cdk.out/manifest.json),$(CDK),synth) ## Remove the agent; what it did stays: tables, buckets, their key
	@echo "This removes the stack EksUpgradeAgent. These stay, as evidence of what was done: the tables eks-upgrade-leases, eks-upgrade-records and"
	@echo "eks-upgrade-approvals, the buckets eks-upgrade-artifacts-* and eks-upgrade-access-logs-*, the key alias/eks-upgrade, parameters of config push."
	@$(CDK) destroy --app cdk.out EksUpgradeAgent $(if $(YES),--force)

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
	@$(TARGET) go build -tags lambda.norpc -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o dist/$*/bootstrap ./lambdas/$*
	@go run ./scripts/zip dist/$*/bootstrap $@ $(ZIP_LIMIT)
	@rm -r dist/$*
	@printf '  %-22s %s bytes\n' $@ "$$(stat -c %s $@ 2>/dev/null || stat -f %z $@)"

# What the CodeBuild projects check out: their scripts and the command that they run.
.PHONY: dist/source
dist/source:
	@mkdir -p $@/scripts && cp scripts/log.sh scripts/provision.sh scripts/scan.sh $@/scripts/
	@$(TARGET) go build -trimpath -ldflags '$(LDFLAGS)' -o $@/eks-upgrade ./cmd/eks-upgrade
ifeq ($(PROOF),true)
	@cp "$$(CONTROL_PLANE_FOR=linux/$(GOARCH_OF_$(ARCHITECTURE)) scripts/build-control-plane.sh)/controlplane" $@/
else
	@rm -f $@/controlplane
endif

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
