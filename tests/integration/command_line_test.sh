#!/usr/bin/env bash
# What a person sees of the command line before any record moves: exit codes, where text goes, and its words.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# expect CODE STDOUT_PART STDERR_PART arguments...: an empty part means an empty stream, * anything
expect() {
    local code=$1 out=$2 err=$3 got=0
    shift 3
    "$MILLRACE" "$@" >out 2>err </dev/null || got=$?
    matches out "$out" && matches err "$err" && [ "$got" = "$code" ] && return
    echo "FAILED: millrace $*: code $got, wanted $code"
    head -5 out err
    failed=1
}

matches() {
    case $2 in
    '') [ ! -s "$1" ] ;;
    '*') true ;;
    *) grep -qF -- "$2" "$1" ;;
    esac
}

cat >typo.yaml <<'YAML'
source: a.csv
destination: b.csv
performance:
  bach_size: 5
YAML
printf 'source: a.csv\ndestination: b.csv\nstorage: {mode: columnar}\nperformance: {streaming_mode: true}\n' >conflict.yaml
printf 'source: a.csv\ndestination: b.csv\nname: ${MILLRACE_TEST_UNSET}\n' >unset.yaml

expect 2 'Usage: millrace VERB' ''
expect 0 'Usage: millrace VERB' '' help
expect 0 'Usage: millrace VERB' '' --help
expect 0 'Usage: millrace copy FROM TO' '' copy --help
expect 0 'Usage: millrace copy FROM TO' '' help copy
expect 0 'Also called validate.' '' validate -h
expect 0 'performance.batch_size' '' help configuration
expect 0 '.TH MILLRACE 1' '' help --man
expect 0 'complete -o filenames -F _millrace millrace' '' completion bash
expect 0 'libyaml' '' version
expect 0 'libyaml' '' --version
expect 2 '' "unknown verb 'cpoy'; did you mean 'copy'?" cpoy a b
expect 2 '' "Try 'millrace help copy'." copy a.csv b.csv --bogus
expect 2 '' "did you mean '--batch-size'?" copy a.csv b.csv --bach-size 5
expect 2 '' "typo.yaml:4:3: unknown key 'bach_size' in performance; did you mean 'batch_size'?" run typo.yaml
expect 2 '' "'storage.mode: columnar' contradicts 'performance.streaming_mode: true'" run conflict.yaml
expect 2 '' "unset.yaml:3:7: variable 'MILLRACE_TEST_UNSET' is not set" run unset.yaml
expect 2 '' "cannot be opened" run missing.yaml
expect 2 '' "contradicts 'path: b.csv.gz'" copy a.csv b.csv.gz --compression zstd
for verb in exporter profile; do
    expect 2 '' "'$verb' is not built yet in this version" "$verb" --any flag
done
printf 'a,b\n1,2\n' >a.csv
expect 0 'ok' '' copy a.csv b.csv --dry-run
[ ! -e b.csv ] && [ ! -e b.csv.part ] || { echo "FAILED: something was written"; failed=1; }
if "$MILLRACE" help >/dev/full 2>err; then echo "FAILED: a full disk went unnoticed"; failed=1; fi
"$MILLRACE" help --man | head -1 >/dev/null # a reader that leaves is no error
exit $failed
