/** Sandbox: keep a container ready for commands and files until it expires. */
import type { ObjectMeta } from '../kube/types.ts';
import { attemptFields } from './attempts.ts';
import { Conditions, UNSEEN } from './conditions.ts';
import { BuildRef, EnvVars, network, resources, User } from './environment.ts';
import {
  atomicList,
  choice,
  listMap,
  objectName,
  quantity,
  rules,
  seconds,
  text,
  time,
  Type,
  type Rule,
} from './schema.ts';
import { immutable } from './immutable.ts';
import { Scheduling } from './scheduling.ts';
import { BuildTemplate } from './task-build.ts';

/**
 * What a container of a Sandbox has that says nothing else: little, for most of them wait for the next command. A request that is given and is
 * more than the default limit raises that, and a limit that is less than the default request lowers that one.
 */
export const SANDBOX_RESOURCES = {
  requests: { cpu: '250m', memory: '512Mi', 'ephemeral-storage': '1Gi' },
  limits: { cpu: '1', memory: '2Gi', 'ephemeral-storage': '8Gi' },
} as const;

const { requests, limits } = SANDBOX_RESOURCES;

const Resources = resources(
  {
    requests: {
      cpu: `Cores; default: ${requests.cpu}, or the limit where that is less.`,
      memory: `Memory; default: ${requests.memory}, or the limit where that is less. The container requests 8Mi more, for its first process.`,
      disk: `Disk; default: ${requests['ephemeral-storage']}, or the limit where that is less.`,
    },
    limits: {
      cpu: `Cores; default: ${limits.cpu}, or the request where that is more.`,
      memory: `Memory; beyond it the kernel kills; default: ${limits.memory}, or the request where that is more. The container gets 8Mi more, for its first process.`,
      disk: `Disk; beyond it the kubelet evicts; default: ${limits['ephemeral-storage']}, or the request where that is more.`,
    },
  },
  'Resources of the container.',
);

const Volume = Type.Object({
  name: text(32, 'Name of the volume; its PersistentVolumeClaim is called `sb-sandbox-<sandbox>-<name>`.', {
    minLength: 1,
    pattern: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
  }),
  mountPath: text(1024, 'Where the container has it.', { minLength: 2, pattern: '^/[^:]+$' }),
  size: quantity('bytes', 'Its size.'),
  storageClassName: Type.Optional(objectName('StorageClass; default: the cluster’s.')),
  accessMode: choice(
    ['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'],
    'Who may mount it at the same time.',
    { default: 'ReadWriteOnce' },
  ),
});
export type SandboxVolume = Type.Static<typeof Volume>;

/** The most Pods that a pool keeps. */
const POOL_MAX = 100;

const Pool = Type.Object(
  {
    size: Type.Integer({
      minimum: 0,
      maximum: POOL_MAX,
      format: 'int32',
      description: 'Pods that are kept ready, beside those that were taken.',
    }),
  },
  {
    description:
      'Makes this Sandbox a pool: it runs nothing itself, and keeps Pods ready for Sandboxes whose poolRef names it.',
  },
);

/** What decides which Pod there is; a Sandbox with poolRef has its pool's. */
const shape = {
  image: Type.Optional(text(1024, 'Image to run as it is.', { minLength: 1 })),
  buildRef: Type.Optional(BuildRef),
  build: Type.Optional(BuildTemplate),
  resources: Type.Optional(Resources),
  allowPrivilegeEscalation: Type.Optional(
    Type.Boolean({
      description:
        'Default: true. false sets no_new_privs on every process in the container: setuid programs such as sudo and su, and files with capabilities, gain nothing. Where user, or the image’s user, is a number that is not 0 besides, the Pod meets Pod Security restricted and the container has no other user.',
    }),
  ),
  runtimeClassName: Type.Optional(objectName('RuntimeClass of the Pod, for example gVisor’s.')),
  network: Type.Optional(
    network({
      mode: 'What the container may reach: Public the internet, None nothing, Allowlist the hosts of the list; default: Public.',
      enforcement: 'Whether commands run if the cluster does not enforce network policies.',
    }),
  ),
  scheduling: Type.Optional(Scheduling),
  volumes: Type.Optional(
    listMap(Volume, 'name', {
      maxItems: 16,
      description: 'Disks that are kept while the Sandbox is suspended, and deleted with it.',
      ...rules(
        {
          rule: "self.all(v, !(v.mountPath + '/').startsWith('/sb/'))",
          message: '/sb is where the first process of the container lies; mount the volume elsewhere',
          reason: 'FieldValueInvalid',
        },
        {
          rule: 'self.all(v, self.exists_one(o, o.mountPath == v.mountPath))',
          message: 'two volumes have the same mountPath',
          reason: 'FieldValueInvalid',
        },
      ),
    }),
  ),
};

const OPERATING_MODES = ['Running', 'Suspended'] as const;

/** Everything but these, and the pool's size, is immutable once the Sandbox exists. */
const MUTABLE = ['operatingMode', 'ttlSeconds', 'idleTimeoutSeconds', 'deadline', 'pool'];

const fields = {
  ...shape,
  poolRef: Type.Optional(
    Type.Object(
      { name: objectName('Name of a Sandbox with spec.pool in the same namespace.') },
      { description: 'The pool whose Pods this Sandbox takes one of, ready as it is.' },
    ),
  ),
  env: Type.Optional(EnvVars('Variables of every command.')),
  user: Type.Optional(User('User of every command that names none; default: the image’s.')),
  workdir: Type.Optional(
    text(4096, 'Directory of every command that names none; default: the image’s.', { pattern: '^/' }),
  ),
  operatingMode: choice(
    OPERATING_MODES,
    'Running: there is a Pod. Suspended: there is none, and volumes are kept.',
    { default: 'Running' },
  ),
  ttlSeconds: Type.Optional(
    seconds('The Sandbox expires this many seconds after its creation.', { minimum: 1 }),
  ),
  idleTimeoutSeconds: Type.Optional(
    seconds('The Sandbox expires once no command has run and no byte has moved for this many seconds.', {
      minimum: 1,
    }),
  ),
  deadline: Type.Optional(time('The Sandbox expires at this time. The earliest of all limits counts.')),
  expiryAction: choice(
    ['Delete', 'Suspend'],
    'What becomes of an expired Sandbox: Delete deletes it with its volumes, Suspend ends its Pod.',
    { default: 'Delete' },
  ),
  recreatePolicy: choice(
    ['Never', 'OnLoss'],
    'OnLoss: a new Pod, with the same volumes, for one that was lost by an eviction, a preemption, a drain or the loss of its node. What was in the container is lost.',
    { default: 'Never' },
  ),
  owner: Type.Optional(text(63, 'Who it is for, for people to read.', { minLength: 1 })),
  pool: Type.Optional(Pool),
};

const lasting = immutable(fields, { kind: 'Sandbox', except: MUTABLE });

/** `field` means nothing where `where` is given. */
const excludes = (where: 'poolRef' | 'pool', field: string, why: string): Rule => ({
  rule: `!has(self.${where}) || !has(self.${field})`,
  message: `${field}: ${why}`,
  reason: 'FieldValueInvalid',
  fieldPath: `.${field}`,
});

const SOURCES = ['image', 'buildRef', 'build', 'poolRef'];

export const SandboxSpec = Type.Object(lasting.fields, {
  description:
    'What to keep ready; immutable except operatingMode, ttlSeconds, idleTimeoutSeconds, deadline and pool.size.',
  ...rules(
    lasting.rule,
    {
      rule: 'has(self.pool) == has(oldSelf.pool)',
      message: 'pool cannot be added or removed; create another Sandbox',
      reason: 'FieldValueForbidden',
    },
    {
      rule: `[${SOURCES.map((field) => `has(self.${field})`).join(', ')}].filter(x, x).size() == 1`,
      message: 'give exactly one of image, buildRef, build and poolRef',
      reason: 'FieldValueInvalid',
    },
    ...Object.keys(shape)
      .filter((field) => !SOURCES.includes(field))
      .map((field) => excludes('poolRef', field, 'the Pod was made before this Sandbox; set it in the pool')),
    {
      rule: '!has(self.poolRef) || !has(self.env) || self.env.all(e, !has(e.secretKeyRef))',
      message:
        'env: a value from a Secret is put into the container when it starts, and that of a pool has started; set it in the pool, or give image in place of poolRef',
      reason: 'FieldValueInvalid',
      fieldPath: '.env',
    },
    excludes('pool', 'poolRef', 'a pool makes its own Pods; give image, buildRef or build'),
    excludes('pool', 'volumes', 'the Pods of a pool have none'),
    excludes('pool', 'idleTimeoutSeconds', 'Pods of a pool wait to be taken; set it where poolRef is'),
  ),
});
export type SandboxSpec = Type.Static<typeof SandboxSpec>;

/** Attempts that a status keeps; the oldest go. */
export const SANDBOX_ATTEMPTS_MAX = 16;

const Attempt = Type.Object(attemptFields);
export type SandboxAttempt = Type.Static<typeof Attempt>;

const members = (description: string) =>
  Type.Integer({ minimum: 0, maximum: POOL_MAX, format: 'int32', description });

export const SandboxStatus = Type.Object(
  {
    conditions: Type.Optional(Conditions),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Generation that the status describes.' }),
    ),
    image: Type.Optional(text(1024, 'Image of the container, by digest, once it exists.')),
    imageDigest: Type.Optional(text(128, 'Its digest.')),
    taskBuild: Type.Optional(text(253, 'TaskBuild that makes it, or made it.')),
    attempts: Type.Optional(
      atomicList(Attempt, {
        maxItems: SANDBOX_ATTEMPTS_MAX,
        description: 'Jobs that were made or taken for it, the latest last; the oldest are omitted.',
      }),
    ),
    jobName: Type.Optional(text(63, 'Job of the latest attempt; one of the pool’s where it was taken.')),
    podName: Type.Optional(text(253, 'Pod of the latest attempt.')),
    nodeName: Type.Optional(text(253, 'Node of that Pod.')),
    podIP: Type.Optional(text(64, 'IP address of that Pod.')),
    startedTime: Type.Optional(time('When its container began to run.')),
    expiresAt: Type.Optional(
      time('When ttlSeconds or deadline end it, whichever is first; missing where neither is given.'),
    ),
    lastActivityTime: Type.Optional(
      time('When it was last used, where that is known: once idleTimeoutSeconds has ended it.'),
    ),
    pool: Type.Optional(
      Type.Object(
        { ready: members('Pods that can be taken now.'), size: members('Pods that there are to be.') },
        { description: 'Of a pool: how full it is.' },
      ),
    ),
  },
  { description: 'What the operator saw.', default: UNSEEN },
);
export type SandboxStatus = Type.Static<typeof SandboxStatus>;

/** A Sandbox object. */
export interface Sandbox {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: SandboxSpec;
  status?: SandboxStatus;
}
