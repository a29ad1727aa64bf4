/** Rules about what task.toml says. */
import type { TaskConfig, StepConfig, VerifierConfig } from '../index.ts';
import { shapeMessages } from './integrity.ts';
import type { RuleName } from './rules.ts';
import type { ArtifactConfig } from '../toml/schema.ts';

/** Something that a field of task.toml says. */
export interface FieldMessage {
  rule: RuleName;
  path: (string | number)[];
  message: string;
}

export function configMessages(config: TaskConfig, verifications: readonly Verification[]): FieldMessage[] {
  return [
    ...sharedVerifier(verifications),
    ...rootAgent(config),
    ...overlaps(config, verifications),
    ...unpinned(config),
    ...shapeMessages(config, verifications),
  ];
}

function sharedVerifier(verifications: readonly Verification[]): FieldMessage[] {
  const first = verifications.find(({ separate }) => !separate);
  if (!first) return [];
  return [
    {
      rule: 'shared-verifier',
      path: first.step ? ['steps', first.step.index, 'verifier'] : ['verifier', 'environment_mode'],
      message: `the verifier runs in the container that the agent had${first.said ? '' : ', unless the namespace or the installation says otherwise'}; expected environment_mode = "separate" under [verifier]`,
    },
  ];
}

const isRoot = (user: string | number | undefined): boolean =>
  user === undefined || ['0', 'root'].includes(String(user).split(':')[0] ?? '');

function rootAgent({ agent, steps = [] }: TaskConfig): FieldMessage[] {
  const users: { path: (string | number)[]; user: string | number | undefined }[] =
    steps.length === 0
      ? [{ path: ['agent', 'user'], user: agent.user }]
      : steps.map((step, index) => ({
          path: ['steps', index, 'agent', 'user'],
          user: step.agent.user ?? agent.user,
        }));
  return users
    .filter(({ user }) => isRoot(user))
    .map(({ path, user }) => ({
      rule: 'root-agent',
      path,
      message: `the agent's user is ${user === undefined ? 'not set, and so root in most images' : String(user)}; expected user under [agent] to be another than root`,
    }));
}

/** What needs no digest: nothing, a variable that is not known here, and a digest. */
export const isPinned = (image: string): boolean =>
  image === 'scratch' || image.includes('$') || /@sha256:[0-9a-f]{64}$/i.test(image);

function unpinned({ environment, verifier, steps = [] }: TaskConfig): FieldMessage[] {
  const images = [
    { path: ['environment'], image: environment.docker_image },
    { path: ['verifier', 'environment'], image: verifier.environment?.docker_image },
    ...steps.map(({ verifier: own }, index) => ({
      path: ['steps', index, 'verifier', 'environment'],
      image: own.environment?.docker_image,
    })),
  ];
  return images.flatMap(({ path, image }): FieldMessage[] =>
    image === undefined || isPinned(image)
      ? []
      : [
          {
            rule: 'unpinned-image',
            path: [...path, 'docker_image'],
            message: `the image "${image}" may become another at any time; expected image@sha256:<digest>`,
          },
        ],
  );
}

type Artifact = Exclude<ArtifactConfig, string> & { path: (string | number)[] };

/** What is collected without being declared. */
const CONVENTION = '/logs/artifacts';
const PROTECTED = ['/logs/verifier', '/logs/agent'];

const overlaps = (config: TaskConfig, verifications: readonly Verification[]): FieldMessage[] => [
  ...sameDestination(config),
  ...withLogs(config, verifications),
];

const listed = (artifacts: readonly ArtifactConfig[], at: (string | number)[]): Artifact[] =>
  artifacts.map((artifact, index) => ({
    ...(typeof artifact === 'string' ? { source: artifact } : artifact),
    path: [...at, index],
  }));

const stepArtifacts = ({ steps = [] }: TaskConfig, index: number): Artifact[] =>
  listed(steps[index]?.artifacts ?? [], ['steps', index, 'artifacts']);

/** Path without empty parts, dots and the way up. */
const parts = (path: string): string[] => path.split('/').filter((part) => !['', '.', '..'].includes(part));

const isWithin = (inner: readonly string[], outer: readonly string[]): boolean =>
  outer.every((part, index) => inner[index] === part);

const touch = (a: string, b: string): boolean => isWithin(parts(a), parts(b)) || isWithin(parts(b), parts(a));

const outputOf = ({ source, destination }: Artifact): string => destination ?? source;
const serviceOf = ({ service }: Artifact): string => service || 'main';

/** Each pair that wants the same place, named once. */
function sameDestination(config: TaskConfig): FieldMessage[] {
  const ofTask = listed(config.artifacts, ['artifacts']);
  const sets = [
    ofTask,
    ...(config.steps ?? []).map((_, index) => [...ofTask, ...stepArtifacts(config, index)]),
  ];
  const found = new Map<string, FieldMessage>();
  for (const set of sets)
    for (const [first, second] of pairs(withConvention(set))) {
      if (covers(first, second) || !touch(outputOf(first), outputOf(second))) continue;
      const key = JSON.stringify([first.path, second.path]);
      const message = `the artifact ${second.source} goes to ${parts(outputOf(second)).join('/')}, where ${first.source} goes too; expected a destination of its own`;
      found.set(key, { rule: 'overlapping-artifacts', path: second.path, message });
    }
  return [...found.values()];
}

function withConvention(artifacts: readonly Artifact[]): Artifact[] {
  const isConvention = (artifact: Artifact): boolean =>
    artifact.source.replace(/\/+$/, '') === CONVENTION && serviceOf(artifact) === 'main';
  return artifacts.some(isConvention) ? [...artifacts] : [{ source: CONVENTION, path: [] }, ...artifacts];
}

function* pairs<T>(all: readonly T[]): Generator<[T, T]> {
  for (const [index, first] of all.entries())
    for (const second of all.slice(index + 1)) yield [first, second];
}

/** The first collects the second already, to the very place where it belongs. */
function covers(first: Artifact, second: Artifact): boolean {
  if (serviceOf(first) !== serviceOf(second)) return false;
  const [outer, inner] = [parts(first.source), parts(second.source)];
  if (!isWithin(inner, outer)) return false;
  const [place, wanted] = [parts(outputOf(first)), parts(outputOf(second))];
  const same = outer.length === inner.length && place.join('/') === wanted.join('/');
  if (same) return JSON.stringify(first.exclude ?? []) === JSON.stringify(second.exclude ?? []);
  return !first.exclude?.length && [...place, ...inner.slice(outer.length)].join('/') === wanted.join('/');
}

/** Only a separate verifier gets the agent's artifacts put back into its file system. */
function withLogs(config: TaskConfig, verifications: readonly Verification[]): FieldMessage[] {
  const separate = verifications.filter((one) => one.separate);
  if (separate.length === 0) return [];
  const artifacts = [
    ...listed(config.artifacts, ['artifacts']),
    ...separate.flatMap(({ step }) => (step ? stepArtifacts(config, step.index) : [])),
  ];
  return artifacts
    .filter(({ source }) => source.startsWith('/') && PROTECTED.some((log) => touch(source, log)))
    .map(({ path, source }) => ({
      rule: 'artifact-log-overlap',
      path,
      message: `the artifact ${source} holds the logs of agent or verifier; expected a path outside /logs/agent and /logs/verifier`,
    }));
}

/** A verification: of the whole task, or of one step. */
export interface Verification {
  /** Missing for a task without steps. */
  step?: { index: number; config: StepConfig };
  /** False: in the agent's own container. */
  separate: boolean;
  /** False: the task does not say where, so a default of namespace or installation would hold. */
  said: boolean;
  /** Folder whose Dockerfile a separate verifier is built of, within the task. */
  folder: 'environment' | `${string}tests`;
}

type Mode = 'shared' | 'separate' | undefined;

const modeOf = ({ environment_mode: mode, environment }: VerifierConfig): Mode =>
  mode ?? (environment ? 'separate' : undefined);

/** Every verification of a task, and the environment that it runs in, as Harbor 0.25 resolves it; `has` tells whether the task has a file. */
export function verificationsOf(config: TaskConfig, has: (path: string) => boolean): Verification[] {
  const ofTask = modeOf(config.verifier);
  const steps = config.steps ?? [];
  if (steps.length === 0) {
    const separate = ofTask === 'separate';
    const folder = separate ? folderOf(['tests'], has) : 'environment';
    return [{ separate, said: ofTask !== undefined, folder }];
  }
  return steps.map((step, index) => {
    const mode = modeOf(step.verifier) ?? ofTask;
    const separate = mode === 'separate';
    const folders = [`steps/${step.name}/tests`, 'tests'] as const;
    return {
      step: { index, config: step },
      separate,
      said: mode !== undefined,
      folder: separate ? folderOf(folders, has) : 'environment',
    };
  });
}

const folderOf = (
  folders: readonly `${string}tests`[],
  has: (path: string) => boolean,
): Verification['folder'] =>
  folders.find((folder) => has(`${folder}/Dockerfile`) || has(`${folder}/docker-compose.yaml`)) ??
  'environment';
