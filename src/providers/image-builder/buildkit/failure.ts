/** Why a build failed, out of the plain output of buildctl. Pure. */
import { stripVTControlCharacters } from 'node:util';
import type { BuildFailedReason } from '../../../crds/reasons.ts';

export interface BuildFailure {
  reason: BuildFailedReason;
  /** One sentence, naming the step where one failed. */
  message: string;
  /** Last lines of the log, without escape sequences. */
  logTail: string[];
}

const TAIL_LINES = 20;
/** Bounds of the API’s schema. */
const LINE_MAX = 1024;
const MESSAGE_MAX = 1024;

/** The network or a server’s own trouble: another try may go well. */
const TRANSIENT =
  /connection (refused|reset)|no such host|i\/o timeout|TLS handshake|deadline exceeded|unexpected EOF|server misbehaving|no route to host|network is unreachable|toomanyrequests|too many requests|\b(429|50[0234])\b/i;
/** buildkitd went away, or its disk is full. */
const DAEMON =
  /\bUnavailable: |code = (Unavailable|Canceled)|error reading from server|transport is closing|no active session|context canceled|no space left on device/;
const PULL =
  /failed to resolve source metadata|pull access denied|failed to authorize|failed to fetch (anonymous|oauth) token/;

/** Rules in order of precedence; what comes first may contain text of the Dockerfile that looks like what comes later. */
const RULES: { when: RegExp; reason: (error: string) => BuildFailedReason }[] = [
  { when: /^failed to solve: process ".*" did not complete successfully/s, reason: () => 'DockerfileFailed' },
  {
    when: /^failed to solve: (dockerfile parse error|failed to read dockerfile)/,
    reason: () => 'DockerfileFailed',
  },
  { when: DAEMON, reason: () => 'BuilderUnavailable' },
  {
    when: /failed to push/,
    reason: (error) => (TRANSIENT.test(error) ? 'BuilderUnavailable' : 'PushDenied'),
  },
  { when: PULL, reason: (error) => (TRANSIENT.test(error) ? 'BuilderUnavailable' : 'BaseImageNotFound') },
  { when: TRANSIENT, reason: () => 'BuilderUnavailable' },
  { when: /^failed to solve: /, reason: () => 'DockerfileFailed' },
];

/** Lines without escape sequences, other control characters and trailing space. */
export function cleanLines(log: string): string[] {
  const plain = stripVTControlCharacters(log.replaceAll('\r\n', '\n'));
  const lines = plain.split('\n').map((line) => {
    // A bare carriage return redraws the line; what was drawn last is what a terminal shows.
    const shown = line.slice(line.lastIndexOf('\r') + 1);
    return shown
      .replaceAll(/\p{Cc}/gu, ' ')
      .trimEnd()
      .slice(0, LINE_MAX);
  });
  return lines.filter((line) => line !== '');
}

/** buildctl’s own verdict. Output of steps cannot pass for it: each of its lines begins with a step’s number or a time. */
const verdict = (lines: string[]): string | undefined =>
  lines.findLast((line) => line.startsWith('error: '))?.slice('error: '.length);

/** The heading of the excerpt that names the step: ` > [2/3] RUN make:`. */
const failedStep = (lines: string[]): string | undefined =>
  lines
    .map((line) => /^ > (\[(?!internal\]).*\] .*):$/.exec(line)?.[1])
    .findLast((step) => step !== undefined);

function sentence(error: string, lines: string[]): string {
  const cause = error.replace(/^failed to solve: /, '');
  const step = failedStep(lines);
  if (step === undefined) return cause;
  const [, exit] = /did not complete successfully: (.*)$/s.exec(cause) ?? [];
  return `${step}: ${exit ?? cause}`;
}

/** Reads the log of a build whose buildctl ended with a failure. */
export function classify(log: string): BuildFailure {
  const lines = cleanLines(log);
  const logTail = lines.slice(-TAIL_LINES);
  const error = verdict(lines);
  if (error === undefined) {
    return {
      reason: 'BuilderUnavailable',
      message: logTail.at(-1) ?? 'the build ended without a word',
      logTail,
    };
  }
  const reason = RULES.find(({ when }) => when.test(error))?.reason(error) ?? 'BuilderUnavailable';
  return { reason, message: sentence(error, lines).slice(0, MESSAGE_MAX), logTail };
}
