/** A whole attempt in a Pod without Kubernetes: services, task container and courier. */
import { imageProgramOf } from './bundle.ts';
import { assignmentFor, compiledFor, filled, separate, SOLVED, type Asked } from './trial-assignment.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../src/wire/uploads.ts';
import type { Outcome, StoredOutcome } from '../../src/wire/outcome.ts';
import type { Settings } from '../../src/courier/settings.ts';
import { isServiceRole } from '../../src/crds/trial-status.ts';
import { packTask, readTask, type Compiled, type CompiledEnvironment } from '../../src/tasks/index.ts';
import { startCourierServices, TOKEN } from './courier-services.ts';
import type { CourierServices, ServicesOptions } from './courier-services.ts';
import { removeTaskFolder, taskFolder } from './folder.ts';
import { COURIER_UID, makeTaskPod } from './task-pod.ts';
import type { TaskPod, TaskPodOptions } from './task-pod.ts';

export interface RunOptions extends Asked {
  pod?: TaskPodOptions;
  /** Of separate verifiers. */
  verifierPod?: TaskPodOptions;
  /** By the `courierVariable` of the wish. */
  secrets?: Record<string, string>;
  services?: Partial<ServicesOptions>;
  /** Of the courier's door for people; default: any, as couriers of other tests have doors on this machine, too. */
  entryPort?: number;
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

/** A container's variables, as the kubelet sets them. */
const literals = ({ env }: CompiledEnvironment): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));

async function makeVerifiers(
  { verifierPod }: RunOptions,
  compiled: Compiled,
): Promise<Record<string, TaskPod>> {
  const pods: Record<string, TaskPod> = {};
  for (const [role, environment] of separate(compiled))
    pods[role] = await makeTaskPod({ ...verifierPod, env: literals(environment) });
  return pods;
}

const volumesOf = (verifiers: Record<string, TaskPod>): Settings['paths']['beside'] =>
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
  // Services end with the Pod.
  const toTheEnd = Object.entries(beside).filter(([role]) => !isServiceRole(role));
  if (!verifier) return Promise.all(toTheEnd.map(([, { exited }]) => exited));
  return pod.exited.then((code) => {
    if (code !== 0) return undefined;
    verifier.start();
    return verifier.exited;
  });
}

/** Nobody goes before them. */
function startAlone(verifiers: Record<string, TaskPod>): Promise<unknown> {
  for (const one of Object.values(verifiers)) one.start();
  return Promise.all(Object.values(verifiers).map(({ exited }) => exited));
}

/** Everything but the processes. */
export async function makeTrialRun(options: RunOptions = {}): Promise<TrialRun> {
  const folder = await taskFolder(options.files ?? SOLVED);
  const task = await readTask(folder);
  const compiled = compiledFor(options, task);
  const services = await startCourierServices({
    archive: await packTask(task),
    assignment: (url) => assignmentFor(options, compiled, url),
    ...(options.again && { source: options.again.stored }),
    ...options.services,
  });
  const pod = await makeTaskPod({ ...options.pod, env: literals(compiled.environments.agent) });
  const verifiers = await makeVerifiers(options, compiled);
  const tokenFile = join(pod.paths.scratch, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const settings: Settings = {
    ...(options.again && { regrade: true }),
    broker: { url: services.url, ca: services.ca, tokenFile },
    paths: { ...pod.paths, beside: volumesOf(verifiers) },
    hostname: 'hello-1-abcde',
    secrets: filled(options.secrets),
  };
  const program = await imageProgramOf('test/support/courier-process.ts');
  const couriers = courierStarter(program, settings, options.entryPort ?? 0);
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
      if (!options.again) pod.start();
      const ended = options.again ? startAlone(verifiers) : startVerifiers(pod, verifiers);
      await Promise.all([couriers.end, ended, !options.again && pod.exited]);
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
function courierStarter(program: string, settings: Settings, entryPort: number) {
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
      const courier = spawn(process.execPath, [program, JSON.stringify(settings), String(entryPort)], {
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
