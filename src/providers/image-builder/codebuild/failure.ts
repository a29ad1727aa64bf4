/** Why a command of the build specification failed, out of the build’s log. Pure. */
import type { BuildFailedReason } from '../../../crds/reasons.ts';
import { cleanLines, diagnose } from '../buildkit/failure.ts';
import type { BuildFailure } from '../port.ts';

/** CodeBuild’s own remarks: `[Container] 2026/11/21 12:00:00.000000 Running command …`. */
const REMARK = /^\[Container\] \d{4}\//;
const TAIL_LINES = 20;
const MESSAGE_MAX = 1024;

/** As the AWS CLI words it, whatever it puts before it. */
const AWS_ERROR = /An error occurred \((\w+)\) when calling the (\w+) operation(?: \([^)]*\))?: (.*)/;

const AWS_REASONS: Record<string, BuildFailedReason> = {
  AccessDenied: 'BuilderAccessDenied',
  AccessDeniedException: 'BuilderAccessDenied',
  NoSuchKey: 'ContextNotFound',
  NoSuchVersion: 'ContextNotFound',
  NoSuchBucket: 'BuilderNotFound',
};

/** The operations of the build specification, as IAM calls their permissions. */
const ACTIONS: Record<string, string> = {
  GetAuthorizationToken: 'ecr:GetAuthorizationToken',
  GetObject: 's3:GetObject and s3:GetObjectVersion',
};

function awsFailure(lines: string[]): Pick<BuildFailure, 'reason' | 'message'> | undefined {
  const [, code = '', operation = '', said = ''] =
    AWS_ERROR.exec(lines.findLast((line) => AWS_ERROR.test(line)) ?? '') ?? [];
  if (code === '') return undefined;
  const reason = AWS_REASONS[code] ?? 'BuilderFault';
  const denied =
    reason === 'BuilderAccessDenied' ? `the project’s role lacks ${ACTIONS[operation] ?? operation}: ` : '';
  return { reason, message: `${denied}${code}: ${said}` };
}

/** Undefined where the log says nothing of a failure, as one does whose last lines are still on their way. */
export function explain(log: string): BuildFailure | undefined {
  const lines = cleanLines(log).filter((line) => !REMARK.test(line));
  const diagnosed = diagnose(lines.join('\n'));
  if (diagnosed) return diagnosed;
  const aws = awsFailure(lines);
  return aws && { ...aws, message: aws.message.slice(0, MESSAGE_MAX), logTail: lines.slice(-TAIL_LINES) };
}

/** What is left to say where no log explains it: what fails while building is the Dockerfile, what fails before is the builder. */
export function unexplained(
  { phase, said }: { phase: string; said: string },
  log: string,
  why: string,
): BuildFailure {
  const logTail = cleanLines(log)
    .filter((line) => !REMARK.test(line))
    .slice(-TAIL_LINES);
  return {
    reason: phase === 'BUILD' && logTail.length === 0 ? 'DockerfileFailed' : 'BuilderFault',
    message: `${why}; ${said}`.slice(0, MESSAGE_MAX),
    logTail,
  };
}
