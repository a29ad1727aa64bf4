/** Real agent programs, from their registries, against a scripted model in the cluster. */
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { agentFacts, agentNames, type AgentName } from '../../../src/crds/agents.ts';
import { PROVIDERS, type ProviderName } from '../../../src/crds/providers.ts';
import { Secret } from '../../../src/kube/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Trajectory } from '../../../src/wire/trajectory.ts';
import { validateTrajectory } from '../../support/atif.ts';
import { smallImage, type SmallImage } from '../support/images.ts';
import { ensureProgramBases, modelsUrl, startModels, WORKPLACE, type Models } from '../support/models.ts';
import { trial } from '../support/stories.ts';
import { storedJson, storedKeys, storedText } from '../support/stored.ts';
import type { Spec, Story } from '../support/story.ts';
import { rewardIf } from '../support/task.ts';
import { world } from '../support/world.ts';

const SECRET = 'model-keys';
/** musl in place of glibc, and neither bash nor anything else that an agent might count on. */
const MUSL = smallImage(
  'agents-musl',
  `FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static musl
RUN mkdir -p /out/bin /out/etc /out/lib /out/root /out/usr/lib && mkdir -m 1777 /out/tmp /out/work \\
 && cp /bin/busybox /out/bin/ && chroot /out /bin/busybox --install -s /bin \\
 && cp -L /lib/ld-musl-*.so.1 /out/lib/ \\
 && echo "root:x:0:0:root:/root:/bin/sh" > /out/etc/passwd && echo "root:x:0:" > /out/etc/group
FROM scratch
COPY --from=build /out /
CMD ["sh"]
`,
);
const MINUTE = 60;
const PLACE = { name: 'sb-e2e-models', port: 7999 };

const installed = agentNames.filter((name) => agentFacts(name)?.program !== undefined);

/** What is tried with every agent. */
interface Case {
  name: string;
  /** Name of the script that the model plays. */
  script: string;
  image?: SmallImage;
  agent?: Spec['agent'];
  environment?: Spec['environment'];
}

const CASES = {
  /** One edit, as root. */
  edit: { name: 'edit', script: 'solve-edit' },
  /** Several calls, as a user of no name. */
  several: { name: 'several', script: 'several-calls', agent: { user: '1234' } },
  /** In an image of another C library, without bash. */
  musl: { name: 'musl', script: 'solve-edit', image: MUSL },
  /** A model that falls silent in the middle of an answer. */
  stalls: { name: 'stalls', script: 'stalls', agent: { timeoutSeconds: 20 } },
  /** A model that has enough of it, twice. */
  limited: { name: 'limited', script: 'limited-twice' },
  /** A key that the model refuses. */
  denied: { name: 'denied', script: 'denied' },
  /** Nothing of the network but the model, by the courier. */
  offline: { name: 'offline', script: 'solve-edit', environment: { network: { mode: 'None' } } },
  /** The same, by the agent itself with the key. */
  direct: {
    name: 'direct',
    script: 'several-calls',
    agent: { modelAccess: 'Direct' },
    environment: { network: { mode: 'None' } },
  },
} as const satisfies Record<string, Case>;

/** Of one agent alone. */
const BUDGETS = {
  priced: { name: 'priced', script: 'claude-sonnet-4-5', agent: { maxCostUsd: 1 } },
  spent: { name: 'spent', script: 'several-calls', agent: { maxTokens: 300 } },
} as const satisfies Record<string, Case>;
const WITH_BUDGET = 'claude-code';
const NEEDS_BASH = 'claude-code';

const keyOf = (agent: string, { name }: Case): string => `${agent}.${name}`;

async function openModels(keys: Record<string, string>): Promise<Models> {
  await ensureProgramBases();
  const models = await startModels(PLACE, keys);
  const values = Object.entries(keys).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  await world().kube.create(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: world().namespace, name: SECRET },
    data: Object.fromEntries(values),
  });
  return models;
}

describe('agents that people use', function () {
  this.timeout(900_000);
  const keys = Object.fromEntries(
    installed.flatMap((agent) =>
      Object.values({ ...CASES, ...BUDGETS }).map((one) => [
        keyOf(agent, one),
        `sk-scripted-${randomUUID()}`,
      ]),
    ),
  );
  let opened: Promise<Models> | undefined;
  /** Of all stories; the first one starts them. */
  const models = (): Promise<Models> => (opened ??= openModels(keys));
  after(async () => (await opened)?.close());

  function provider(agent: AgentName): ProviderName {
    return agentFacts(agent)?.providers[0] ?? 'openai';
  }

  function story(agent: AgentName, one: Case): Story {
    const of = provider(agent);
    const { key } = PROVIDERS[of];
    return trial(`${agent}-${one.name}`, {
      given: models,
      image: one.image ?? WORKPLACE,
      instruction: 'Write the word solved into the file answer.txt.',
      tests: rewardIf('[ "$(cat /work/answer.txt 2>/dev/null)" = solved ]'),
      spec: {
        run: 'agents',
        agent: {
          name: agent,
          model: `${of}/${one.script}`,
          baseUrl: modelsUrl(PLACE, of),
          env: [{ name: key, secretKeyRef: { name: SECRET, key: keyOf(agent, one) } }],
          timeoutSeconds: 5 * MINUTE,
          ...one.agent,
        },
        environment: {
          workdir: '/work',
          resources: {
            requests: { cpu: '100m', memory: '256Mi', 'ephemeral-storage': '1Gi' },
            limits: { 'ephemeral-storage': '4Gi' },
          },
          ...one.environment,
        },
      },
    });
  }

  // Programs are built beside each other, by these.
  const edits = new Map(installed.map((agent) => [agent, story(agent, CASES.edit)]));

  function storiesOf(agent: AgentName): Record<keyof typeof CASES, Story> {
    const made = Object.entries(CASES).map(([name, one]) => [
      name,
      (one === CASES.edit && edits.get(agent)) || story(agent, one),
    ]);
    return Object.fromEntries(made) as Record<keyof typeof CASES, Story>;
  }

  describe('a budget', () => {
    const priced = story(WITH_BUDGET, BUDGETS.priced);
    const spent = story(WITH_BUDGET, BUDGETS.spent);

    it('counts what a model costs whose price is known', async () => {
      const { status } = await priced.earns(1, 10 * MINUTE);
      // 130 tokens of plain input, 40 into a cache, 140 out of it, 27 of output.
      expect(status?.usage?.costUsd).to.be.closeTo((130 * 3 + 40 * 3.75 + 140 * 0.3 + 27 * 15) / 1e6, 1e-9);
    });

    it('that is spent ends the agent’s calls, and what it has done is judged', async () => {
      const { status } = await spent.earns(0, 10 * MINUTE);
      expect(status?.exception?.type).to.equal('BudgetExceededError');
      const { inputTokens = 0, outputTokens = 0 } = status?.usage ?? {};
      expect(inputTokens + outputTokens).to.be.within(300, 700);
    });
  });

  for (const agent of installed)
    describe(agent, () => {
      const own = storiesOf(agent);

      async function checkUsage({ status }: Trial, one: Case): Promise<void> {
        const given = (await (await models()).totals())[keyOf(agent, one)];
        expect(given, 'asked the model').to.not.equal(undefined);
        const { input = 0, cacheRead = 0, cacheWrite = 0, output = 0 } = given ?? {};
        expect(status?.usage).to.include({
          inputTokens: input + cacheRead + cacheWrite,
          outputTokens: output,
        });
      }

      async function checkTrajectory(done: Trial): Promise<void> {
        const trajectory = await storedJson<Trajectory>(done, 'agent/trajectory.json');
        validateTrajectory(trajectory);
        const calls = trajectory.steps.flatMap((step) => step.tool_calls ?? []);
        const seen = JSON.stringify([calls, trajectory.steps]);
        expect(seen, 'what it did').to.contain('answer.txt');
      }

      it('solves a task with one edit, as root, and is counted', async () => {
        const done = await own.edit.earns(1, 10 * MINUTE);
        await checkUsage(done, CASES.edit);
        expect(done.status?.usage?.countedBy).to.equal('Courier');
        await checkTrajectory(done);
      });

      it('solves one of several calls as a user without a name', async () => {
        const done = await own.several.earns(1, 10 * MINUTE);
        await checkUsage(done, CASES.several);
        await checkTrajectory(done);
      });

      it('solves one in an image with musl and without bash, or says what it lacks', async () => {
        const { status } = await own.musl.earns(agent === NEEDS_BASH ? 0 : 1, 10 * MINUTE);
        if (agent === NEEDS_BASH) expect(status?.exception?.message).to.contain('needs bash or zsh');
      });

      it('tries again where the model has had enough of it', async () => {
        await own.limited.earns(1, 10 * MINUTE);
      });

      it('is ended at its limit where the model falls silent', async () => {
        const done = await own.stalls.earns(0, 10 * MINUTE);
        expect(done.status?.exception?.type).to.equal('AgentTimeoutError');
      });

      it('ends with a typed error where the model refuses its key, after few calls', async () => {
        const done = await own.denied.earns(0, 10 * MINUTE);
        expect(done.status?.exception?.type).to.equal('AgentAuthenticationError');
        const asked = (await (await models()).totals())[keyOf(agent, CASES.denied)];
        expect(asked?.failures).to.be.within(1, 6);
      });

      it('needs no network of its own', async () => {
        await own.offline.earns(1, 10 * MINUTE);
      });

      it('calls by itself through the one host that it needs, and says what it used', async () => {
        const done = await own.direct.earns(1, 10 * MINUTE);
        expect(done.status?.usage?.countedBy).to.equal('Agent');
        await checkUsage(done, CASES.direct);
      });

      it('leaves its key nowhere', async () => {
        for (const [name, one] of Object.entries(CASES)) {
          const value = keys[keyOf(agent, one)] ?? '';
          const done = await own[name as keyof typeof CASES].done();
          expect(JSON.stringify(done).includes(value), name).to.equal(false);
          for (const path of (await storedKeys(done)).keys())
            expect((await storedText(done, path)).includes(value), `${name}: ${path}`).to.equal(false);
        }
      });
    });
});
