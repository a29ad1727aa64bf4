#!/bin/sh
# Earns 1 when the file holds exactly the line that was asked for, else 0.

if printf 'Hello, world!\n' | cmp -s - /app/hello.txt; then
  echo 'ok: /app/hello.txt is as asked for'
  echo 1 > /logs/verifier/reward.txt
else
  echo 'not ok: /app/hello.txt is missing or holds something else:'
  cat /app/hello.txt
  echo 0 > /logs/verifier/reward.txt
fi
