/** Why a build failed, out of the plain output of buildctl or buildx. Pure. */
import { stripVTControlCharacters } from 'node:util';
import type { BuildFailedReason } from '../../../crds/reasons.ts';
import type { BuildFailure } from '../port.ts';

const TAIL_LINES = 20;
/** Bounds of the API’s schema. */
const LINE_MAX = 1024;
const MESSAGE_MAX = 1024;
/** What is looked at of an error; what a build prints must not keep the operator busy. */
const ERROR_MAX = 8192;

/** The network or a server’s own trouble: another try may go well. */
const TRANSIENT =
  /connection (refused|reset)|no such host|i\/o timeout|TLS handshake|deadline exceeded|unexpected EOF|server misbehaving|no route to host|network is unreachable|toomanyrequests|too many requests|\b(429|50[0234])\b/i;
/** A registry’s limit of pulls, in its own words or containerd’s. */
const RATE_LIMITED = /toomanyrequests|too many requests|\b429\b/i;
/** ECR’s words for a login that ran out under way: the next attempt logs in anew. */
const EXPIRED = /authorization token has expired/;
/** ECR’s words for a tag that it keeps: the repository, or since exclusions exist the tag, is immutable. */
const IMMUTABLE = /already exists in the .* because the (repository|tag) is immutable/;
/** buildkitd went away, or its disk is full. */
const DAEMON =
  /\bUnavailable: |code = (Unavailable|Canceled)|error reading from server|transport is closing|no active session|context canceled|no space left on device/;
const PULL =
  /failed to resolve source metadata|pull access denied|failed to authorize|failed to fetch (anonymous|oauth) token/;

/** BuildKit names the line of the Dockerfile that it stopped at: `Dockerfile:1`, and then shows it. */
const SYNTAX = /^\s*\d+ \| >>> # *syntax *= *(\S+)/im;

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
    reason: (error) => {
      if (IMMUTABLE.test(error)) return 'TagImmutable';
      if (EXPIRED.test(error)) return 'BuilderFault';
      return TRANSIENT.test(error) ? 'BuilderUnavailable' : 'PushDenied';
    },
  },
  { when: RATE_LIMITED, reason: () => 'BaseImageRateLimited' },
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

/** Said by the build’s own script where it knows better than its tool. */
const MARKER = /^sb-build: (ContextMismatch|BuildTimeout|BuilderNotFound|RepositoryNotAllowed): (.*)$/;
const VERDICT = /^(?:error|ERROR): (?:failed to build: )?(.*)$/;

type Verdict = Pick<BuildFailure, 'reason' | 'message'>;

function marked(line: string): Verdict | undefined {
  const [, reason, message = ''] = MARKER.exec(line) ?? [];
  return reason === undefined ? undefined : { reason: reason as BuildFailedReason, message };
}

/** A registry’s own message follows the tool’s on lines of its own. */
function ofTool(line: string, after: string[], lines: string[]): Verdict {
  const error = [VERDICT.exec(line)?.[1] ?? '', ...after].join(' ').slice(0, ERROR_MAX);
  const rule = RULES.find(({ when }) => when.test(error));
  const reason = rule?.reason(error) ?? 'BuilderUnavailable';
  const frontend = PULL.test(error) ? SYNTAX.exec(lines.join('\n'))?.[1] : undefined;
  if (frontend === undefined) return { reason, message: sentence(error, lines) };
  return {
    reason: reason === 'BaseImageNotFound' ? 'FrontendNotFound' : reason,
    message: `the Dockerfile’s first line, # syntax=${frontend}, asks for a frontend that cannot be pulled; leave the line out unless the Dockerfile needs it: ${causeOf(error)}`,
  };
}

/**
 * The last word of script or tool. Output of steps cannot pass for it: each of its lines begins with a step’s number or a time, and the
 * tool speaks after them.
 */
function verdict(lines: string[]): Verdict | undefined {
  const at = lines.findLastIndex((line) => MARKER.test(line) || VERDICT.test(line));
  const line = lines[at];
  if (line === undefined) return undefined;
  return marked(line) ?? ofTool(line, lines.slice(at + 1), lines);
}

/** The heading of the excerpt that names the step: ` > [2/3] RUN make:`. */
const failedStep = (lines: string[]): string | undefined =>
  lines
    .map((line) => /^ > (\[(?!internal\]).*?\] .*):$/.exec(line)?.[1])
    .findLast((step) => step !== undefined);

const causeOf = (error: string): string => error.replace(/^failed to solve: /, '');

function sentence(error: string, lines: string[]): string {
  const cause = causeOf(error);
  const step = failedStep(lines);
  if (step === undefined) return cause;
  const [, exit] = /did not complete successfully: (.*)$/s.exec(cause) ?? [];
  return `${step}: ${exit ?? cause}`;
}

/** Reads the log of a build that ended with a failure. Undefined where nothing in it says why. */
export function diagnose(log: string): BuildFailure | undefined {
  const lines = cleanLines(log);
  const said = verdict(lines);
  if (!said) return undefined;
  const step = said.reason === 'DockerfileFailed' ? failedStep(lines) : undefined;
  return {
    reason: said.reason,
    message: said.message.slice(0, MESSAGE_MAX),
    logTail: lines.slice(-TAIL_LINES),
    ...(step === undefined ? {} : { failedStep: step.replace(/^\[.*?\] /, '').slice(0, LINE_MAX) }),
  };
}

/** Like `diagnose`; a log that says nothing is that of a builder that went away. */
export function classify(log: string): BuildFailure {
  const logTail = cleanLines(log).slice(-TAIL_LINES);
  const message = logTail.at(-1) ?? 'the build ended without a word';
  return diagnose(log) ?? { reason: 'BuilderUnavailable', message, logTail };
}
