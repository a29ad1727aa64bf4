/** A whole attempt in a Pod without Kubernetes: services, task container and courier. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../src/wire/uploads.ts';
import type { Outcome, StoredOutcome } from '../../src/wire/outcome.ts';
import type { Assignment } from '../../src/wire/assignment.ts';
import type { Settings } from '../../src/courier/settings.ts';
import { packTask, readTask } from '../../src/tasks/index.ts';
import { startCourierServices, TOKEN } from './courier-services.ts';
import type { CourierServices, ServicesOptions } from './courier-services.ts';
import { MINIMAL, removeTaskFolder, taskFolder } from './task-folder.ts';
import type { Files } from './task-folder.ts';
import { COURIER_UID, makeTaskPod } from './task-pod.ts';
import type { TaskPod, TaskPodOptions } from './task-pod.ts';

/** The oracle, with changes. */
export const anAgent = (over: Partial<Assignment['agent']> = {}): Assignment['agent'] => ({
  name: 'oracle',
  env: [],
  setupTimeoutSeconds: 360,
  backgroundProcesses: 'Keep',
  ...over,
});

/** A assignment for the oracle, with changes. */
export const anAssignment = (over: Partial<Assignment> = {}): Assignment => ({
  trial: { namespace: 'default', name: 'hello', uid: '11111111-2222-3333-4444-555555555555', attempt: 1 },
  task: { name: 'org/hello', source: { kind: 'configMap' } },
  image: { user: '', workdir: '/app', entrypoint: [], cmd: [] },
  environmentVariables: [],
  agent: anAgent(),
  verifier: { disabled: false, env: [] },
  artifacts: [],
  upload: true,
  ...over,
});

/** An oracle's task. */
export const SOLVED: Files = {
  ...MINIMAL,
  'solution/solve.sh': '#!/bin/bash\necho solved > /app/answer\n',
};

export interface RunOptions {
  files?: Files;
  /** `archive` for the task's source is the archive of `files`. */
  assignment?: Partial<Omit<Assignment, 'task'>> & {
    task?: Omit<Assignment['task'], 'source'> & { source: Assignment['task']['source'] | 'archive' };
  };
  pod?: TaskPodOptions;
  secrets?: Record<string, string>;
  services?: Partial<ServicesOptions>;
}

export interface TrialRun {
  pod: TaskPod;
  services: CourierServices;
  /** Starts a courier, as the kubelet does; again, when it has died. */
  startCourier(): ChildProcess;
  /** Resolves when a courier has ended. */
  courierEnd: Promise<number | null>;
  /** What couriers wrote to their stdout and stderr. */
  said(): string;
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

function assignmentOf({ assignment: { task, ...assignment } = {} }: RunOptions, url: string): Assignment {
  const { source = 'archive', ...named } = task ?? { name: 'org/hello' };
  return anAssignment({
    ...assignment,
    task: { ...named, source: source === 'archive' ? { kind: source, url } : source },
  });
}

/** Everything but the processes. */
export async function makeTrialRun(options: RunOptions = {}): Promise<TrialRun> {
  const folder = await taskFolder(options.files ?? SOLVED);
  const services = await startCourierServices({
    archive: await packTask(await readTask(folder)),
    assignment: (url) => assignmentOf(options, url),
    ...options.services,
  });
  const pod = await makeTaskPod(options.pod);
  const tokenFile = join(pod.paths.scratch, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const couriers = courierStarter({
    broker: { url: services.url, ca: services.ca, tokenFile },
    paths: pod.paths,
    hostname: 'hello-1-abcde',
    secrets: options.secrets ?? {},
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
    services,
    startCourier: couriers.start,
    courierEnd: couriers.end,
    said: couriers.said,
    outcome,
    manifest: () => JSON.parse(text('manifest.json')) as Manifest,
    storedOutcome: () => JSON.parse(text('outcome.json')) as StoredOutcome,
    text,
    async finish() {
      couriers.start();
      pod.start();
      await Promise.all([couriers.end, pod.exited]);
      return outcome();
    },
    async remove() {
      couriers.kill();
      await pod.remove();
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
