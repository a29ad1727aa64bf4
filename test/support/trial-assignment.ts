/** What the operator makes of a Trial and its task, for tests of what a courier does with it. */
import type { StoredOutcome } from '../../src/wire/outcome.ts';
import { secretVariable } from '../../src/wire/assignment.ts';
import type {
  AssignedAgent,
  AssignedStep,
  AssignedVariable,
  AssignedVerifier,
  Assignment,
} from '../../src/wire/assignment.ts';
import { assignmentOf } from '../../src/broker/assignment.ts';
import { configMapHash } from '../../src/crds/content.ts';
import { present } from '../../src/crds/present.ts';
import type { Source } from '../../src/results/source.ts';
import type { TrialSpec } from '../../src/crds/trial.ts';
import { rolesOf } from '../../src/crds/trial-status.ts';
import type { VerifierMode } from '../../src/crds/verifier.ts';
import type { VerifierImages } from '../../src/pods/verifier-images.ts';
import {
  compile,
  refusalOf,
  storedSpec,
  type Compiled,
  type CompiledEnvironment,
  type Task,
} from '../../src/tasks/index.ts';
import { aTrial, NO_RULES } from './builders/objects.ts';
import { MINIMAL, type Files } from './folder.ts';

/** What a Trial asks for, as flat as a test wants it. */
export interface Wish {
  task?: { name: string; version?: string; source: 'archive' | 'configMap' };
  image?: Assignment['image'];
  user?: string;
  workdir?: string;
  healthcheck?: Assignment['healthcheck'];
  agent?: Partial<Omit<AssignedAgent, 'name'>> & { name: string } & Partial<
      Pick<TrialSpec['agent'], 'baseUrl' | 'modelAccess' | 'maxTokens' | 'maxCostUsd'>
    >;
  verifier?: Partial<Omit<AssignedVerifier, 'place'>> & {
    disabled: boolean;
    mode?: VerifierMode;
    /** Has the tests. */ image?: string;
  };
  /** Of separate verifiers. */
  verifierImage?: Assignment['image'];
  upload?: boolean;
  /** The agent's program lies in the container already. */
  hasProgram?: boolean;
  network?: NetworkWish;
}

/** Restricts the Pod. */
export interface NetworkWish extends Partial<Pick<Assignment['network'], 'enforcement' | 'probePort'>> {
  phases: AssignedStep['networks'];
}

/** The oracle, with changes. */
export const anAgent = (over: Partial<NonNullable<Wish['agent']>> = {}): NonNullable<Wish['agent']> => ({
  name: 'oracle',
  ...over,
});

/** An assignment for the oracle, with changes. */
export const anAssignment = (over: Partial<Assignment> = {}): Assignment => ({
  trial: { namespace: 'default', name: 'hello', uid: '11111111-2222-3333-4444-555555555555', attempt: 1 },
  task: { name: 'org/hello', source: { kind: 'configMap', content: '' } },
  image: anImage,
  workdir: '/app',
  user: '0',
  network: { restricted: false, enforcement: 'BestEffort', probePort: CLOSED_PORT, variables: [] },
  steps: [aStep()],
  rewardStrategy: 'Mean',
  notes: [],
  upload: true,
  ...over,
});

const anImage: Assignment['image'] = { user: '', workdir: '/app', entrypoint: [], cmd: [] };

/** The oracle and its verifier, with changes. */
export const aStep = (over: Partial<AssignedStep> = {}): AssignedStep => ({
  agent: {
    name: 'oracle',
    env: [],
    setupTimeoutSeconds: 360,
    user: '0',
    webTools: true,
    backgroundProcesses: 'Keep',
  },
  hooks: [],
  artifacts: [],
  verifier: { env: [], timeoutSeconds: 600, user: '0' },
  networks: { environment: 'Public', agent: 'Public', verifier: 'Public' },
  ...over,
});

/** Of loopback, where nobody listens: the policy is in force. */
const CLOSED_PORT = 9;

/** An oracle's task. */
export const SOLVED: Files = {
  ...MINIMAL,
  'solution/solve.sh': '#!/bin/bash\necho solved > /app/answer\n',
};

/** What is judged again: the files of a Trial that ended, with changes. */
export interface AgainOptions extends Partial<Pick<Source, 'manifestSha256' | 'collected' | 'shared'>> {
  stored: ReadonlyMap<string, Uint8Array>;
}

/** What is to be run. */
export interface Asked {
  /** Then there is no agent's container. */
  again?: AgainOptions;
  files?: Files;
  /** What the Trial asks for; the rest is the task's. */
  assignment?: Wish;
  pod?: { env?: Record<string, string> };
}

/** The key of the tests' one Secret. */
const inSecret = (key: string) => ({ name: 'keys', key });

const envVars = (env: readonly AssignedVariable[] = []) =>
  env.map((variable) =>
    'value' in variable
      ? variable
      : { name: variable.name, secretKeyRef: inSecret(variable.courierVariable) },
  );

/** What the kubelet fills the courier's variables with. */
export const filled = (secrets: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).map(([key, value]) => [secretVariable(inSecret(key)), value]));

/** What the operator makes of the wish and the task. */
export function compiledFor({ assignment: wish = {}, pod, again }: Asked, task: Task): Compiled {
  const { agent = anAgent(), verifier = { disabled: false }, task: named } = wish;
  const { user, workdir, healthcheck } = wish;
  const spec = storedSpec({
    task: {
      name: 'org/hello',
      s3: { uri: 's3://bucket/tasks/hello' },
      ...present({ version: named?.version }),
    },
    environment: {
      image: 'debian',
      env: Object.entries(pod?.env ?? {}).map(([name, value]) => ({ name, value })),
      ...present({ user, workdir, healthcheck }),
    },
    agent: { ...agent, env: envVars(agent.env) },
    verifier: { ...verifier, env: envVars(verifier.env) },
    ...(again && { regrade: { trial: 'first' } }),
  });
  const compiled = compile(spec, task);
  const refusal = refusalOf(compiled);
  if (refusal) throw new Error(refusal.message);
  return compiled;
}

export function assignmentFor(
  { assignment: wish = {}, files = SOLVED, again }: Asked,
  compiled: Compiled,
  url: string,
): Assignment {
  const content = configMapHash({
    data: Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path.replaceAll('/', '__'), String(text)]),
    ),
  }).slice(0, 12);
  const source =
    wish.task?.source === 'configMap'
      ? { kind: 'configMap' as const, content }
      : { kind: 'archive' as const, url };
  const trial = aTrial({
    spec: { task: { name: 'org/hello', dataset: 'local' }, uploadResults: wish.upload ?? true },
  });
  const uid = '11111111-2222-3333-4444-555555555555';
  const assignment = assignmentOf(
    {
      trial: { ...trial, metadata: { ...trial.metadata, uid } },
      attempt: 1,
      image: wish.image ?? anImage,
      verifiers: verifierImages(compiled, wish.verifierImage),
      ...(wish.hasProgram === true && { hasProgram: true }),
    },
    {
      compiled,
      source,
      rules: NO_RULES,
      probePort: CLOSED_PORT,
      modelPrices: [],
      ...(again && { regrade: sourceOf(again) }),
    },
  );
  return wish.network ? restricted(assignment, wish.network) : assignment;
}

const sourceOf = ({ stored, ...over }: AgainOptions): Source => {
  const outcome = JSON.parse(String(stored.get('outcome.json'))) as StoredOutcome;
  const { collected = 0, sharedVerifier: shared = false, manifestSha256 = '' } = outcome.outcome.stored ?? {};
  return {
    prefix: 'trials/nightly/first__1234567/',
    uid: 'first',
    run: 'nightly',
    trial: 'first__1234567',
    uri: 's3://bucket/trials/nightly/first__1234567/',
    task: 'org/hello',
    agent: { name: 'oracle' },
    steps: [],
    collected,
    shared,
    manifestSha256,
    ...over,
  };
};

function restricted(assignment: Assignment, { phases: networks, ...over }: NetworkWish): Assignment {
  const [first, ...others] = assignment.steps;
  return {
    ...assignment,
    network: { ...assignment.network, restricted: true, ...over },
    steps: [{ ...first, networks }, ...others.map((step) => ({ ...step, networks }))],
  };
}

export const separate = ({ environments }: Compiled): [string, CompiledEnvironment][] =>
  rolesOf(environments).filter(([role]) => role !== 'agent');

const verifierImages = (compiled: Compiled, config = anImage): VerifierImages =>
  Object.fromEntries(separate(compiled).map(([role]) => [role, { config }]));
