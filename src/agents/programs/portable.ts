/**
 * Pure: what makes a folder of programs run in any Linux image, whatever its C library: a loader and a C library come along, and each program
 * is told to begin with those. Nothing is said by variables, so that what a program starts itself has the image's own libraries.
 */
import { PROGRAM_FOLDER } from '../agent.ts';

/** What a program can be made in. */
export type Base = 'debian:trixie-slim' | 'debian:bookworm-slim';

/**
 * Shell: `carry FILE…` copies the libraries of ELF programs and points the programs at them. Static ones stay as they are. The loader's name is
 * short, so that it fits where the old one was, and comes last: patchelf damages what Bun makes, and stripped files, where it has to move more.
 */
const CARRY = `carry() {
  mkdir -p "$SB/lib"
  for elf in "$@"; do
    loader=$(patchelf --print-interpreter "$elf" 2>/dev/null) || continue
    libraries "$elf"
    ln -sf "$(basename "$loader")" "$SB/lib/ld.so"
    patchelf --force-rpath --set-rpath "$SB/lib" "$elf"
    patchelf --set-interpreter "$SB/lib/ld.so" "$elf"
  done
}
libraries() {
  ldd "$@" 2>/dev/null | sed -n 's|^[^/]*\\(/[^ ]*\\) (0x.*|\\1|p' | sort -u | while read -r library; do
    case "$library" in "$SB"/*) ;; *) cp -L "$library" "$SB/lib/" ;; esac
  done
}`;

/** The file of a build's context that has more authorities to trust, in PEM: those of a proxy, for example. There may be none. */
export const AUTHORITIES = 'ca.crt';

const TRUST = `if [ -f /context/${AUTHORITIES} ]; then
  cat /etc/ssl/certs/ca-certificates.crt /context/${AUTHORITIES} > /tmp/ca.crt
  export NODE_EXTRA_CA_CERTS=/tmp/ca.crt PIP_CERT=/tmp/ca.crt SSL_CERT_FILE=/tmp/ca.crt REQUESTS_CA_BUNDLE=/tmp/ca.crt
fi`;

export interface Stage {
  /** Default: `debian:trixie-slim`. */
  base?: Base;
  /** Debian packages that the script needs. */
  packages: readonly string[];
  /** Instructions before the stage. */
  before?: readonly string[];
  /** Instructions between the packages and the script. */
  copies?: readonly string[];
  /** Shell, run with `$SB`, the folder of the program, and `carry`. */
  script: string;
  /** Run at the end: a program that does not start makes no image. */
  check: string;
}

/** The Dockerfile of an image of what `script` leaves in the program's folder, in one layer. */
export const portable = ({
  base = 'debian:trixie-slim',
  packages,
  before = [],
  copies = [],
  script,
  check,
}: Stage): string =>
  [
    ...before,
    `FROM ${base} AS program`,
    `RUN apt-get update && apt-get install -y --no-install-recommends ${['ca-certificates', 'patchelf', ...packages].join(' ')} && rm -rf /var/lib/apt/lists/*`,
    ...copies,
    `ENV SB=${PROGRAM_FOLDER} HOME=/tmp/home`,
    // A file of its own: a failure names the instruction, and this one is short.
    "COPY <<'SB_SCRIPT' /program.sh",
    'set -eu',
    'mkdir -p "$SB/bin" "$HOME"',
    TRUST,
    CARRY,
    script,
    'chmod -R u=rwX,go=rX "$SB"',
    check,
    'SB_SCRIPT',
    'RUN --mount=type=bind,target=/context sh /program.sh',
    'FROM scratch',
    `COPY --from=program ${PROGRAM_FOLDER} /`,
    '',
  ].join('\n');

const VERSION = /^[0-9][0-9A-Za-z.+_-]*$/;

/** A version as it may stand in a script. Throws for anything else: tags of a registry move, and an image is made once. */
export function exact(version: string): string {
  if (!VERSION.test(version)) throw new Error(`${JSON.stringify(version)} is no version of a program`);
  return version;
}

/** Shell: makes a program of the folder that runs a command; its arguments are the command's last ones. */
export const wrapper = (bin: string, command: string): string =>
  [
    `cat > "$SB/bin/${bin}" <<SB_WRAPPER`,
    '#!/bin/sh',
    `exec ${command} "\\$@"`,
    'SB_WRAPPER',
    `chmod 755 "$SB/bin/${bin}"`,
  ].join('\n');
