import { expect } from 'chai';
import { artifactRecord } from '../record/artifacts.ts';
import { scrubber } from '../record/scrub.ts';
import { trajectoryRecord } from '../record/trajectory.ts';
import { findings } from '../record/findings.ts';
import type { Hand } from '../hand/hand.ts';
import { runStep } from './phases.ts';

const command = { argv: ['/x'], user: '1000', workdir: '/', env: {} };
const step = {
  agent: { exitCodeTells: true, command },
  verifier: { command: { ...command, user: '0' }, tests: ['/task/tests'] },
  hooks: [],
  stopBackground: false,
  artifacts: [],
  artifactsUser: '1000',
};

describe('a disk that the agent has filled', () => {
  it('is its own obstruction of the verifier, and no fault of the infrastructure', async () => {
    const hand = {
      check: async () => ({ uid: 0, gid: 0 }),
      run: async () => ({ kind: 'exited', code: 0, timedOut: false, oomKills: 0 }),
      stage: async () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
      isGone: () => false,
      toldToStop: () => false,
    };
    const { result } = await runStep(step, {
      livesOn: false,
      withNetworkOf: (_phase, work) => work(),
      prior: async () => ({ agentUids: [1000] }),
      hand: hand as unknown as Hand,
      findings: findings(),
      artifacts: artifactRecord(),
      trajectory: trajectoryRecord(),
      scrub: scrubber([]),
      timeline: {
        during: (_phase, work) => work(),
        current: () => 'verifier',
        timings: () => ({}),
        lap: () => ({}),
      },
      note: () => {},
      stop: new AbortController().signal,
      paths: { control: '/none', logs: '/none' },
      apart: new Map(),
    });
    expect(result).to.deep.include({ kind: 'rewarded', reward: 0 });
  });
});
