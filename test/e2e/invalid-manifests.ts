/** Manifests that the API server must refuse, each with the words that its message must hold. */

type Json = { [key: string]: unknown };

/** A refusal: what is wrong in words, the change to a valid spec (`null` removes a field), and what the message names. */
export type Refusal = [title: string, change: Json, named: string];

export const validTrial: Json = {
  task: { name: 'hello', configMap: { name: 'hello-task' } },
  environment: { image: 'debian:bookworm-slim' },
};

export const validTaskBuild: Json = { context: { configMap: { name: 'hello-context' } } };

/** JSON merge patch (RFC 7396). */
export function merged(target: unknown, change: Json): Json {
  const result: Json = { ...(isObject(target) ? target : {}) };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key];
    else result[key] = isObject(value) ? merged(result[key], value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const build = (change: Json): Json => ({
  environment: { image: null, build: merged(validTaskBuild, change) },
});
const agentEnv = (...env: Json[]): Json => ({ agent: { env } });
const many = (count: number, item: (index: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, index) => item(index));

/** What the API describes and this version does not run yet. */
export const unsupported: Refusal[] = [
  ['sidecars', { environment: { sidecars: [{ name: 'db', image: 'postgres' }] } }, 'sidecars'],
  ['an agent that this version does not bring', { agent: { name: 'no-such-agent' } }, 'agent.name'],
  ['two platforms of a build', build({ platforms: ['linux/amd64', 'linux/arm64'] }), 'platforms'],
];

/** What contradicts itself. */
export const contradictory: Refusal[] = [
  [
    'CodeBuild with a ConfigMap context',
    build({ backend: 'CodeBuild', context: { configMap: { name: 'files' } } }),
    'S3 only',
  ],
  ['a task without a source', { task: { configMap: null } }, 'either s3 or configMap'],
  ['a task with two sources', { task: { s3: { uri: 's3://bucket/tasks/hello' } } }, 'either s3 or configMap'],
  [
    'an environment with two images',
    { environment: { buildRef: { name: 'hello' } } },
    'image, buildRef and build',
  ],
  [
    'a verifier with two images',
    { verifier: { mode: 'Separate', image: 'debian', build: validTaskBuild } },
    'verifier.image and verifier.build',
  ],
  ['an image for a shared verifier', { verifier: { image: 'debian' } }, 'verifier.mode: Separate'],
  [
    'a build for a shared verifier',
    { verifier: { mode: 'Shared', build: validTaskBuild } },
    'verifier.mode: Separate',
  ],
  ['a custom agent without run', { agent: { name: 'custom' } }, 'run is required'],
  ['a regrade of nothing', { regrade: {} }, 'either trial or s3'],
  [
    'a regrade of two Trials',
    { regrade: { trial: 'first', s3: { uri: 's3://bucket/trials/run/first__0123456/' } } },
    'either trial or s3',
  ],
  [
    'a regrade of what lies outside of trials/',
    { regrade: { s3: { uri: 's3://bucket/tasks/first' } } },
    'spec.regrade.s3.uri',
  ],
  [
    'a regrade without a verifier',
    { regrade: { trial: 'first' }, verifier: { disabled: true } },
    'leaves nothing to regrade',
  ],
  ['the oracle with run', { agent: { run: 'true' } }, 'run is required'],
  ['the oracle with install', { agent: { install: 'true' } }, 'install is for agent custom only'],
  ['the oracle with a model', { agent: { model: 'example/model' } }, 'model for custom'],
  ['a variable without a value', agentEnv({ name: 'KEY' }), 'value or secretKeyRef'],
  [
    'a variable with two values',
    agentEnv({ name: 'KEY', value: 'a', secretKeyRef: { name: 's', key: 'k' } }),
    'value or secretKeyRef',
  ],
  [
    'a variable twice',
    agentEnv({ name: 'KEY', value: 'a' }, { name: 'KEY', value: 'b' }),
    'spec.agent.env[1]',
  ],
  [
    'a request of more memory than the limit',
    { environment: { resources: { requests: { memory: '1Gi' }, limits: { memory: '256Mi' } } } },
    'requests.memory',
  ],
  [
    'a request of more cores than the limit',
    { environment: { resources: { requests: { cpu: '2' }, limits: { cpu: '1500m' } } } },
    'requests.cpu',
  ],
  [
    'more disk asked for than allowed',
    {
      environment: {
        resources: { requests: { 'ephemeral-storage': '20Gi' }, limits: { 'ephemeral-storage': '16Gi' } },
      },
    },
    'requests.ephemeral-storage',
  ],
  [
    'allowed hosts without the mode that they are for',
    { environment: { network: { allowedHosts: ['example.org'] } } },
    'network.allowedHosts',
  ],
  ['a build without a context', build({ context: { configMap: null } }), 'either s3 or configMap'],
];

/** What is out of bounds, misspelt or of the wrong type. */
export const outOfBounds: Refusal[] = [
  ['two logins of a build', build({ secretRefs: [{ name: 'a' }, { name: 'b' }] }), 'secretRefs'],
  ['no task', { task: null }, 'spec.task'],
  ['an unknown field', { hostNetwork: true }, 'spec.hostNetwork'],
  ['an unknown field further down', { environment: { privileged: true } }, 'spec.environment.privileged'],
  ['a task name with a space', { task: { name: 'hello world' } }, 'spec.task.name'],
  ['an empty task name', { task: { name: '' } }, 'spec.task.name'],
  ['a dataset with a slash', { task: { dataset: 'a/b' } }, 'spec.task.dataset'],
  ['a task version that is no hash', { task: { version: 'latest' } }, 'spec.task.version'],
  [
    'a task URI that is not of S3',
    { task: { configMap: null, s3: { uri: 'https://example.org/tasks' } } },
    'spec.task.s3.uri',
  ],
  ['a ConfigMap name in capitals', { task: { configMap: { name: 'Hello' } } }, 'spec.task.configMap.name'],
  ['an empty image', { environment: { image: '' } }, 'spec.environment.image'],
  [
    'an image longer than 1,024 characters',
    { environment: { image: 'a'.repeat(1025) } },
    'spec.environment.image',
  ],
  [
    'a quantity without a number',
    { environment: { resources: { requests: { cpu: 'much' } } } },
    'resources.requests.cpu',
  ],
  [
    'a negative quantity',
    { environment: { resources: { limits: { memory: '-1Gi' } } } },
    'resources.limits.memory',
  ],
  ['a negative number of cores', { environment: { resources: { requests: { cpu: -1 } } } }, 'requests.cpu'],
  [
    'memory in Docker’s units',
    { environment: { resources: { requests: { memory: '2g' } } } },
    'such as 512Mi or 2Gi',
  ],
  [
    'memory in thousandths',
    { environment: { resources: { limits: { memory: '512m' } } } },
    'such as 512Mi or 2Gi',
  ],
  ['cores with a word', { environment: { resources: { requests: { cpu: '2 cores' } } } }, "2, '0.5' or 500m"],
  ['65 GPUs', { environment: { gpus: 65 } }, 'spec.environment.gpus'],
  ['half a GPU', { environment: { gpus: 0.5 } }, 'spec.environment.gpus'],
  ['a relative workdir', { environment: { workdir: 'app' } }, 'spec.environment.workdir'],
  ['a user with two groups', { environment: { user: 'root:root:staff' } }, 'spec.environment.user'],
  ['a variable name with a dash', agentEnv({ name: 'MY-KEY', value: 'a' }), 'spec.agent.env[0].name'],
  [
    '129 variables',
    agentEnv(...(many(129, (index) => ({ name: `V${index}`, value: '' })) as Json[])),
    'spec.agent.env',
  ],
  [
    'a healthcheck without a command',
    { environment: { healthcheck: { retries: 3 } } },
    'healthcheck.command',
  ],
  [
    'a healthcheck without retries',
    { environment: { healthcheck: { command: 'true', retries: 0 } } },
    'healthcheck.retries',
  ],
  ['an agent without time', { agent: { timeoutSeconds: 0 } }, 'spec.agent.timeoutSeconds'],
  ['a verifier with 31 days', { verifier: { timeoutSeconds: 2_678_400 } }, 'spec.verifier.timeoutSeconds'],
  ['an artifact without a path', { artifacts: [{ source: '' }] }, 'spec.artifacts[0].source'],
  ['a step twice', { steps: [{ name: 'first' }, { name: 'first' }] }, 'spec.steps'],
  ['a rewardStrategy that is none', { rewardStrategy: 'Median' }, 'spec.rewardStrategy'],
  ['65 artifacts', { artifacts: many(65, (index) => ({ source: `/${index}` })) }, 'spec.artifacts'],
  ['a run with a slash', { run: '../other' }, 'spec.run'],
  ['a run longer than 63 characters', { run: 'r'.repeat(64) }, 'spec.run'],
  ['no attempts', { maxAttempts: 0 }, 'spec.maxAttempts'],
  ['eleven attempts', { maxAttempts: 11 }, 'spec.maxAttempts'],
  ['a pause of more than an hour', { backoffSeconds: 3601 }, 'spec.backoffSeconds'],
  ['no time to start', { startTimeoutSeconds: 0 }, 'spec.startTimeoutSeconds'],
  ['a negative time to live', { ttlSecondsAfterFinished: -1 }, 'spec.ttlSecondsAfterFinished'],
  ['a duration with a unit', { startTimeoutSeconds: '30m' }, 'spec.startTimeoutSeconds'],
  ['a suspend that is no boolean', { suspend: 'yes' }, 'spec.suspend'],
  [
    'a toleration of an unknown effect',
    { scheduling: { tolerations: [{ effect: 'Sometimes' }] } },
    'tolerations[0].effect',
  ],
];

/** The same for TaskBuilds. */
export const invalidTaskBuilds: Refusal[] = [
  ['no context', { context: null }, 'spec.context'],
  ['a context without a source', { context: { configMap: null } }, 'either s3 or configMap'],
  [
    'a context without its checksum',
    { context: { configMap: null, s3: { uri: 's3://bucket/tasks/a.zip' } } },
    'spec.context.s3.sha256',
  ],
  [
    'a short checksum',
    { context: { configMap: null, s3: { uri: 's3://bucket/tasks/a.zip', sha256: 'abc' } } },
    'spec.context.s3.sha256',
  ],
  ['an empty Dockerfile path', { dockerfile: '' }, 'spec.dockerfile'],
  ['no platform', { platforms: [] }, 'spec.platforms'],
  ['a platform without an architecture', { platforms: ['linux'] }, 'spec.platforms[0]'],
  ['two platforms', { platforms: ['linux/amd64', 'linux/arm64'] }, 'platforms'],
  ['a tag with a slash', { tag: 'a/b' }, 'spec.tag'],
  ['CodeBuild', { backend: 'CodeBuild' }, 'backend'],
  ['an unknown backend', { backend: 'Kaniko' }, 'spec.backend'],
  [
    '65 build arguments',
    { buildArgs: Object.fromEntries(many(65, (index) => [`A${index}`, '']) as [string, string][]) },
    'spec.buildArgs',
  ],
  ['no time to build', { timeoutSeconds: 0 }, 'spec.timeoutSeconds'],
  ['no time to queue', { queueTimeoutSeconds: 0 }, 'spec.queueTimeoutSeconds'],
];

/** Changes to a Trial that exists. */
export const trialChanges: Refusal[] = [
  ['task', { task: { name: 'other' } }, 'task is immutable'],
  ['environment', { environment: { workdir: '/app' } }, 'environment is immutable'],
  ['agent', { agent: { name: 'nop' } }, 'agent is immutable'],
  ['verifier', { verifier: { disabled: true } }, 'verifier is immutable'],
  ['artifacts', { artifacts: [{ source: '/a' }] }, 'artifacts is immutable'],
  ['run', { run: 'other' }, 'run is immutable'],
  ['maxAttempts', { maxAttempts: 5 }, 'maxAttempts is immutable'],
  ['backoffSeconds', { backoffSeconds: 5 }, 'backoffSeconds is immutable'],
  ['startTimeoutSeconds', { startTimeoutSeconds: 5 }, 'startTimeoutSeconds is immutable'],
  ['scheduling', { scheduling: { nodeSelector: { a: 'b' } } }, 'scheduling is immutable'],
  ['uploadResults', { uploadResults: false }, 'uploadResults is immutable'],
];

/** Changes to a TaskBuild that exists. */
export const taskBuildChanges: Refusal[] = [
  ['context', { context: { configMap: { name: 'other' } } }, 'immutable'],
  ['dockerfile', { dockerfile: 'Other' }, 'immutable'],
  ['target', { target: 'other' }, 'immutable'],
  ['platforms', { platforms: ['linux/arm64'] }, 'immutable'],
  ['buildArgs', { buildArgs: { A: 'b' } }, 'immutable'],
  ['repository', { repository: 'other' }, 'immutable'],
  ['tag', { tag: 'other' }, 'immutable'],
  ['backend', { backend: 'BuildKit' }, 'immutable'],
  ['timeoutSeconds', { timeoutSeconds: 5 }, 'immutable'],
  ['queueTimeoutSeconds', { queueTimeoutSeconds: 5 }, 'immutable'],
  ['force', { force: true }, 'immutable'],
];
