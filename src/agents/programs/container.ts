/** Pure: shell for what is installed in a running container, whose image may be anything. */
import { PROGRAM_FOLDER } from '../agent.ts';

/**
 * The beginning of such a script,  `give_up SENTENCE` ends it; `packages NAME…` installs packages of the image's distribution, and tells by its
 * exit code whether that was possible.
 */
export const inContainer = (program: string): string => `#!/bin/sh
set -eu
SB=${PROGRAM_FOLDER}
give_up() {
  echo "${program} cannot be installed in this container: $*" >&2
  exit 1
}
packages() {
  if command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
  elif command -v apk >/dev/null 2>&1; then
    apk add --no-cache --quiet "$@"
  elif command -v dnf >/dev/null 2>&1; then
    dnf install -y -q "$@"
  elif command -v microdnf >/dev/null 2>&1; then
    microdnf install -y "$@"
  else
    return 1
  fi
}
mkdir -p "$SB/bin"`;
