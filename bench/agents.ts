/**
 * How long it takes from creating a Trial to the moment its agent's program is begun: with the files of its image, and, apart, with the program
 * installed in the container; beside them the oracle and a bare Pod of the same image. The program's own first second is the same everywhere and is
 * left out.
 */
import { readFileSync } from 'node:fs';
import { agentOf } from '../src/agents/registry.ts';
import { agentFacts, AGENTS, agentsThatTake, type AgentName } from '../src/crds/agents.ts';
import { PROVIDERS } from '../src/crds/providers.ts';
import { Pod } from '../src/kube/kinds.ts';
import { buildSmallImage } from '../test/e2e/cluster/images/build.ts';
import { machineAuthorities } from '../test/e2e/cluster/images/operator-image.ts';
import { SMALL } from '../test/e2e/support/story.ts';
import type { World } from '../test/e2e/support/world.ts';
import { kubectlOk } from '../test/support/cluster.ts';
import { eventually } from '../test/support/eventually.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { percentile, seconds, summary } from './support/figures.ts';
import { createTrial, IMAGE, isTerminal, makeTask } from './support/trials.ts';

/** The kubelet looks at containers once a second: a pair differs from the next by a second or by nothing. */
const TIMES = 4;
const OVER_ORACLE_MS = 2_000;
/** The task's image, with what this machine needs to reach a package registry. */
const TRUSTING = 'bench/trusting:1';

async function trustingImage(): Promise<string> {
  const authorities = await machineAuthorities();
  if (authorities === undefined) return IMAGE;
  const variables = ['NODE_EXTRA_CA_CERTS', 'PIP_CERT', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'];
  await buildSmallImage(TRUSTING, {
    Dockerfile: `FROM ${IMAGE}\nCOPY ca.crt /ca.crt\nENV ${variables.map((name) => `${name}=/ca.crt`).join(' ')}\n`,
    'ca.crt': readFileSync(authorities),
  });
  return `sb-registry:5000/${TRUSTING}`;
}

/** Milliseconds from now to the beginning of the agent. */
async function untilAgent(world: World, name: string, spec: object): Promise<number> {
  const { trials, namespace } = world;
  const began = Date.now();
  await createTrial(world, name, { verifier: { disabled: true }, ...spec });
  const ended = await eventually(
    `Trial ${name} ended`,
    () => {
      const trial = trials.get({ namespace, name });
      return trial && isTerminal(trial) ? trial : undefined;
    },
    900,
  );
  const start = ended.status?.timings?.agentExecution?.startTime;
  if (start === undefined) throw new Error(`${name}: ${JSON.stringify(ended.status?.conditions)}`);
  return Date.parse(start) - began;
}

/** With nothing of ours: a Pod that says when it began. */
async function untilBarePod({ kube, namespace }: World, name: string): Promise<number> {
  const began = Date.now();
  const container = { name: 'task', image: IMAGE, command: ['date', '+%s%3N'], resources: SMALL };
  await kube.create(Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { 'sb.test/bare': 'true' } },
    spec: { restartPolicy: 'Never', containers: [container] },
  });
  await kubectlOk([
    '-n',
    namespace,
    'wait',
    `pod/${name}`,
    '--for=jsonpath={.status.phase}=Succeeded',
    '--timeout=60s',
  ]);
  return Number(await kubectlOk(['-n', namespace, 'logs', name])) - began;
}

/** The agent as it is, at a model that does not answer: it ends by its own word or within a second. */
function known(agent: AgentName): object {
  const [provider] = AGENTS[agent].providers as readonly (keyof typeof PROVIDERS)[];
  return {
    name: agent,
    timeoutSeconds: 1,
    ...(provider !== undefined && {
      model: `${provider}/bench`,
      modelAccess: 'Direct',
      env: [{ name: PROVIDERS[provider].key, value: 'none' }],
    }),
  };
}

/** The first of each brings the images to the node, and has them built. */
async function samples(
  measure: (index: number) => Promise<number>,
): Promise<{ first: number; others: number[] }> {
  const first = await measure(0);
  const others: number[] = [];
  for (let index = 1; index <= TIMES; index++) others.push(await measure(index));
  return { first, others };
}

type Note = (name: string, samples: { first: number; others: number[] }) => void;

/** A measurement beside a bare Pod and the oracle. */
const besideOracle = (
  measure: (world: World, told: { environment: object; note: Note }) => Promise<Figure[]>,
): Bench => ({
  needs: 'cluster',
  async run(world) {
    await makeTask(world);
    const environment = { image: await trustingImage(), resources: SMALL };
    const raw: Record<string, object> = {};
    const figures: Figure[] = [];
    const note: Note = (name, { first, others }) => {
      raw[name] = { firstMs: first, othersMs: others, ...summary(others) };
      figures.push({ name: `${name} (median)`, value: seconds(percentile(others, 0.5)) });
    };
    note('bare Pod', await samples((index) => untilBarePod(world, `bare-${index}`)));
    note('oracle', await samples((index) => untilAgent(world, `oracle-${index}`, { environment })));
    figures.push(...(await measure(world, { environment, note })));
    return { figures, raw };
  },
});

/** In turns with the oracle: what else the machine does is the same for both. */
export const agents = besideOracle(async (world, { environment, note }) => {
  const over: Figure[] = [];
  for (const agent of agentsThatTake('program')) {
    const more: number[] = [];
    const measure = async (index: number): Promise<number> => {
      const oracle = await untilAgent(world, `${agent}-oracle-${index}`, { environment });
      const own = await untilAgent(world, `${agent}-image-${index}`, { environment, agent: known(agent) });
      if (index > 0) more.push(own - oracle);
      return own;
    };
    note(`${agent}, from its image`, await samples(measure));
    over.push(
      atMost(`${agent}, over the oracle`, percentile(more, 0.5), { is: OVER_ORACLE_MS, say: seconds }),
    );
  }
  return over;
});

export const installedAgents = besideOracle(async (world, { environment, note }) => {
  for (const agent of agentsThatTake('program')) {
    const version = agentFacts(agent)?.program?.version ?? '';
    const install = agentOf(agent)?.program?.install(version);
    const custom = { name: 'custom', install, run: 'true', setupTimeoutSeconds: 600 };
    const measure = (index: number): Promise<number> =>
      untilAgent(world, `${agent}-install-${index}`, { environment, agent: custom });
    note(`${agent}, installed`, await samples(measure));
  }
  return [];
});
