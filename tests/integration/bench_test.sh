#!/usr/bin/env bash
# Each scenario runs, small and once: its checks hold, and what it prints is what bench/report and --baseline read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

"$MILLRACE" bench list >"$work/list"
for name in quick hybrid simple csv-csv csv-json load memory cpu latency start switch adapter; do
    grep -q "^$name " "$work/list" || fail "$name is not in the list"
    "$MILLRACE" bench "$name" --runs 1 --records 2000 --json >"$work/$name.json" || fail "bench $name"
    python3 - "$work/$name.json" "$name" <<'PY' || fail "$name: its JSON"
import json, sys
entry = json.loads(open(sys.argv[1]).read())
assert entry["scenario"] == sys.argv[2] and entry["runs"] == 1
assert entry["figures"] and all(check["held"] for check in entry["checks"])
assert all(figure["min"] <= figure["median"] <= figure["max"] for figure in entry["figures"])
PY
done
"$SOURCE/bench/report" show "$work/quick.json" | grep wall >/dev/null || fail "bench/report show"

# Under a sanitizer the allocator's books are empty, and a busy machine may spoil a slope: then there is no figure.
"$MILLRACE" bench bytes --runs 1 --records 100000 >"$work/bytes" || true
for name in mixed10 orders9 people8 users7 mixed10r; do
    grep -q "^  $name, bytes per record" "$work/bytes" && figure=yes || figure=no
    grep -q "^  BROKEN: $name:" "$work/bytes" && broken=yes || broken=no
    [ $figure != $broken ] || fail "$name: a figure: $figure, a broken check: $broken"
done

sed 's/"median":[0-9.]*/"median":0.000001/g' "$work/quick.json" >"$work/fast.json"
"$MILLRACE" bench quick --runs 1 --records 2000 --baseline "$work/fast.json" >"$work/out" && fail "slower is no failure"
grep -q critical "$work/out" || fail "slower is not critical"
sed 's/"median":[0-9.]*/"median":1000000/g' "$work/quick.json" >"$work/slow.json"
"$MILLRACE" bench quick --runs 1 --records 2000 --baseline "$work/slow.json" >"$work/out" || fail "faster is a failure"

code=0
"$MILLRACE" bench nothing 2>"$work/err" || code=$?
[ "$code" = 2 ] && grep -q "no scenario 'nothing'" "$work/err" || fail "an unknown scenario: code $code"
compgen -G "$work/millrace-bench*" >/dev/null && fail "files of the benchmark are left behind"
exit $failed
