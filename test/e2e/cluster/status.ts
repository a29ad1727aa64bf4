import { OPERATOR } from '../../../src/installation/names.ts';
import { inspect } from './machine/containers.ts';
import { docker, environment, kubectl } from './machine/process.ts';
import { policyEngine } from './parts/policy-engine.ts';
import { services } from './parts/services.ts';
import { nodes } from './versions.ts';

/** One line of the status table; `health` begins with `ok` where the part is well. */
export type Part = { part: string; health: string; where: string };

/** Looks at every part of the local cluster without changing anything. */
export async function status(): Promise<Part[]> {
  const engine = await docker(['version', '-f', '{{.Server.Version}}'], { timeoutSeconds: 10 }).catch(
    () => '',
  );
  if (!engine) return [{ part: 'Docker engine', health: 'down', where: '' }];
  const engineHost = environment()['DOCKER_HOST'] ?? "the machine's own";
  return [
    { part: 'Docker engine', health: `ok, ${engine.trim()}`, where: engineHost },
    ...(await Promise.all([
      ...services('made').map(serviceStatus),
      ...nodes.map(nodeStatus),
      operatorStatus(),
      policyEngineStatus(),
    ])),
  ];
}

async function serviceStatus({ name, port, healthy }: ReturnType<typeof services>[number]): Promise<Part> {
  const container = await inspect(name);
  const health = container?.running ? ((await healthy()) ? 'ok' : 'does not answer') : stateOf(container);
  return { part: name, health, where: `127.0.0.1:${port}` };
}

async function nodeStatus(name: string): Promise<Part> {
  const container = await inspect(name);
  if (!container?.running) return { part: name, health: stateOf(container), where: '' };
  const path = '{.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.kubeletVersion}';
  const seen = await kubectl(['get', 'node', name, '-o', `jsonpath=${path}`], { timeoutSeconds: 10 }).catch(
    () => '',
  );
  const [ready, version] = seen.split(' ');
  return { part: name, health: ready === 'True' ? `ok, ${version}` : 'not ready', where: container.address };
}

async function operatorStatus(): Promise<Part> {
  const query = ['-n', OPERATOR.namespace, 'get', 'statefulset', OPERATOR.name, '-o'];
  const path = 'jsonpath={.status.readyReplicas}/{.spec.replicas} {.spec.template.spec.containers[0].image}';
  const seen = await kubectl([...query, path], { timeoutSeconds: 10 }).catch(() => '');
  const [replicas = '', image = ''] = seen.trim().split(' ');
  const [ready, wanted] = replicas.split('/');
  if (!seen) return { part: 'operator', health: 'not installed', where: '' };
  return {
    part: 'operator',
    health: ready === wanted ? `ok, ${replicas} ready` : `${ready || 0}/${wanted} ready`,
    where: image,
  };
}

/** Without one the cluster is well, and the demo has all it needs. */
async function policyEngineStatus(): Promise<Part> {
  const part = 'policy engine';
  const each =
    '{range .items[*]}{.metadata.name} {.status.numberReady}/{.status.desiredNumberScheduled}{"\\n"}{end}';
  const query = ['-n', 'kube-system', 'get', 'daemonsets', '-o', `jsonpath=${each}`];
  const seen = await kubectl(query, { timeoutSeconds: 10 }).catch(() => '');
  const engines = [policyEngine, 'kindnet'];
  const [name, replicas = ''] = engines.flatMap(
    (engine) =>
      seen
        .split('\n')
        .find((line) => line.startsWith(`${engine} `))
        ?.split(' ') ?? [],
  );
  if (name === undefined) return { part, health: 'ok without: no NetworkPolicy is enforced', where: '' };
  const [ready, wanted] = replicas.split('/');
  return { part, health: ready === wanted ? `ok, ${replicas} ready` : `${replicas} ready`, where: name };
}

function stateOf(container: Awaited<ReturnType<typeof inspect>>): string {
  if (!container) return 'missing';
  return container.paused ? 'paused' : 'stopped';
}

/** The table that `cluster:status` prints. */
export function table(parts: Part[]): string {
  const width = (pick: (part: Part) => string) => Math.max(...parts.map((part) => pick(part).length)) + 2;
  const [first, second] = [width(({ part }) => part), width(({ health }) => health)];
  return parts
    .map(({ part, health, where }) => `${part.padEnd(first)}${health.padEnd(second)}${where}`.trimEnd())
    .join('\n');
}

export const isHealthy = (parts: Part[]) => parts.every(({ health }) => health.startsWith('ok'));
