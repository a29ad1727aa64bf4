/**
 * The images that an installation brings along, in repositories of the account: made by one build of the installation's own CodeBuild project, so
 * that no Docker is needed here, and Docker Hub is met once.
 */
import { createHash } from 'node:crypto';
import { awsNames } from '../../../installation/aws/names.ts';
import { outputOf } from '../../../installation/aws/values.ts';
import type { ToolPorts } from '../../../providers/profiles/tools.ts';
import type { Copy, ToolBuild } from '../../../providers/tool-builder/port.ts';
import { CliError } from '../../failures/error.ts';
import type { CloudContext, CloudStep } from '../steps.ts';
import { waitFor } from './wait.ts';

export interface ImageNames {
  /** The operator's, and so the courier's. */
  operator: string;
  buildKit: string;
  fluentBit: string;
}

export interface ToolImages {
  /** Whether all of them are there. */
  areThere(cloud: CloudContext): Promise<boolean>;
  /** Names with digests. Rejects where one is not there. */
  names(cloud: CloudContext): Promise<ImageNames>;
}

/** Where the operator's image comes from: what a release has pushed, by digest, or what it is built of. */
export type OperatorSource = { kind: 'image'; reference: string } | { kind: 'context'; archive: Uint8Array };

export interface ImagesOptions {
  /** Of `sb`. */
  version: string;
  /** Rejects with SB-E132 where there is none. */
  operator: () => Promise<OperatorSource>;
  open: (cloud: CloudContext) => Promise<ToolPorts>;
}

const BUILDKIT = 'v0.27.1';
const FLUENT_BIT = '4.1.1';
/** The tags of the Dockerfile frontend that people name. Its mirror has no others. */
const FRONTENDS = ['1', '1-labs', 'latest'];

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Tags cannot be pushed anew: what is of another content has another one. */
const tagOf = (version: string, source: OperatorSource): string =>
  source.kind === 'image' ? version : `${version}-${sha256(source.archive).slice(0, 12)}`;

interface Wanted {
  operator: { target: string; source: OperatorSource };
  buildKit: Copy;
  fluentBit: Copy;
  frontends: Copy[];
}

/** What it consists of, by name and tag. */
async function wanted(cloud: CloudContext, { version, operator }: ImagesOptions): Promise<Wanted> {
  const [outputs, source] = await Promise.all([cloud.outputs('artifacts'), operator()]);
  const of = outputOf(outputs);
  const [uri, tools] = [of('Operator'), of('Tools')];
  return {
    operator: { target: `${uri}:${tagOf(version, source)}`, source },
    buildKit: { source: `docker.io/moby/buildkit:${BUILDKIT}`, target: `${tools}/buildkit:${BUILDKIT}` },
    fluentBit: {
      source: `public.ecr.aws/aws-observability/aws-for-fluent-bit:${FLUENT_BIT}`,
      target: `${tools}/fluent-bit:${FLUENT_BIT}`,
    },
    frontends: FRONTENDS.map((tag) => ({
      source: `docker.io/docker/dockerfile:${tag}`,
      target: `${tools}/dockerfile:${tag}`,
    })),
  };
}

const repositoryOf = (image: string): string => image.slice(0, image.lastIndexOf(':'));

/** The image by digest; undefined where the repository has none of that tag. */
const resolved = async (ports: ToolPorts, image: string): Promise<string | undefined> =>
  (await ports.registry(repositoryOf(image)).resolve(image))?.reference;

async function found(ports: ToolPorts, images: Wanted): Promise<(string | undefined)[]> {
  const { operator, buildKit, fluentBit, frontends } = images;
  const targets = [
    operator.target,
    buildKit.target,
    fluentBit.target,
    ...frontends.map(({ target }) => target),
  ];
  return Promise.all(targets.map((target) => resolved(ports, target)));
}

export const toolImages = (options: ImagesOptions): ToolImages => {
  const look = async (cloud: CloudContext) => {
    const [ports, images] = await Promise.all([options.open(cloud), wanted(cloud, options)]);
    return found(ports, images);
  };
  return {
    areThere: async (cloud) => (await look(cloud)).every((image) => image !== undefined),
    async names(cloud) {
      const [operator, buildKit, fluentBit] = await look(cloud);
      if (!operator || !buildKit || !fluentBit)
        throw failure('the repositories of the installation do not have all of its images');
      return { operator, buildKit, fluentBit };
    },
  };
};

/** An hour is what the build itself has. */
const LIMIT_MS = 70 * 60_000;

export function imagesStep(options: ImagesOptions, images: ToolImages): CloudStep {
  return {
    name: 'images',
    shows: ({ stack }) => [
      `the operator's image in ${awsNames({ stack, account: '', region: '' }).operator}`,
      `copies of BuildKit, the Dockerfile frontend and Fluent Bit in ${stack}-tools, made by one build on CodeBuild`,
    ],
    isDone: async (cloud) => {
      // A plan is shown before there is a stack.
      if (!(await hasArtifacts(cloud))) return false;
      return images.areThere(cloud);
    },
    async make(cloud) {
      const [ports, all] = await Promise.all([options.open(cloud), wanted(cloud, options)]);
      await ended(cloud, ports, await started(cloud, ports, await buildOf(cloud, ports, all)));
    },
    // They stay with what was made of them.
    remove: () => Promise.resolve(),
  };
}

const hasArtifacts = (cloud: CloudContext): Promise<boolean> =>
  cloud.outputs('artifacts').then(
    () => true,
    () => false,
  );

/** The same for the same images within an hour: who comes second, or again, finds the first one's build. */
async function buildOf(cloud: CloudContext, ports: ToolPorts, all: Wanted): Promise<ToolBuild> {
  const { operator, buildKit, fluentBit, frontends } = all;
  const { source, target } = operator;
  const copies = [buildKit, fluentBit, ...frontends];
  const shared = { loggedIn: Boolean(cloud.env['SB_DOCKERHUB_SECRET']) };
  const token = sha256(JSON.stringify([copies, target, Math.floor(cloud.now().getTime() / 3_600_000)])).slice(
    0,
    60,
  );
  if (source.kind === 'image')
    return { ...shared, token, copies: [...copies, { source: source.reference, target }] };
  const bucket = outputOf(await cloud.outputs('artifacts'))('Bucket');
  const digest = sha256(source.archive);
  const key = `${awsNames().contexts}/${digest}.zip`;
  await ports.store.put(key, source.archive);
  const context = { bucket, key, sha256: digest };
  return { ...shared, token, copies, image: { target, platform: 'linux/amd64', context } };
}

/** CodeBuild finds a build by its token for five minutes: one that has failed by then is made once more under another. */
async function started(cloud: CloudContext, { builder }: ToolPorts, build: ToolBuild): Promise<string> {
  const id = await builder.start(build);
  const { kind } = await builder.state(id);
  return kind === 'failed'
    ? builder.start({ ...build, token: `${build.token.slice(0, 40)}-${cloud.now().getTime()}` })
    : id;
}

async function ended(cloud: CloudContext, { builder }: ToolPorts, id: string): Promise<void> {
  await waitFor(cloud, {
    limitMs: LIMIT_MS,
    look: async () => {
      const state = await builder.state(id);
      if (state.kind === 'succeeded') return { done: undefined };
      if (state.kind === 'running') return { still: `images: build ${id}, ${state.phase.toLowerCase()}` };
      throw failure(`build ${id} failed in ${state.phase}:\n${state.log}`);
    },
    late: (still) => failure(`${still}, for more than an hour`),
  });
}

const failure = (why: string, cause?: unknown): CliError =>
  new CliError('SB-E132', {
    what: 'cannot bring the images of the installation along',
    why,
    fix: 'run the same command again: what is there already is not made again',
    cause,
  });

/** `host/repository@sha256:…`. */
export const REFERENCE_BY_DIGEST = /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$/;

export const withoutOperator = (why: string): CliError =>
  new CliError('SB-E132', {
    what: 'cannot find the image of the operator',
    why,
    fix: 'SB_OPERATOR_IMAGE=<repository>@sha256:<digest>, as the release of this version has pushed it',
  });
