/** What CodeBuild’s record says about a build. Pure. */
import type { Build as BuildRecord, BuildPhase as PhaseRecord } from '@aws-sdk/client-codebuild';
import type { BuildFailedReason } from '../../../crds/reasons.ts';
import type { BuildPhase, BuildState } from '../port.ts';
import { PREPARATION_MINUTES } from './request.ts';

/** A state, or: a command of ours failed in `phase`, and the log says why. */
export type Verdict = BuildState | { kind: 'broken'; phase: string; said: string };

/** Where the commands of the build specification run. */
const OURS = new Set(['INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD']);
const WAITING = new Set(['SUBMITTED', 'QUEUED']);

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** What S3, Secrets Manager and CodeBuild say where the container never came to our commands. Order counts. */
const SOURCE_RULES: { when: RegExp; reason: BuildFailedReason }[] = [
  { when: /NoSuchKey|NoSuchVersion/, reason: 'ContextNotFound' },
  { when: /NoSuchBucket/, reason: 'BuilderNotFound' },
  { when: /access ?denied|ACCESS_DENIED|not authorized|status code: 403/i, reason: 'BuilderAccessDenied' },
  { when: /Secrets Manager.*(ResourceNotFound|can't find)/s, reason: 'BuilderNotFound' },
];

/** The phases that have ended, in whole seconds. */
function phasesOf({ phases = [] }: BuildRecord): BuildPhase[] {
  return phases.flatMap(({ phaseType, durationInSeconds }) =>
    phaseType === undefined || durationInSeconds === undefined
      ? []
      : [{ name: phaseType, seconds: durationInSeconds }],
  );
}

/** What is told of every build that has begun. The address is AWS’s own; before the stream exists it leads nowhere. */
function account(record: BuildRecord): { phases?: BuildPhase[]; logUrl?: string } {
  const phases = phasesOf(record);
  const { streamName, deepLink } = record.logs ?? {};
  return {
    ...(phases.length > 0 && { phases }),
    ...(streamName !== undefined && deepLink !== undefined && { logUrl: deepLink }),
  };
}

const failedPhase = ({ phases = [] }: BuildRecord): PhaseRecord | undefined =>
  phases.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED');

const contextOf = ({ contexts = [] }: PhaseRecord): string =>
  contexts
    .map(({ statusCode, message }) => [statusCode, message].filter(Boolean).join(': '))
    .filter(Boolean)
    .join('; ');

const failed = (reason: BuildFailedReason, message: string): Verdict => ({
  kind: 'failed',
  reason,
  message: message.replaceAll(/\s+/g, ' ').slice(0, 1024),
  logTail: [],
});

/** `PROVISIONING: CLIENT_ERROR: …`; of a build without a phase that failed, its status alone. */
function describe(record: BuildRecord): string {
  const phase = failedPhase(record);
  const said = phase && contextOf(phase);
  return [phase?.phaseType ?? record.currentPhase, said || record.buildStatus].join(': ');
}

function timedOut(record: BuildRecord): Verdict {
  const phase = failedPhase(record)?.phaseType ?? record.currentPhase ?? '';
  if (WAITING.has(phase)) return failed('QueueTimeout', 'CodeBuild ended the build while it was queued');
  if (phase === 'BUILD' || phase === 'POST_BUILD')
    return failed('BuildTimeout', 'the build outlived its timeout');
  return failed('BuilderFault', `CodeBuild timed out in ${describe(record)}`);
}

/** S3 says neither which permission is missing nor for what. */
const deniedSource = ({ source, arn = '' }: BuildRecord): string =>
  `the project’s role may not read the context: s3:GetObject and s3:GetObjectVersion on arn:${arn.split(':')[1] ?? 'aws'}:s3:::${source?.location}; `;

function broken(record: BuildRecord): Verdict {
  const phase = failedPhase(record);
  const said = describe(record);
  const name = phase?.phaseType ?? '';
  if (OURS.has(name)) return { kind: 'broken', phase: name, said };
  const reason = SOURCE_RULES.find(({ when }) => when.test(said))?.reason ?? 'BuilderFault';
  const s3 = name === 'DOWNLOAD_SOURCE' && !/secretsmanager|Secrets Manager/.test(said);
  return failed(reason, reason === 'BuilderAccessDenied' && s3 ? deniedSource(record) + said : said);
}

function succeeded({ exportedEnvironmentVariables = [] }: BuildRecord): Verdict {
  const digest = exportedEnvironmentVariables.find(({ name }) => name === 'SB_IMAGE_DIGEST')?.value ?? '';
  return DIGEST.test(digest)
    ? { kind: 'succeeded', digest }
    : failed('BuilderUnavailable', 'the build named no digest');
}

/** It runs from the end of the queue; its timeout counts from the phase that builds, or from when that is overdue. */
function running(record: BuildRecord): Verdict {
  const { currentPhase = 'QUEUED', phases = [] } = record;
  if (WAITING.has(currentPhase)) return { kind: 'queued' };
  const startOf = (type: string) => phases.find(({ phaseType }) => phaseType === type)?.startTime;
  const [build, provisioning] = [startOf('BUILD'), startOf('PROVISIONING')];
  if (build) return { kind: 'running', since: build.toISOString() };
  if (!provisioning) return { kind: 'running' };
  const prepared = new Date(provisioning.getTime() + PREPARATION_MINUTES * 60_000);
  return { kind: 'running', since: provisioning.toISOString(), timeoutFrom: prepared.toISOString() };
}

function verdict(record: BuildRecord): Verdict {
  switch (record.buildStatus) {
    case 'SUCCEEDED':
      return succeeded(record);
    case 'FAILED':
      return broken(record);
    case 'FAULT':
      return failed('BuilderFault', describe(record));
    case 'TIMED_OUT':
      return timedOut(record);
    case 'STOPPED':
      return failed('BuildStopped', 'someone stopped the build in CodeBuild');
    case 'IN_PROGRESS':
    case undefined:
      return running(record);
    default:
      return record.buildStatus satisfies never;
  }
}

/** The state of a build, with what CodeBuild tells of its course. */
export function judge(record: BuildRecord): Verdict {
  const judged = verdict(record);
  return judged.kind === 'queued' ? judged : { ...judged, ...account(record) };
}
