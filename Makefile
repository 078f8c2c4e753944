# Everything a person calls; CMake does the building. `make help` lists the targets.
SHELL := /bin/bash
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 600
ONLY ?=
RUNS ?= 7
RUNNER ?=
ROUNDS ?= 500
KILLS ?= 1000

# $(call build,DIRECTORY,OPTIONS): configures and builds, with ninja if it is there by then; a directory keeps its
# generator. $(call ctest,DIRECTORY): runs its tests.
ninja = $$([ -f $(1)/CMakeCache.txt ] || ! command -v ninja >/dev/null || echo -G Ninja)
build = cmake -S . -B $(1) $(ninja) $(2) >/dev/null && cmake --build $(1) -j $(JOBS)
ctest = cd $(1) && ctest --output-on-failure -j $(JOBS)
sources = $(shell git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null || find src tests bench -name '*.[ch]')

.DEFAULT_GOAL := all
.PHONY: all run test asan tsan check check-gcc check-clang check-format check-layers check-lengths check-docs \
	check-fresh tidy format stats fuzz fuzz-merge bench bench-parts bench-compare bench-store benchmarks-md docs static size \
	install torture help clean

##@ Use
all: ## build build/millrace
	@tools/setup build
	@$(call build,$(BUILD),-DMR_TESTS=OFF)

run: all ## build, then move a real file to JSON lines and SQLite; ends by itself
	@tools/run

install: all ## install to DESTDIR and PREFIX (/usr/local): program, man page, completion, documents
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)" --strip

static: ## build a stripped program that needs no shared library: build-static/millrace
	@tools/setup build
	@$(call build,build-static,-DMR_TESTS=OFF -DMR_STATIC=ON)
	@strip build-static/millrace
	@tools/size build-static/millrace

size: all ## print the program's size, stripped, and what it links
	@tools/size $(BUILD)/millrace

##@ Test
test: ## build, then run every test
	@tools/setup test
	@$(call build,$(BUILD),-DMR_TESTS=ON)
	@$(call ctest,$(BUILD))

asan: ## run the tests under AddressSanitizer and UBSan
	@tools/setup test
	@$(call build,build-asan,-DMR_SANITIZE=address)
	@$(call ctest,build-asan)

tsan: ## run the tests under ThreadSanitizer
	@tools/setup test
	@$(call build,build-tsan,-DMR_SANITIZE=thread)
	@$(call ctest,build-tsan)

torture: ## kill the message store ROUNDS=500 times under 64 writers, and pipelines KILLS=1000 times, and cut their power as often; look what is left
	@tools/setup test
	@$(call build,$(BUILD),-DMR_TESTS=ON)
	@ROUNDS=$(ROUNDS) $(BUILD)/integration_store_torture_test
	@MILLRACE=$(BUILD)/millrace ROUNDS=$(KILLS) python3 tests/integration/torture_test.py
	@MILLRACE=$(BUILD)/millrace ROUNDS=$(KILLS) python3 tests/integration/power_test.py
	@MILLRACE=$(BUILD)/millrace TURNS=100 python3 tests/integration/files_test.py
	@MILLRACE=$(BUILD)/millrace MILLRACE_LONG=1 python3 tests/integration/everywhere_test.py

fuzz: ## fuzz each parser for SECONDS=600, or ONLY=csv; findings go to tests/fuzz/found
	@tools/setup fuzz
	@$(call build,build-fuzz,-DMR_FUZZ=ON -DMR_TESTS=OFF -DMR_SANITIZE=address -DCMAKE_C_COMPILER=clang)
	@tools/fuzz run "$(SECONDS)" $(ONLY)

fuzz-merge: ## add what fuzzing found to be new to tests/fuzz/corpus, minimised
	@$(call build,build-fuzz,-DMR_FUZZ=ON -DMR_TESTS=OFF -DMR_SANITIZE=address -DCMAKE_C_COMPILER=clang)
	@tools/fuzz merge $(ONLY)

##@ Check
check: ## everything a change must pass, step by step
	@tools/setup check
	@tools/check

check-gcc: ## build all with gcc, warnings as errors
	@$(call build,build-gcc,-DCMAKE_C_COMPILER=gcc -DMR_WERROR=ON)

check-clang: ## build all with clang, warnings as errors
	@$(call build,build-clang,-DCMAKE_C_COMPILER=clang -DMR_WERROR=ON)

check-format: ## fail where clang-format would change a file
	@clang-format --dry-run --Werror $(sources)

check-layers: ## fail on an include that runs uphill
	@tools/check-layers

check-lengths: ## fail on a function over 70 lines that does not say why
	@tools/stats --enforce

check-docs: all ## compile and run the samples of the documents, and try their links
	@tools/check-docs

check-fresh: ## prove that nothing is missing: `make run` and `make test` in a minimal Debian 12 (root)
	@tools/check-fresh

tidy: ## run clang-tidy with the checks of .clang-tidy
	@tools/setup check
	@$(call build,build-tidy,-DCMAKE_C_COMPILER=clang -DMR_TIDY=ON)

stats: ## print the longest functions and files
	@tools/stats

##@ Measure
bench: all ## run every scenario, RUNS=7 times each, or ONLY=latency; RUNNER='chrt -f 10' on a busy machine
	@tools/setup bench
	@mkdir -p bench/out
	@for name in $(or $(ONLY),$$($(BUILD)/millrace bench list | cut -d' ' -f1)); do \
		$(RUNNER) $(BUILD)/millrace bench $$name --runs $(RUNS) --json > bench/out/$$name.json || bad="$$bad $$name"; \
		bench/report show bench/out/$$name.json; \
	done; [ -z "$$bad" ] || { echo "failed:$$bad"; exit 1; }

bench-parts: ## build the benchmarks of single parts: build-bench/store_bench and its like
	@tools/setup bench
	@$(call build,build-bench,-DMR_TESTS=OFF -DMR_BENCH=ON)
	@ls build-bench/*_bench

bench-compare: all ## run the same jobs with Millrace, Miller and DuckDB, RUNS=7 times each, in turn
	@bench/compare --runs $(RUNS) --millrace $(BUILD)/millrace

bench-store: all ## load the message store over HTTP, RUNS=5 times 5 s each, or ONLY=mix64; data goes to STORE_DIR
	@tools/setup bench
	@$(call build,build-bench,-DMR_TESTS=OFF -DMR_BENCH=ON)
	@bench/store-bench run --runs $(if $(filter file,$(origin RUNS)),5,$(RUNS)) $(if $(ONLY),--only $(ONLY)) \
		$(if $(RUNNER),--runner '$(RUNNER)') --millrace $(BUILD)/millrace

benchmarks-md: ## print docs/BENCHMARKS.md anew from bench/out
	@bench/report markdown > docs/BENCHMARKS.md

##@ Change
format: ## lay out all sources with clang-format
	@clang-format -i $(sources)

docs: all ## print anew what the program knows: man page, completion, table of configuration keys
	@tools/generated-docs write

help: ## this list
	@awk -F':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

clean: ## remove what builds left
	@rm -rf build build-*
