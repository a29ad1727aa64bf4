/** Rules about artifacts: where they end up, and what they must not hold. */
import type { TaskConfig } from '../index.ts';
import type { ArtifactConfig } from '../toml/schema.ts';
import type { FieldFinding } from './config.ts';
import type { Verification } from './verifier.ts';

type Artifact = Exclude<ArtifactConfig, string> & { path: (string | number)[] };

/** What is collected without being declared. */
const CONVENTION = '/logs/artifacts';
const PROTECTED = ['/logs/verifier', '/logs/agent'];

export const overlaps = (config: TaskConfig, verifications: readonly Verification[]): FieldFinding[] => [
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
function sameDestination(config: TaskConfig): FieldFinding[] {
  const ofTask = listed(config.artifacts, ['artifacts']);
  const sets = [
    ofTask,
    ...(config.steps ?? []).map((_, index) => [...ofTask, ...stepArtifacts(config, index)]),
  ];
  const found = new Map<string, FieldFinding>();
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
function withLogs(config: TaskConfig, verifications: readonly Verification[]): FieldFinding[] {
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
