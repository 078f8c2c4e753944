#!/usr/bin/env bash
# SQLite as a destination and a source, with the sqlite3 shell as an independent reader.
set -euo pipefail
work=$(mktemp -d /tmp/millrace-sqlite-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
    echo "sqlite_test.sh: $1" >&2
    exit 1
}

printf 'id,price,active,day,name\n1,1.10,true,2024-01-01,a\n2,2.50,false,2024-02-01,"b ""x"""\n3,,true,2024-02-02,\n4,0.00,true,2024-02-03,""\n' >in.csv
"$MILLRACE" copy in.csv shop.db 2>/dev/null
[ "$(sqlite3 shop.db 'PRAGMA integrity_check')" = ok ] || fail "the database is damaged"
sqlite3 -list -nullvalue NULL shop.db 'SELECT id, price, active, name FROM shop' >shell.txt
printf '1|1.10|true|a\n2|2.50|false|b "x"\n3|NULL|true|NULL\n4|0.00|true|\n' | cmp - shell.txt ||
    fail "the shell reads something else"
"$MILLRACE" copy shop.db out.csv 2>/dev/null
cmp in.csv out.csv || fail "CSV does not come back byte for byte"
"$MILLRACE" copy shop.db copy.db 2>/dev/null
[ "$(sqlite3 shop.db '.schema' | sed s/shop/copy/)" = "$(sqlite3 copy.db '.schema')" ] ||
    fail "a copy has other types"
"$MILLRACE" copy generate:mixed10?rows=20000 big.csv 2>/dev/null
"$MILLRACE" copy big.csv big.db 2>/dev/null
"$MILLRACE" copy big.db again.csv 2>/dev/null
cmp big.csv again.csv || fail "reference records do not come back byte for byte"

printf 'id,name\n1,a\n2,b\n1,dup\n3,\n' >rows.csv
sqlite3 rows.db 'CREATE TABLE rows(id INTEGER PRIMARY KEY, name TEXT NOT NULL)'
code=0
"$MILLRACE" copy rows.csv rows.db 2>/dev/null || code=$?
[ $code = 3 ] || fail "refused records end with code $code"
[ "$(sqlite3 rows.db 'SELECT group_concat(id) FROM rows')" = 1,2 ] || fail "other rows went in"
[ "$(grep -c '"reason":"constraint"' rows.db.rejects.jsonl)" = 2 ] || fail "no quarantine"
grep -q '"record":3,"line":4.*"raw":"1,dup"' rows.db.rejects.jsonl || fail "the place is wrong"

code=0
"$MILLRACE" copy in.csv 'sqlite:rows.db?table=rows&mode=append' 2>err.txt || code=$?
[ $code != 0 ] || fail "a missing column is not an error"
grep -q "no column 'price'" err.txt || fail "$(cat err.txt)"
"$MILLRACE" copy rows.csv 'sqlite:rows.db?table=rows&mode=merge&keys=id' --accept-rejects 2>/dev/null
[ "$(sqlite3 rows.db "SELECT group_concat(name) FROM rows")" = dup,b ] || fail "merge"
