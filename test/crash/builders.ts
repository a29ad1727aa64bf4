/** The builders of a world: what has one clock and one registry with it, and outlives its operators. */
import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../../src/async/clock.ts';
import { codebuildImageBuilder } from '../../src/providers/image-builder/codebuild.ts';
import type { ImageBuilder } from '../../src/providers/image-builder/port.ts';
import { refusalOf, roleOf } from '../support/aws/iam/roles.ts';
import { scriptedExecutor, startCodeBuild, memoryLogs } from '../support/codebuild/index.ts';
import type { Build, Script } from '../support/codebuild/index.ts';
import type { CodeBuildOptions, CodeBuildService } from '../support/codebuild/service.ts';
import type { Life } from '../support/mortal.ts';
import { mortalFront } from '../support/mortal-front.ts';

const PLACE = { region: 'us-east-1', account: '123456789012' };
const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG' };
const PROJECT = 'abundant-sb-build';
const OPERATOR = roleOf('operator');

export interface CodeBuildWorld {
  /** What happens in a build beside its push. */
  script?: Omit<Script, 'effect' | 'exports'>;
  /** Builds that the service runs at the same time. */
  quota?: CodeBuildOptions['quota'];
  /** The adapter's; milliseconds of the operator's time. */
  pollMs?: number;
}

export interface World {
  now: () => Date;
  push: (image: string, digest: string) => void;
}

/** What a build pushes. */
export const imageOf = ({ environment }: Build): string =>
  environment.environmentVariables.find(({ name }) => name === 'SB_IMAGE')?.value ?? '';

/** Digest of what is pushed under a name. */
export const digestOf = (image: string): string =>
  `sha256:${createHash('sha256').update(image).digest('hex')}`;

/** Real time, with the leaps of the world. */
const leaping = (now: () => Date): Clock => ({
  now: () => now().getTime(),
  monotonic: () => systemClock.monotonic(),
  after: (ms, run) => systemClock.after(ms, run),
});

/** A CodeBuild whose builds push into the world's registry. */
export function codeBuildOf({ now, push }: World, options: CodeBuildWorld): Promise<CodeBuildService> {
  const executor = scriptedExecutor((build) => {
    const image = imageOf(build);
    const digest = digestOf(image);
    return { ...options.script, exports: { SB_IMAGE_DIGEST: digest }, effect: () => push(image, digest) };
  });
  return startCodeBuild({
    ...PLACE,
    credentials: KEY,
    projects: { [PROJECT]: {} },
    executor,
    logs: memoryLogs(),
    clock: leaping(now),
    ...(options.quota !== undefined && { quota: options.quota }),
  });
}

/** The adapter of one operator, which makes no call after the operator's death. */
export async function mortalCodeBuild(
  life: Life,
  service: CodeBuildService,
  { now, pollMs }: { now: () => Date; pollMs: number | undefined },
): Promise<{ builder: ImageBuilder; close: () => Promise<void> }> {
  const front = await mortalFront(life, await service.door((asked) => refusalOf(OPERATOR, asked)));
  const builder = codebuildImageBuilder({
    region: PLACE.region,
    endpoint: front.url,
    credentials: KEY,
    platform: 'linux/amd64',
    project: PROJECT,
    stack: 'abundant-sb',
    buildkitImage: 'moby/buildkit:latest',
    baseImageMirrors: {},
    readLog: async () => '',
    now: () => now().getTime(),
    ...(pollMs !== undefined && { pollMs }),
  });
  return { builder: life.view(builder, () => false), close: front.close };
}
