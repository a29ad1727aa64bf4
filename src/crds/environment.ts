/** What the task's container looks like: image, resources, variables, user, network. */
import {
  atomicList,
  choice,
  listMap,
  objectName,
  quantity,
  type Rule,
  rules,
  seconds,
  stringMap,
  text,
  Type,
} from './schema.ts';
import { BuildTemplate } from './task-build.ts';

export const SecretKeyRef = Type.Object(
  {
    name: objectName('Name of the Secret, in the same namespace.'),
    key: text(253, 'Key within the Secret.', { minLength: 1 }),
  },
  { description: 'A value from a Secret; it never appears in a Pod’s spec in plain text.' },
);

export const EnvVar = Type.Object(
  {
    name: text(128, 'Name of the variable.', { minLength: 1, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
    value: Type.Optional(text(32_768, 'Its value.')),
    secretKeyRef: Type.Optional(SecretKeyRef),
  },
  rules({
    rule: 'has(self.value) != has(self.secretKeyRef)',
    message: 'give either value or secretKeyRef',
    reason: 'FieldValueInvalid',
  }),
);
export type EnvVar = Type.Static<typeof EnvVar>;

export const EnvVars = (description: string) => listMap(EnvVar, 'name', { maxItems: 128, description });

/** Login name or number, with a group after a colon or without, as in a Dockerfile's USER. */
export const User = (description: string) =>
  text(129, description, { pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$' });

/** A request beyond its limit would be refused as late as in the Job. */
function withinLimit(resource: string): Rule {
  // CEL's escape for a dash in a field's name.
  const field = resource.replaceAll('-', '__dash__');
  const [request, limit] = [`self.requests.${field}`, `self.limits.${field}`];
  return {
    rule: `!has(self.requests) || !has(${request}) || !has(self.limits) || !has(${limit}) || quantity(string(${request})).compareTo(quantity(string(${limit}))) <= 0`,
    message: `requests.${resource} is more than limits.${resource}`,
    reason: 'FieldValueInvalid',
  };
}

/** What is said of each amount: of its default above all. */
type Amounts = Record<'cpu' | 'memory' | 'disk', string>;

const amounts = (said: Amounts, description: string) =>
  Type.Optional(
    Type.Object(
      {
        cpu: Type.Optional(quantity('cores', said.cpu)),
        memory: Type.Optional(quantity('bytes', said.memory)),
        'ephemeral-storage': Type.Optional(quantity('bytes', said.disk)),
      },
      { description },
    ),
  );

/** Requests and limits of a container. No defaults: what is left out is another's to say. */
export const resources = (said: { requests: Amounts; limits: Amounts }, description: string) =>
  Type.Object(
    {
      requests: amounts(said.requests, 'Resources that the scheduler reserves.'),
      limits: amounts(said.limits, 'Maximum resources that the container may use.'),
    },
    { description, ...rules(...['cpu', 'memory', 'ephemeral-storage'].map(withinLimit)) },
  );

export const Resources = resources(
  {
    requests: {
      cpu: 'Cores; default: of task.toml, else 500m.',
      memory:
        'Memory; default: of task.toml, else 512Mi. The container requests 8Mi more, for its first process.',
      disk: 'Disk; default: of task.toml, else 8Gi.',
    },
    limits: {
      cpu: 'Cores.',
      memory:
        'Memory; beyond it the kernel kills; default: of task.toml, else none. The container gets 8Mi more, for its first process.',
      disk: 'Disk; beyond it the kubelet evicts; default: of task.toml, else 16Gi.',
    },
  },
  'Resources of the task container. A request or limit that is given here takes the place of both that task.toml has for it.',
);

export const Healthcheck = Type.Object(
  {
    command: text(4096, 'Run by `sh -c` in the task container before the agent; exit code 0 is healthy.', {
      minLength: 1,
    }),
    intervalSeconds: seconds('Pause between two tries.', { default: 5 }),
    timeoutSeconds: seconds('Limit of one try.', { default: 30, minimum: 1 }),
    startPeriodSeconds: seconds('Failures within this time do not count.', { default: 0 }),
    startIntervalSeconds: seconds('Pause between two checks within the start period.', { default: 5 }),
    retries: Type.Integer({
      minimum: 1,
      maximum: 1000,
      format: 'int32',
      default: 3,
      description: 'Consecutive failures that end the Trial.',
    }),
  },
  { description: 'Waits for the services of the image; the fields mean the same as in Docker.' },
);
export type Healthcheck = Type.Static<typeof Healthcheck>;

/** What a container may reach. `said`: of the two that mean something else for each kind. */
export const network = (said: { mode: string; enforcement: string }, options: object = {}) =>
  Type.Object(
    {
      mode: Type.Optional(choice(['Public', 'None', 'Allowlist'], said.mode)),
      allowedHosts: Type.Optional(
        atomicList(text(253, 'Host, `*.`-host, IP or CIDR.'), {
          maxItems: 64,
          description: 'Hosts of the allowlist.',
        }),
      ),
      enforcement: choice(['BestEffort', 'Required'], said.enforcement, { default: 'BestEffort' }),
    },
    {
      ...options,
      description: 'Network of the task container.',
      ...rules({
        rule: "!has(self.allowedHosts) || (has(self.mode) && self.mode == 'Allowlist')",
        message: 'allowedHosts is the list of mode Allowlist, and has no meaning for another',
        reason: 'FieldValueInvalid',
        fieldPath: '.allowedHosts',
      }),
    },
  );

export const Network = network(
  {
    mode: 'What every phase may reach: Public the internet, None nothing, Allowlist the hosts of the list; default: of each phase what task.toml says, else Public.',
    enforcement: 'Whether the agent runs if the cluster does not enforce network policies.',
  },
  { default: {} },
);

export const Sidecar = Type.Object({
  name: text(63, 'Name of the container.', { minLength: 1, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }),
  image: text(1024, 'Image.', { minLength: 1 }),
  command: Type.Optional(
    atomicList(text(4096, 'Argument.'), {
      maxItems: 64,
      description: 'Command and arguments; default: of the image.',
    }),
  ),
  env: Type.Optional(EnvVars('Variables.')),
});

export const BuildRef = Type.Object(
  { name: objectName('Name of a TaskBuild in the same namespace.') },
  { description: 'Image of an existing TaskBuild.' },
);

export const Environment = Type.Object(
  {
    image: Type.Optional(
      text(1024, 'Image to run as it is; default: of task.toml, else built from the task’s context.', {
        minLength: 1,
      }),
    ),
    buildRef: Type.Optional(BuildRef),
    build: Type.Optional(BuildTemplate),
    resources: Type.Optional(Resources),
    gpus: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 64,
        format: 'int32',
        description: 'Number of GPUs; default: of task.toml, else none.',
      }),
    ),
    gpuTypes: Type.Optional(
      atomicList(text(64, 'Type, such as H100.', { minLength: 1 }), {
        maxItems: 16,
        description:
          'Types of GPU of which any will do, as the installation calls them (SB_GPU_TYPES); default: of task.toml, else any.',
      }),
    ),
    env: Type.Optional(EnvVars('Variables of every process in the task container.')),
    workdir: Type.Optional(
      text(4096, 'Working directory; default: the one in task.toml, then the image’s.', { pattern: '^/' }),
    ),
    user: Type.Optional(User('User of every phase that names none; default: the image’s.')),
    network: Network,
    healthcheck: Type.Optional(Healthcheck),
    allowPrivilegeEscalation: Type.Boolean({
      default: true,
      description:
        'false sets no_new_privs on every process in the task container: setuid programs such as sudo and su, and files with capabilities, gain nothing. Where all phases have one user besides, by a number that is not 0, the Pod meets Pod Security restricted. On OpenShift, where nobody is named, that is one of the namespace’s own users.',
    }),
    runtimeClassName: Type.Optional(objectName('RuntimeClass of the Pod, for example gVisor’s.')),
    sidecars: Type.Optional(
      listMap(Sidecar, 'name', { maxItems: 8, description: 'Containers beside the task container.' }),
    ),
  },
  {
    default: {},
    description: 'The container that the agent works in; what is left out is as the task says.',
    ...rules(
      {
        rule: '[has(self.image), has(self.buildRef), has(self.build)].filter(x, x).size() <= 1',
        message: 'give at most one of image, buildRef and build',
        reason: 'FieldValueInvalid',
      },
      {
        rule: '!has(self.sidecars)',
        message: 'sidecars are not supported yet; remove them',
        reason: 'FieldValueForbidden',
      },
    ),
  },
);
export type Environment = Type.Static<typeof Environment>;

/** Variables with bounded values, for build arguments and the like. */
export const Arguments = (description: string) => stringMap(64, 4096, description);
