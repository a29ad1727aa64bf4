import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hand } from '../hand/hand.ts';
import { VerifierObstructed } from '../failure.ts';
import { findings as newFindings } from '../record/findings.ts';
import { findingsOf, lookBeforehand, without } from './ground.ts';
import { verify } from './verifier.ts';

const ROOT = 'the agent was root beside a shared verifier and could have interfered unnoticed';

const command = {
  argv: ['/tests/test.sh'],
  user: 'judge',
  workdir: '/app',
  env: {},
  interpreter: '/bin/bash',
};

describe('what an agent had the means for', () => {
  it('are none without an agent, and none where it was another user that left nothing running', () => {
    expect(findingsOf({ agentUid: undefined, owner: 0, background: 0 })).to.deep.equal([]);
    expect(findingsOf({ agentUid: 1000, owner: 0, background: 0 })).to.deep.equal([]);
  });

  it('name root before the same user, and count what ran on', () => {
    expect(findingsOf({ agentUid: 0, owner: 0, background: 2 })).to.deep.equal([
      { code: 'AgentWasRoot', message: ROOT },
      { code: 'ProcessesLeft', message: '2 processes of the agent ran on beside the verifier' },
    ]);
    expect(findingsOf({ agentUid: 7, owner: 7, background: 1 })).to.deep.equal([
      {
        code: 'AgentWasVerifiersUser',
        message: 'the agent was the verifier’s own user and could have interfered unnoticed',
      },
      { code: 'ProcessesLeft', message: '1 process of the agent ran on beside the verifier' },
    ]);
  });
});

describe('the means of an agent that is not root', () => {
  it('are an installation as root, and sudo', () => {
    const other = { agentUid: 1000, owner: 0, background: 0 };
    expect(findingsOf({ ...other, installed: true, sudo: true })).to.deep.equal([
      {
        code: 'AgentInstalledAsRoot',
        message:
          'the agent was installed as root beside a shared verifier and could have interfered unnoticed',
      },
      {
        code: 'AgentMayBecomeRoot',
        message:
          'the agent could become root by sudo beside a shared verifier and could have interfered unnoticed',
      },
    ]);
  });
});

/** A container with no files. */
const bare = {
  files: {
    list: async () => [],
    links: async () => ({ links: [], more: false }),
    stat: async () => undefined,
    read: async () => undefined,
  },
};

describe('what is known before the agent begins', () => {
  const step = {
    agent: { exitCodeTells: true, command: { ...command, user: 'root' } },
    hooks: [],
  };
  const asked = {
    ...step,
    stopBackground: false,
    artifacts: [],
    artifactsUser: 'root',
    verifier: { command, tests: [] },
  };

  it('is who the agent is, although its interpreter comes later', async () => {
    const findings = newFindings();
    const check = async ({ interpreter, user }: { interpreter?: string; user: string }) =>
      interpreter === '/bin/bash' && user === 'root'
        ? { refusal: 'interpreter' as const }
        : { uid: user === 'root' ? 0 : 1001, gid: 0 };
    const [prior] = await lookBeforehand([asked], { hand: { ...bare, check }, findings });
    expect(prior?.agentUids).to.deep.equal([0]);
    expect(findings.list()).to.deep.equal([{ code: 'AgentWasRoot', message: ROOT }]);
  });

  it('is root where it cannot be told who the agent is', async () => {
    const findings = newFindings();
    const check = async () => ({ refusal: 'user' as const });
    await lookBeforehand([asked], { hand: { ...bare, check }, findings });
    expect(findings.list()).to.deep.equal([{ code: 'AgentWasRoot', message: ROOT }]);
  });

  it('counts the agents of earlier steps: what they left running may outlive them', async () => {
    const as = (user: string, judge: string) => ({
      ...asked,
      agent: { ...asked.agent, command: { ...command, user } },
      verifier: { command: { ...command, user: judge }, tests: [] },
    });
    const check = async ({ user }: { user: string }) => ({ uid: Number(user), gid: 0 });
    const findings = newFindings();
    const steps = [as('1', '9'), as('2', '9'), as('1', '2')];
    const priors = await lookBeforehand(steps, { hand: { ...bare, check }, findings });
    expect(priors.map(({ agentUids }) => agentUids)).to.deep.equal([[1], [1, 2], [2, 1]]);
    expect(findings.list()).to.deep.equal([
      {
        code: 'AgentWasVerifiersUser',
        message: 'the agent was the verifier’s own user and could have interfered unnoticed',
      },
    ]);
  });
});

describe('a verifier that could be run a moment ago', () => {
  const refusing = { run: async () => ({ kind: 'refused' as const, refusal: 'workdir' as const }) };
  const judged = (verifier: { uid: number; gid: number } | undefined) =>
    verify(
      { verifier: { command }, prior: { agentUids: [], ...(verifier && { verifier }) }, background: 1 },
      { hand: refusing as unknown as Hand, findings: newFindings(), logs: '/none' },
    ).catch((error: unknown) => error);

  it('is obstructed where its directory is gone now, and the task’s own fault where no agent was there', async () => {
    expect(await judged({ uid: 0, gid: 0 })).to.be.instanceOf(VerifierObstructed);
    expect(await judged(undefined)).to.deep.include({ reason: 'TaskInvalid' });
  });
});

describe('a reward that somebody may still write', () => {
  it('is told where a process could not be ended', async () => {
    const logs = mkdtempSync(join(tmpdir(), 'sb-logs-'));
    mkdirSync(join(logs, 'verifier'));
    writeFileSync(join(logs, 'verifier/reward.txt'), '1');
    const exited = { kind: 'exited' as const, code: 0, timedOut: false, oomKills: 0 };
    const hand = { run: async () => exited, freeze: async () => false } as unknown as Hand;
    const findings = newFindings();
    const ground = { verifier: { command }, prior: { agentUids: [] }, background: 0 };
    expect(await verify(ground, { hand, findings, logs })).to.deep.include({ reward: 1 });
    expect(findings.list()).to.deep.equal([
      {
        code: 'ProcessNotStopped',
        message: 'a process could not be ended before the reward was read, and may have changed it',
      },
    ]);
    rmSync(logs, { recursive: true });
  });
});

describe('a verifier’s command without what the agent removed', () => {
  it('runs in / and by another shell', () => {
    expect(without(command, 'workdir').workdir).to.equal('/');
    const other = without(command, 'interpreter');
    expect(other.shell).to.equal(true);
    expect(other).not.to.have.any.keys('interpreter');
  });

  it('is none where nothing stands in', () => {
    for (const interpreter of ['/usr/bin/python3', '/opt/crash/run', '/usr/bin/env'])
      expect(() => without({ ...command, interpreter }, 'interpreter')).to.throw(
        VerifierObstructed,
        interpreter,
      );
    expect(() => without(command, 'user')).to.throw(VerifierObstructed, "the verifier's user judge is gone");
  });
});
