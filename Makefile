# Everything a person calls; CMake does the building. `make help` lists the targets.
SHELL := /bin/bash
BUILD ?= build
GENERATOR := $(shell command -v ninja >/dev/null 2>&1 && echo -G Ninja)
JOBS ?= $(shell nproc)

.PHONY: all docs setup run test asan tsan check check-fresh fuzz bench format tidy stats install help clean

all: setup-build  ## build build/millrace
	@cmake -S . -B $(BUILD) $(GENERATOR) -DMR_TESTS=OFF >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)

setup-build:
	@tools/setup build

test: ## set up, build, run every test
	@tools/setup test
	@cmake -S . -B $(BUILD) $(GENERATOR) -DMR_TESTS=ON >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS)

asan: ## the tests under AddressSanitizer and UBSan
	@tools/setup test
	@cmake -S . -B build-asan $(GENERATOR) -DMR_SANITIZE=address >/dev/null
	@cmake --build build-asan -j $(JOBS)
	@cd build-asan && ctest --output-on-failure -j $(JOBS)

tsan: ## the tests under ThreadSanitizer
	@tools/setup test
	@cmake -S . -B build-tsan $(GENERATOR) -DMR_SANITIZE=thread >/dev/null
	@cmake --build build-tsan -j $(JOBS)
	@cd build-tsan && ctest --output-on-failure -j $(JOBS)

docs: all ## print anew what the program knows: man page, completion, table of configuration keys
	@$(BUILD)/millrace help --man > docs/millrace.1
	@$(BUILD)/millrace completion bash > tools/millrace.bash
	@sed -i '/^| Key | Value | Default | Meaning |$$/,$$d' docs/configuration.md
	@$(BUILD)/millrace help --markdown >> docs/configuration.md

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

clean: ## remove what builds left
	@rm -rf build build-*
