/** The operator against an API server in memory, in one process: what its own code costs, without a cluster. */
import { until } from '../test/support/kube.ts';
import { isWrite, World } from '../test/crash/world.ts';
import type { TrialStatus } from '../src/crds/trial-status.ts';
import type { Bench } from './support/bench.ts';
import { seconds } from './support/figures.ts';

const TRIALS = 1000;
const STORED = 10_000;

/** Trials that wait when the operator starts, from its start to the last reward; Pods take no time. */
async function throughput(): Promise<{ tookMs: number; writes: number }> {
  const world = await World.start({ haste: 1 });
  try {
    for (let index = 0; index < TRIALS; index++) world.apply(`trial-${index}`);
    const began = performance.now();
    await world.startOperator();
    await until('every Trial has ended', () => world.ended, 120_000);
    return { tookMs: performance.now() - began, writes: world.server.requests.filter(isWrite).length };
  } finally {
    await world.close();
  }
}

const ended: TrialStatus = {
  conditions: [
    {
      type: 'Succeeded',
      status: 'True',
      reason: 'RewardObtained',
      message: 'reward 1',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
  reward: 1,
};

/** Stored Trials that have ended, from the operator's start to the Job of one that has not. */
async function restart(): Promise<{ tookMs: number }> {
  const world = await World.start({ haste: 1 });
  try {
    for (let index = 0; index < STORED; index++) world.apply(`trial-${index}`, {}, ended);
    world.apply('new');
    const began = performance.now();
    await world.startOperator();
    await until('the new Trial has a Job', () => world.kubelet.jobs > 0, 120_000);
    return { tookMs: performance.now() - began };
  } finally {
    await world.close();
  }
}

export const reconcile: Bench = {
  needs: 'nothing',
  async run() {
    const through = await throughput();
    const again = await restart();
    return {
      figures: [
        {
          name: `Trials per second, ${TRIALS} waiting, API server in the same process`,
          value: (TRIALS / (through.tookMs / 1000)).toFixed(0),
        },
        {
          name: 'API writes per Trial, counted at that server',
          value: (through.writes / TRIALS).toFixed(2),
          target: '≤ 3',
          met: through.writes <= 3 * TRIALS,
        },
        {
          name: `start with ${STORED} ended Trials → Job of a new one`,
          value: seconds(again.tookMs),
          target: '≤ 10 s',
          met: again.tookMs <= 10_000,
        },
      ],
      raw: { trials: TRIALS, stored: STORED, through, again },
    };
  },
};
