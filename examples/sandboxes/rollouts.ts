/** Runs 100 rollouts, each in a Sandbox of its own and 20 at a time, and prints the mean reward. Infrastructure that fails costs a rollout, no reward. */
import { createSandbox, describeError, openSession, SandboxError } from 'sb-operator/client';

const ROLLOUTS = 100;
const AT_A_TIME = 20;

const session = openSession({}, { env: process.env, cwd: process.cwd(), now: () => new Date() });

/** One episode: a fresh container, some steps of a policy, and what its checker says in the end. */
async function rollout(seed: number): Promise<number> {
  await using box = createSandbox(session, {
    executionBackend: 'kubernetes',
    // With a pool of this image it is ready at once: poolRef: 'rollouts'.
    image: 'python:3.13-slim',
    resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
    network: { mode: 'None', enforcement: 'BestEffort' },
    ttlSeconds: 900,
  });
  for (let step = 0; step < 3; step += 1)
    await box.runCommand(['python3', '-c', `open('/tmp/state', 'a').write('${seed % 7}')`], {
      timeoutMs: 30_000,
    });
  const { stdout } = await box.runCommand('wc -c < /tmp/state');
  return Number(stdout) === 3 ? 1 : 0;
}

const rewards: number[] = [];
let lost = 0;
const seeds = Array.from({ length: ROLLOUTS }, (_, seed) => seed).values();

/** Takes one seed after the other, as others do. */
async function worker(): Promise<void> {
  for (const seed of seeds)
    try {
      rewards.push(await rollout(seed));
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      lost += 1;
      const { code, what, why } = describeError(error);
      console.error(`rollout ${seed}: ${code} ${what}: ${why}`);
    }
}

try {
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  console.log(`${rewards.length} rollouts, ${lost} lost, mean reward ${mean.toFixed(3)}`);
} finally {
  await session.close();
}
