/** Sandboxes of the stories: made through the client, watched through the API. */
import { expect } from 'chai';
import { Sandbox as SandboxKind } from '../../../src/crds/kinds.ts';
import { API_VERSION } from '../../../src/crds/names.ts';
import { standingOf } from '../../../src/crds/sandbox-reasons.ts';
import type { Sandbox, SandboxSpec } from '../../../src/crds/sandbox.ts';
import { createSandbox, openSession, type CreateOptions, type Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { Pod } from '../../../src/kube/kinds.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import { kubeconfig, root } from '../../support/cluster.ts';
import { world } from './world.ts';

/** They share two cores with everything else. */
export const LITTLE = {
  requests: { cpu: '10m', memory: '32Mi', 'ephemeral-storage': '64Mi' },
  limits: { memory: '256Mi' },
};

/** A session as a user of the cluster has it, in the namespace of this run or another. */
export function userSession(
  namespace = world().namespace,
  config = kubeconfig,
  env: Record<string, string> = {},
): Session {
  const surroundings = { env, cwd: root, now: () => new Date() };
  return openSession({ namespace, kubeconfig: config }, surroundings);
}

type Given = Partial<Omit<Extract<CreateOptions, { image: string }>, 'executionBackend'>>;

const IMAGE = 'debian:bookworm-slim';

/** A small Sandbox, not yet created. */
export const small = (session: Session, name: string, given: Given = {}): SandboxEnvironment =>
  createSandbox(session, {
    executionBackend: 'kubernetes',
    image: IMAGE,
    resources: LITTLE,
    name,
    ...given,
  });

/** One out of a pool, not yet created. */
export const pooled = (
  session: Session,
  name: string,
  { poolRef, env }: { poolRef: string; env?: Record<string, string> },
): SandboxEnvironment =>
  createSandbox(session, { executionBackend: 'kubernetes', poolRef, name, ...(env && { env }) });

/** A pool of small Sandboxes; resolves when all of them are ready. */
export async function fullPool(name: string, size: number, seconds = 120): Promise<void> {
  const { kube, namespace } = world();
  const spec = { image: IMAGE, resources: LITTLE, pool: { size } } as SandboxSpec;
  await kube.create(SandboxKind, {
    apiVersion: API_VERSION,
    kind: 'Sandbox',
    metadata: { name, namespace },
    spec,
  });
  await isFull(name, size, seconds);
}

export const isFull = (name: string, size: number, seconds = 120): Promise<void> =>
  eventuallyTrue(
    `the pool ${name} has ${size} ready`,
    async () => (await seen(name))?.status?.pool?.ready === size,
    seconds,
  );

export const seen = (name: string, namespace = world().namespace): Promise<Sandbox | undefined> =>
  world().kube.get(SandboxKind, { namespace, name });

/** Waits until it stands so: by the reason of its condition. */
export const becomes = (
  name: string,
  reason: string,
  { seconds = 60, namespace }: { seconds?: number; namespace?: string } = {},
): Promise<Sandbox> =>
  eventually(
    `Sandbox ${name} is ${reason}`,
    async () => {
      const sandbox = await seen(name, namespace);
      return sandbox && standingOf(sandbox)?.reason === reason ? sandbox : undefined;
    },
    seconds,
  );

/** Its Pod, as the API server has it. */
export async function podOf(name: string): Promise<Pod> {
  const sandbox = await seen(name);
  const pod = await world().kube.get(Pod, {
    namespace: world().namespace,
    name: sandbox?.status?.podName ?? '',
  });
  if (!pod) throw new Error(`Sandbox ${name} has no Pod`);
  return pod;
}

const LINES = 300;
/** Numbered lines for half a minute, an exit code of its own, and nothing else. */
const COUNTING = `i=0; while [ $i -lt ${LINES} ]; do echo line $i; i=$((i + 1)); sleep 0.1; done; exit 9`;
const COUNTED = Array.from({ length: LINES }, (_, index) => `line ${index}\n`).join('');

/** A command that says something all the while goes through a fault, and nothing of it is lost or comes twice. */
export async function commandSurvives(
  sandbox: SandboxEnvironment,
  fault: () => Promise<unknown>,
): Promise<void> {
  const running = sandbox.runCommand(COUNTING);
  await sandbox.runCommand('sleep 1');
  await fault();
  const { exitCode, stdout } = await running;
  expect({ exitCode, whole: stdout === COUNTED, bytes: stdout.length }).to.deep.equal({
    exitCode: 9,
    whole: true,
    bytes: COUNTED.length,
  });
}
