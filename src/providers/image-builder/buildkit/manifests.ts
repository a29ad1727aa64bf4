/** The Job of a build. Pure. */
import { posix } from 'node:path';
import type { Job } from '../../../kube/kinds.ts';
import {
  BROKER_TOKEN,
  brokerEnv,
  literal,
  TOKEN_FOLDER,
  type Broker,
  type EnvEntry,
} from '../../../pods/building/env.ts';
import { attemptJob } from '../../../pods/building/job.ts';
import { podSpec, type ContainerLayout, type VolumeSource } from '../../../pods/building/layout.ts';
import type { PodSpec } from '../../../pods/reading/containers.ts';
import type { Build } from '../port.ts';
import { sourcePolicy } from '../source-policy.ts';

export interface JobSettings extends Broker {
  /** `tcp://host:port` of buildkitd. */
  address: string;
  /** Image with `buildctl` and a shell. */
  buildctlImage: string;
  /** The operator’s own image. */
  courierImage: string;
  /** Prefixes of base images’ names, and what they are pulled from instead. */
  baseImageMirrors?: Record<string, string>;
}

const CONTEXT = '/context';
const CONFIG_MAP = '/context-configmap';
const LOGIN = '/login';
const UID = 10_001;

/**
 * Runs buildctl with the container’s arguments, which never pass through the shell’s parser, and leaves a termination message: the digest of what was
 * pushed, or as much of the log’s end as fits into one (4096 bytes; Kubernetes itself would take half of that), since the operator reads no logs. Only the outermost key counts: annotations, further in, are written by whoever writes a frontend.
 */
const SCRIPT = [
  '{ buildctl "$@" --metadata-file /tmp/metadata.json 2>&1; echo $? > /tmp/code; } | tee /tmp/log',
  'read -r code < /tmp/code',
  'if [ "$code" != 0 ]; then',
  '  tail -c 4096 /tmp/log > /dev/termination-log',
  '  exit "$code"',
  'fi',
  `exec sed -n 's/^  "containerimage.digest": "\\(sha256:[0-9a-f]*\\)",\\{0,1\\}$/\\1/p' /tmp/metadata.json > /dev/termination-log`,
];

/**
 * `# syntax=docker/dockerfile:1` names an image that BuildKit has in itself since v0.27: it takes whoever says `cmdline` for that image, so
 * nothing is pulled. Other frontends, and later ones, are pulled. The file is a stranger's: no more than its beginning is read.
 */
const BUILT_IN_FRONTEND = [
  'if head -c 4096 "$SB_DOCKERFILE" 2>/dev/null | head -n 1 |',
  `    grep -Eqi '^# *syntax *= *(docker[.]io/)?docker/dockerfile:1([.](1?[0-9]|20)([.][0-9]+)?)?[[:space:]]*$'; then`,
  '  set -- "$@" --opt cmdline=docker/dockerfile:1',
  'fi',
];

/** Without its login a build would be refused base images for a reason that nobody understands. */
const LOGIN_CHECK = [
  'if [ ! -f "$DOCKER_CONFIG/config.json" ]; then',
  '  echo "sb-build: BuilderNotFound: spec.secretRefs: there is no Secret $SB_SECRET of type kubernetes.io/dockerconfigjson"',
  '  exit 1',
  'fi',
];

/** A field of a line of comma-separated values. */
const quoted = (field: string): string => `"${field.replaceAll('"', '""')}"`;

/** Path within the context, whatever the dots in it. */
const within = (path: string): string => posix.normalize(`/${path}`).slice(1);

/** Arguments of `buildctl`. */
export function buildctlArguments(build: Build, address: string): string[] {
  const options = {
    filename: within(build.dockerfile),
    platform: build.platform,
    ...(build.target === undefined ? {} : { target: build.target }),
    ...Object.fromEntries(
      Object.entries(build.buildArgs).map(([name, value]) => [`build-arg:${name}`, value]),
    ),
  };
  const pairs = [
    ['--progress', 'plain'],
    ['--frontend', 'dockerfile.v0'],
    ['--local', `context=${CONTEXT}`],
    ['--local', `dockerfile=${CONTEXT}`],
    ...Object.entries(options).map(([name, value]) => ['--opt', `${name}=${value}`]),
    ['--output', `type=image,${quoted(`name=${build.image}`)},push=true`],
  ];
  return ['--addr', address, 'build', ...pairs.flat()];
}

type Volume = 'context' | 'tmp' | 'source' | 'login';

const SCRATCH = { volume: 'tmp', path: '/tmp' } as const;

interface ContextSource {
  args: string[];
  env: EnvEntry[];
  /** Where `volume` is mounted. */
  path: string;
  volume: VolumeSource;
}

/** What the context container needs for each kind of context: only an archive takes a token. */
const contextSource = ({ context }: Build, settings: JobSettings): ContextSource =>
  context.kind === 'configMap'
    ? {
        args: ['--configmap', context.sha256],
        env: [],
        path: CONFIG_MAP,
        // Optional, since a Pod whose ConfigMap is missing waits for ever; the courier says ContextNotFound instead.
        volume: { configMap: { name: context.name, optional: true } },
      }
    : { args: [], env: brokerEnv(settings), path: TOKEN_FOLDER, volume: BROKER_TOKEN };

interface Login {
  script: string[];
  env: EnvEntry[];
  volume?: VolumeSource;
}

/** What logs the build in to registries: seen by buildctl’s container alone, which runs nothing of the Dockerfile. */
function loginOf({ secret }: Build): Login {
  if (secret === undefined) return { script: [], env: [] };
  // Optional, since a Pod whose Secret is missing waits for ever; the script says so instead.
  const items = [{ key: '.dockerconfigjson', path: 'config.json' }];
  return {
    script: LOGIN_CHECK,
    env: [
      { name: 'DOCKER_CONFIG', value: LOGIN },
      { name: 'SB_SECRET', value: literal(secret) },
    ],
    volume: { secret: { secretName: secret, items, optional: true } },
  };
}

/** Has buildctl ask for base images at their mirrors. */
function mirroring({ baseImageMirrors = {} }: JobSettings) {
  const policy = sourcePolicy(baseImageMirrors);
  if (policy === undefined) return { script: [], env: [] };
  return {
    script: [
      `printf '%s' "$SB_SOURCE_POLICY" > /tmp/source-policy.json`,
      'set -- "$@" --source-policy-file /tmp/source-policy.json',
    ],
    env: [{ name: 'SB_SOURCE_POLICY', value: literal(policy) }],
  };
}

const ON_FAILURE = { terminationMessagePolicy: 'FallbackToLogsOnError' };

function contextContainer(source: ContextSource, { courierImage }: JobSettings): ContainerLayout<Volume> {
  return {
    role: 'context',
    image: courierImage,
    command: ['node', '/app/courier.js', 'context', ...source.args],
    env: source.env,
    ...ON_FAILURE,
    mounts: [
      { volume: 'context', path: CONTEXT },
      { volume: 'source', path: source.path, readOnly: true },
      SCRATCH,
    ],
  };
}

function buildContainer(build: Build, settings: JobSettings, login: Login): ContainerLayout<Volume> {
  const mirrors = mirroring(settings);
  // An argument of this name has BuildKit take a frontend that the Dockerfile does not name.
  const frontend = Object.hasOwn(build.buildArgs, 'BUILDKIT_SYNTAX') ? [] : BUILT_IN_FRONTEND;
  const script = [...login.script, ...mirrors.script, ...frontend, ...SCRIPT].join('\n');
  const dockerfile = { name: 'SB_DOCKERFILE', value: literal(`${CONTEXT}/${within(build.dockerfile)}`) };
  return {
    role: 'build',
    image: settings.buildctlImage,
    command: ['/bin/sh', '-c', script, 'build'],
    args: buildctlArguments(build, settings.address).map(literal),
    env: [{ name: 'HOME', value: '/tmp' }, dockerfile, ...login.env, ...mirrors.env],
    ...ON_FAILURE,
    mounts: [
      { volume: 'context', path: CONTEXT, readOnly: true },
      SCRATCH,
      { volume: 'login', path: LOGIN, readOnly: true },
    ],
  };
}

function podOf(build: Build, settings: JobSettings): PodSpec {
  const source = contextSource(build, settings);
  const login = loginOf(build);
  return podSpec<Volume>({
    // Of the Pod and not of the Job: it counts from the Pod’s start, and the Pod’s log survives it.
    activeDeadlineSeconds: build.timeoutSeconds,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: UID, runAsGroup: UID, fsGroup: UID },
    containers: [contextContainer(source, settings), buildContainer(build, settings, login)],
    volumes: {
      context: { emptyDir: {} },
      tmp: { emptyDir: {} },
      source: source.volume,
      login: login.volume,
    },
  });
}

/** The Job that builds, pushes and names the digest; it runs once. */
export const buildJob = (build: Build, settings: JobSettings): Job =>
  attemptJob({
    owner: { kind: 'TaskBuild', metadata: build.owner },
    number: build.attempt,
    pod: podOf(build, settings),
    job: { name: build.token },
  });
