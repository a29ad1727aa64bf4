/** The Job of a build. Pure. */
import { posix } from 'node:path';
import { API_VERSION, bounded, BROKER_AUDIENCE, LABEL } from '../../../crds/names.ts';
import { CONTAINERS, POD_PATHS } from '../../../wire/pod-paths.ts';
import { literal } from '../../../crds/literal.ts';
import type { Job } from '../../../kube/kinds.ts';
import type { Build } from '../port.ts';
import { sourcePolicy } from '../source-policy.ts';

export interface JobSettings {
  /** `tcp://host:port` of buildkitd. */
  address: string;
  /** Image with `buildctl` and a shell. */
  buildctlImage: string;
  /** The operator’s own image. */
  courierImage: string;
  brokerUrl: string;
  /** PEM of the broker’s certificate authority. */
  brokerCa: string;
  /** Prefixes of base images’ names, and what they are pulled from instead. */
  baseImageMirrors?: Record<string, string>;
}

const CONTEXT = '/context';
const CONFIG_MAP = '/context-configmap';
const LOGIN = '/login';
const UID = 10_001;
/** The kubelet refreshes the token; each is good for this long. */
const TOKEN_SECONDS = 3600;

/**
 * Runs buildctl with the container’s arguments, which never pass through the shell’s parser, and leaves the digest of what was pushed as
 * termination message. Only the outermost key counts: annotations, further in, are written by whoever writes a frontend.
 */
const SCRIPT = [
  'buildctl "$@" --metadata-file /tmp/metadata.json || exit',
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

const SCRATCH = { name: 'tmp', mountPath: '/tmp' };

const CONTAINER = {
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  resources: {
    requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '1Gi' },
    limits: { 'ephemeral-storage': '10Gi' },
  },
  terminationMessagePolicy: 'FallbackToLogsOnError',
};

/** What the context container needs for each kind of context: only an archive takes a token. */
function contextSource({ context }: Build, { brokerUrl, brokerCa }: JobSettings) {
  if (context.kind === 'configMap') {
    return {
      args: ['--configmap', context.sha256],
      env: [],
      mount: { name: 'source', mountPath: CONFIG_MAP, readOnly: true },
      // Optional, since a Pod whose ConfigMap is missing waits for ever; the courier says ContextNotFound instead.
      volume: { name: 'source', configMap: { name: context.name, optional: true } },
    };
  }
  const token = {
    audience: BROKER_AUDIENCE,
    expirationSeconds: TOKEN_SECONDS,
    path: posix.basename(POD_PATHS.token),
  };
  return {
    args: [],
    env: [
      { name: 'SB_BROKER_URL', value: literal(brokerUrl) },
      { name: 'SB_BROKER_CA', value: literal(brokerCa) },
    ],
    mount: { name: 'source', mountPath: posix.dirname(POD_PATHS.token), readOnly: true },
    volume: { name: 'source', projected: { sources: [{ serviceAccountToken: token }] } },
  };
}

/** What logs the build in to registries: seen by buildctl’s container alone, which runs nothing of the Dockerfile. */
function loginOf({ secret }: Build) {
  if (secret === undefined) return { script: [], env: [], mounts: [], volumes: [] };
  // Optional, since a Pod whose Secret is missing waits for ever; the script says so instead.
  const items = [{ key: '.dockerconfigjson', path: 'config.json' }];
  return {
    script: LOGIN_CHECK,
    env: [
      { name: 'DOCKER_CONFIG', value: LOGIN },
      { name: 'SB_SECRET', value: literal(secret) },
    ],
    mounts: [{ name: 'login', mountPath: LOGIN, readOnly: true }],
    volumes: [{ name: 'login', secret: { secretName: secret, items, optional: true } }],
  };
}

type Login = ReturnType<typeof loginOf>;

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

function buildContainer(build: Build, settings: JobSettings, login: Login) {
  const mirrors = mirroring(settings);
  // An argument of this name has BuildKit take a frontend that the Dockerfile does not name.
  const frontend = Object.hasOwn(build.buildArgs, 'BUILDKIT_SYNTAX') ? [] : BUILT_IN_FRONTEND;
  const script = [...login.script, ...mirrors.script, ...frontend, ...SCRIPT].join('\n');
  const dockerfile = { name: 'SB_DOCKERFILE', value: literal(`${CONTEXT}/${within(build.dockerfile)}`) };
  return {
    ...CONTAINER,
    name: CONTAINERS.build,
    image: settings.buildctlImage,
    command: ['/bin/sh', '-c', script, 'build'],
    args: buildctlArguments(build, settings.address).map(literal),
    env: [{ name: 'HOME', value: '/tmp' }, dockerfile, ...login.env, ...mirrors.env],
    volumeMounts: [{ name: 'context', mountPath: CONTEXT, readOnly: true }, SCRATCH, ...login.mounts],
  };
}

function podSpec(build: Build, settings: JobSettings) {
  const source = contextSource(build, settings);
  const login = loginOf(build);
  return {
    restartPolicy: 'Never',
    // Of the Pod and not of the Job: it counts from the Pod’s start, and the Pod’s log survives it.
    activeDeadlineSeconds: build.timeoutSeconds,
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: UID,
      runAsGroup: UID,
      fsGroup: UID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    initContainers: [
      {
        ...CONTAINER,
        name: CONTAINERS.context,
        image: settings.courierImage,
        command: ['node', '/app/courier.js', 'context', ...source.args],
        env: source.env,
        volumeMounts: [{ name: 'context', mountPath: CONTEXT }, source.mount, SCRATCH],
      },
    ],
    containers: [buildContainer(build, settings, login)],
    volumes: [
      { name: 'context', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      source.volume,
      ...login.volumes,
    ],
  };
}

/** The Job that builds, pushes and names the digest; it runs once. */
export function buildJob(build: Build, settings: JobSettings): Job {
  const { namespace, name, uid } = build.owner;
  const labels = { [LABEL.taskBuild]: bounded(name), [LABEL.attempt]: String(build.attempt) };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: build.token,
      namespace,
      labels,
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'TaskBuild', name, uid, controller: true }],
    },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels, annotations: { 'karpenter.sh/do-not-disrupt': 'true' } },
        spec: podSpec(build, settings),
      },
    },
  };
}
