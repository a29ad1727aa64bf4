#!/bin/sh
# Checks sbd: form, vet, tests; for data races as well where the machine has a C compiler, which the race detector needs.
set -e
cd "$(dirname "$0")"
unformed=$(gofmt -l .)
[ -z "$unformed" ] || { echo "not formatted: $unformed"; exit 1; }
for arch in amd64 arm64; do GOARCH=$arch go vet .; done
if command -v gcc >/dev/null && [ "$(go env CGO_ENABLED)" = 1 ]; then
  go test -p 2 -race .
else
  echo 'no C compiler: not tested for data races'
  go test -p 2 .
fi
