#!/bin/sh
# Four checks; reward.json says which share of them passed, and how many.
here=$(dirname "$0")
passed=0
failed=0

check() {
  if cmp -s "$here/$1" "/app/$2"; then
    echo "ok: $2"
    passed=$((passed + 1))
  else
    echo "not ok: $2"
    failed=$((failed + 1))
  fi
}

check expected-sales.csv sales.csv
check expected-total.txt total.txt
check expected-best.txt best.txt
check expected-days.txt days.txt

reward=$(awk "BEGIN { print $passed / ($passed + $failed) }")
echo "{\"reward\": $reward, \"tests_passed\": $passed, \"tests_failed\": $failed}" > /logs/verifier/reward.json
