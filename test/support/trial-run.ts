/** A whole attempt in a Pod without Kubernetes: services, task container and courier. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../src/wire/uploads.ts';
import type { Outcome, StoredOutcome } from '../../src/wire/outcome.ts';
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
import { rolesOf } from '../../src/crds/trial-status.ts';
import type { VerifierMode } from '../../src/crds/verifier.ts';
import type { VerifierImages } from '../../src/pods/verifier-images.ts';
import type { Settings } from '../../src/courier/settings.ts';
import {
  compile,
  packTask,
  readTask,
  refusalOf,
  storedSpec,
  type Compiled,
  type CompiledEnvironment,
  type Task,
} from '../../src/tasks/index.ts';
import { aTrial, NO_RULES } from './builders/objects.ts';
import { startCourierServices, TOKEN } from './courier-services.ts';
import type { CourierServices, ServicesOptions } from './courier-services.ts';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from './folder.ts';
import { COURIER_UID, makeTaskPod } from './task-pod.ts';
import type { TaskPod, TaskPodOptions } from './task-pod.ts';

/** What a Trial asks for, as flat as a test wants it. */
export interface Wish {
  task?: { name: string; version?: string; source: 'archive' | 'configMap' };
  image?: Assignment['image'];
  user?: string;
  workdir?: string;
  healthcheck?: Assignment['healthcheck'];
  agent?: Partial<Omit<AssignedAgent, 'name'>> & { name: string };
  verifier?: Partial<Omit<AssignedVerifier, 'place'>> & { disabled: boolean; mode?: VerifierMode };
  /** Of separate verifiers. */
  verifierImage?: Assignment['image'];
  upload?: boolean;
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
  agent: { name: 'oracle', env: [], setupTimeoutSeconds: 360, user: '0', backgroundProcesses: 'Keep' },
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

export interface RunOptions {
  files?: Files;
  /** What the Trial asks for; the rest is the task's. */
  assignment?: Wish;
  pod?: TaskPodOptions;
  /** Of separate verifiers. */
  verifierPod?: TaskPodOptions;
  /** By the `courierVariable` of the wish. */
  secrets?: Record<string, string>;
  services?: Partial<ServicesOptions>;
}

export interface TrialRun {
  pod: TaskPod;
  /** Containers of separate verifiers, by their names. */
  verifiers: Record<string, TaskPod>;
  services: CourierServices;
  /** Starts a courier, as the kubelet does; again, when it has died. */
  startCourier(): ChildProcess;
  /** Resolves when a courier has ended. */
  courierEnd: Promise<number | null>;
  /** What couriers wrote to their stdout and stderr. */
  said(): string;
  /** KiB of memory that the courier holds; 0 where none runs. */
  residentKiB(): number;
  outcome(): Outcome;
  manifest(): Manifest;
  /** `outcome.json`. */
  storedOutcome(): StoredOutcome;
  /** Text of a stored file. */
  text(path: string): string;
  /** Runs all to the end. */
  finish(): Promise<Outcome>;
  remove(): Promise<void>;
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
const filled = (secrets: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).map(([key, value]) => [secretVariable(inSecret(key)), value]));

/** What the operator makes of the wish and the task. */
function compiledFor({ assignment: wish = {}, pod }: RunOptions, task: Task): Compiled {
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
  });
  const compiled = compile(spec, task);
  const refusal = refusalOf(compiled);
  if (refusal) throw new Error(refusal.message);
  return compiled;
}

function assignmentFor(
  { assignment: wish = {}, files = SOLVED }: RunOptions,
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
    },
    { compiled, source, rules: NO_RULES, probePort: CLOSED_PORT },
  );
  return wish.network ? restricted(assignment, wish.network) : assignment;
}

function restricted(assignment: Assignment, { phases: networks, ...over }: NetworkWish): Assignment {
  const [first, ...others] = assignment.steps;
  return {
    ...assignment,
    network: { ...assignment.network, restricted: true, ...over },
    steps: [{ ...first, networks }, ...others.map((step) => ({ ...step, networks }))],
  };
}

/** A container's variables, as the kubelet sets them. */
const literals = ({ env }: CompiledEnvironment): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));

const separate = ({ environments }: Compiled): [string, CompiledEnvironment][] =>
  rolesOf(environments).filter(([role]) => role !== 'agent');

const verifierImages = (compiled: Compiled, config = anImage): VerifierImages =>
  Object.fromEntries(separate(compiled).map(([role]) => [role, { config }]));

async function makeVerifiers(
  { verifierPod }: RunOptions,
  compiled: Compiled,
): Promise<Record<string, TaskPod>> {
  const pods: Record<string, TaskPod> = {};
  for (const [role, environment] of separate(compiled))
    pods[role] = await makeTaskPod({ ...verifierPod, env: literals(environment) });
  return pods;
}

const volumesOf = (verifiers: Record<string, TaskPod>): Settings['paths']['verifiers'] =>
  Object.fromEntries(
    Object.entries(verifiers).map(([name, { paths }]) => [
      name,
      { control: paths.control, logs: paths.logs },
    ]),
  );

/** As the kubelet starts them: the only one's once the agent's has ended well, those of several steps at once. */
function startVerifiers(pod: TaskPod, verifiers: Record<string, TaskPod>): Promise<unknown> {
  const { verifier, ...beside } = verifiers;
  for (const one of Object.values(beside)) one.start();
  if (!verifier) return Promise.all(Object.values(beside).map(({ exited }) => exited));
  return pod.exited.then((code) => {
    if (code !== 0) return undefined;
    verifier.start();
    return verifier.exited;
  });
}

/** Everything but the processes. */
export async function makeTrialRun(options: RunOptions = {}): Promise<TrialRun> {
  const folder = await taskFolder(options.files ?? SOLVED);
  const task = await readTask(folder);
  const compiled = compiledFor(options, task);
  const services = await startCourierServices({
    archive: await packTask(task),
    assignment: (url) => assignmentFor(options, compiled, url),
    ...options.services,
  });
  const pod = await makeTaskPod({ ...options.pod, env: literals(compiled.environments.agent) });
  const verifiers = await makeVerifiers(options, compiled);
  const tokenFile = join(pod.paths.scratch, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const couriers = courierStarter({
    broker: { url: services.url, ca: services.ca, tokenFile },
    paths: { ...pod.paths, verifiers: volumesOf(verifiers) },
    hostname: 'hello-1-abcde',
    secrets: filled(options.secrets),
  });
  const outcome = (): Outcome => JSON.parse(readFileSync(pod.paths.terminationLog, 'utf8')) as Outcome;
  const text = (path: string): string => {
    const contents = services.stored.get(path);
    if (!contents)
      throw new Error(`${path} was not stored; there are ${[...services.stored.keys()].join(', ')}`);
    return contents.toString();
  };
  return {
    pod,
    verifiers,
    services,
    startCourier: couriers.start,
    courierEnd: couriers.end,
    said: couriers.said,
    residentKiB: couriers.residentKiB,
    outcome,
    manifest: () => JSON.parse(text('manifest.json')) as Manifest,
    storedOutcome: () => JSON.parse(text('outcome.json')) as StoredOutcome,
    text,
    async finish() {
      couriers.start();
      pod.start();
      await Promise.all([couriers.end, pod.exited, startVerifiers(pod, verifiers)]);
      return outcome();
    },
    async remove() {
      couriers.kill();
      for (const one of [pod, ...Object.values(verifiers)]) await one.remove();
      await services.stop();
      await removeTaskFolder(folder);
    },
  };
}

/** Couriers as processes of their own, with their own user. */
function courierStarter(settings: Settings) {
  const script = join(import.meta.dirname, 'courier-process.ts');
  const couriers: ChildProcess[] = [];
  const end = Promise.withResolvers<number | null>();
  let said = '';
  return {
    end: end.promise,
    said: () => said,
    residentKiB: (): number => {
      const status = `/proc/${couriers.at(-1)?.pid}/status`;
      const text = existsSync(status) ? readFileSync(status, 'utf8') : '';
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
    },
    start: (): ChildProcess => {
      const courier = spawn(process.execPath, [script, JSON.stringify(settings)], {
        uid: COURIER_UID,
        gid: COURIER_UID,
        env: { PATH: process.env['PATH'] },
      });
      for (const stream of [courier.stdout, courier.stderr])
        stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      courier.once('close', (code) => end.resolve(code));
      couriers.push(courier);
      return courier;
    },
    kill: () => {
      for (const courier of couriers) courier.kill('SIGKILL');
    },
  };
}
