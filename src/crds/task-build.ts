/** TaskBuild: make sure that the image of this build context exists in the registry. */
import type { ObjectMeta } from '../kube/types.ts';
import { Conditions, UNSEEN } from './conditions.ts';
import { atomicList, choice, objectName, rules, seconds, stringMap, text, time, Type } from './schema.ts';

const Context = Type.Object(
  {
    s3: Type.Optional(
      Type.Object(
        {
          uri: text(1024, 'Zip archive of the build context in the operator’s bucket, under `tasks/`.', {
            pattern: '^s3://[^/]+/.+',
          }),
          sha256: text(64, 'SHA-256 of the archive in hex; the build fails if the content differs.', {
            pattern: '^[0-9a-f]{64}$',
          }),
        },
        { description: 'A context from the bucket.' },
      ),
    ),
    configMap: Type.Optional(
      Type.Object(
        { name: objectName('ConfigMap whose keys are the files of the context.') },
        { description: 'A context from a ConfigMap in the same namespace.' },
      ),
    ),
  },
  {
    description: 'The files for the Dockerfile.',
    ...rules({
      rule: 'has(self.s3) != has(self.configMap)',
      message: 'give either s3 or configMap',
      reason: 'FieldValueInvalid',
    }),
  },
);

const buildFields = {
  context: Context,
  dockerfile: text(1024, 'Path of the Dockerfile within the context.', {
    default: 'Dockerfile',
    minLength: 1,
  }),
  target: Type.Optional(text(128, 'Stage to build; default: the last one.')),
  platforms: Type.Optional(
    atomicList(text(64, 'For example `linux/amd64`.', { pattern: '^[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?$' }), {
      minItems: 1,
      maxItems: 4,
      description: 'Platforms of the image; default: the operator’s.',
    }),
  ),
  buildArgs: Type.Optional(
    stringMap(64, 4096, 'Values of the Dockerfile’s ARG lines; they stay visible in the image’s history.'),
  ),
  repository: Type.Optional(
    text(512, 'Repository to push to; the operator must allow it; default: the operator’s.', {
      minLength: 1,
    }),
  ),
  tag: Type.Optional(
    text(
      128,
      'Readable prefix of the tag, default `ctx`; the operator appends a hash of the image’s inputs. Builds with the same prefix share layers.',
      { pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$' },
    ),
  ),
  backend: Type.Optional(choice(['BuildKit', 'CodeBuild'], 'Builder to use; default: the operator’s.')),
  timeoutSeconds: seconds('Timeout of the build itself.', { minimum: 1, default: 1800 }),
  queueTimeoutSeconds: seconds('Timeout for the build to start.', { minimum: 1, default: 1800 }),
  secretRefs: Type.Optional(
    atomicList(
      Type.Object({
        name: objectName(
          'BuildKit: Secret of type kubernetes.io/dockerconfigjson in the same namespace. CodeBuild: secret `<stack>/<name>` in Secrets Manager with the keys `username` and `password` of a Docker Hub account.',
        ),
      }),
      { maxItems: 1, description: 'Login for base images.' },
    ),
  ),
};

const notYet = [
  {
    rule: '!has(self.platforms) || self.platforms.size() == 1',
    message: 'platforms: more than one is not supported yet',
    reason: 'FieldValueForbidden' as const,
    fieldPath: '.platforms',
  },
];

const contextOfBackend = {
  rule: "!has(self.backend) || self.backend != 'CodeBuild' || has(self.context.s3)",
  message: 'backend CodeBuild supports contexts from S3 only: set context.s3',
  reason: 'FieldValueInvalid' as const,
};

/** The build of a Trial’s own: found or created by its content. */
export const BuildTemplate = Type.Object(buildFields, {
  description: 'Build of the image; Trials with the same one share a TaskBuild.',
  ...rules(...notYet, contextOfBackend),
});
export type BuildTemplate = Type.Static<typeof BuildTemplate>;

export const TaskBuildSpec = Type.Object(
  {
    ...buildFields,
    force: Type.Boolean({ default: false, description: 'Build even if the image already exists.' }),
    cancelled: Type.Boolean({ default: false, description: 'Stops the build.' }),
  },
  {
    description: 'What is to be built.',
    ...rules(...notYet, contextOfBackend, {
      rule: [...Object.keys(buildFields), 'force']
        .map(
          (field) =>
            `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
        )
        .join(' && '),
      message: 'spec is immutable except cancelled; create another TaskBuild',
      reason: 'FieldValueForbidden',
    }),
  },
);
export type TaskBuildSpec = Type.Static<typeof TaskBuildSpec>;

const BuildPhase = Type.Object({
  name: text(64, 'The builder’s own name for the phase.'),
  seconds: Type.Number({ minimum: 0, description: 'How long it took.' }),
});

export const BuildAttempt = Type.Object({
  number: Type.Integer({ minimum: 1, format: 'int32', description: 'Counts from 1.' }),
  token: text(128, 'Idempotency token, recorded before the build is started.'),
  openedTime: Type.Optional(time('When the token was recorded.')),
  contextVersion: Type.Optional(
    text(1024, 'Version of the context’s object that is built, if the bucket keeps versions.'),
  ),
  buildId: Type.Optional(text(256, 'Id at the builder.')),
  consoleUrl: Type.Optional(text(2048, 'Page of the build.')),
  logUrl: Type.Optional(text(2048, 'Log of the build.')),
  startTime: Type.Optional(time('When it was handed to the builder.')),
  runningTime: Type.Optional(time('When it began to run.')),
  completionTime: Type.Optional(time('When it ended.')),
  phases: Type.Optional(
    atomicList(BuildPhase, {
      maxItems: 16,
      description: 'Phases of an ended build, if the builder reports them.',
    }),
  ),
  reason: Type.Optional(text(64, 'Why it failed.')),
  message: Type.Optional(text(1024, 'The failure in one sentence.')),
  failedStep: Type.Optional(text(1024, 'Instruction of the Dockerfile that failed.')),
  logTail: Type.Optional(
    atomicList(text(1024, 'Line.'), {
      maxItems: 20,
      description: 'Last lines of the log of a failed build.',
    }),
  ),
});
export type BuildAttempt = Type.Static<typeof BuildAttempt>;

export const TaskBuildStatus = Type.Object(
  {
    conditions: Type.Optional(Conditions),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Generation that the status describes.' }),
    ),
    image: Type.Optional(text(1024, 'Image with its tag.')),
    digest: Type.Optional(text(128, 'Digest of the image, `sha256:…`.')),
    contentHash: Type.Optional(
      text(
        64,
        'SHA-256 over everything that determines the image: context, Dockerfile, target, arguments, platform, and who may use it.',
      ),
    ),
    contextSha256: Type.Optional(
      text(64, 'SHA-256 of the context: of the archive, or over the files that the ConfigMap had.'),
    ),
    platform: Type.Optional(text(64, 'Platform of the image.')),
    shared: Type.Optional(
      Type.Boolean({ description: 'Whether TaskBuilds in other namespaces may use the image.' }),
    ),
    cacheHit: Type.Optional(Type.Boolean({ description: 'The image existed; nothing was built.' })),
    attempts: Type.Optional(
      atomicList(BuildAttempt, { maxItems: 10, description: 'Builds that were started.' }),
    ),
  },
  { description: 'What the operator saw.', default: UNSEEN },
);
export type TaskBuildStatus = Type.Static<typeof TaskBuildStatus>;

/** A TaskBuild object. */
export interface TaskBuild {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: TaskBuildSpec;
  status?: TaskBuildStatus;
}
