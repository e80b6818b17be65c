# Every target is a script with a readable name; this file only lists them.
.DEFAULT_GOAL := help
.PHONY: help tools lab lab-down lab-reset test check test-lab test-slow test-day2 test-vm bench fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## build or find pulumi, its Go language host, lab and skep-state
	@scripts/tools

lab: ## a three-manager cluster on this machine, no account, no cost; cheap to repeat
	@scripts/lab up

lab-reset: ## clean lab hosts in seconds
	@scripts/lab reset

lab-down: ## remove everything that the lab made
	@scripts/lab down

test: ## everything that must pass, lab end to end included
	@scripts/test

check: ## the fast part: format, vet, lint, shellcheck, tidy, unit tests
	@scripts/check

test-lab: ## the lab end to end only
	@scripts/test-lab

test-slow: ## what is too slow for every run, or needs a browser: audits, signing in
	@scripts/test-slow

test-day2: ## half an hour of a swarm's life under load: hosts come, go, change and are lost, and faults
	@SKEP_TEST_DAY2=yes scripts/test-lab -v -run '^(TestDay2|TestFaults)$$'

test-vm: ## the lab on virtual machines; without KVM, for an idle computer and an hour
	@scripts/test-vm $(VM)

bench: ## print figures: of the running lab, then of the ingress in a lab of its own
	@scripts/bench
	@scripts/bench-ingress

fuzz: ## run every fuzz test for a while (FUZZTIME=20s)
	@scripts/fuzz $(FUZZTIME)
