import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { findingText } from '../../src/crds/findings.ts';
import type { Trial } from '../../src/crds/trial.ts';
import type { Spec } from './support/story.ts';
import { checkedManifest } from './support/stored.ts';
import { trial } from './support/stories.ts';
import { REWARD, reward, rewardIf } from './support/task.ts';

/** Lines of an agent that start a process which lives on while the tests run. */
const living = (body: string): string =>
  `setsid nohup bash -c '${body}' >/dev/null 2>&1 </dev/null &\nsleep 0.5`;

/** Tests that such an agent cannot pass honestly: it gets 0 unless it has seen the answer. */
const SECRET = {
  tests: [
    'sleep 1',
    '[ "$(cat /tmp/answer 2>/dev/null)" = "$(cat /tests/expected)" ] && echo 1 > ' +
      REWARD +
      ' || echo 0 > ' +
      REWARD,
    'sleep 0.5',
  ].join('\n'),
  files: { tests__expected: 'the answer\n' },
};

const as = (agent: NonNullable<Spec['agent']>): { spec: Spec } => ({ spec: { agent } });
const NOBODY_SPECIAL = as({ user: '1000' });

const findingsOf = (done: Trial): string =>
  (done.status?.integrity?.findings ?? []).map(findingText).join('; ');

/** One attempt, and a verdict that says what is not known. */
const expectUnknown = (done: Trial, finding: RegExp): void => expectVerdict(done, 'Unknown', finding);

function expectVerdict(done: Trial, verdict: 'Unknown' | 'Suspicious', finding: RegExp): void {
  expect(done.status?.attempts).to.have.lengthOf(1);
  expect(done.status?.integrity?.verdict).to.equal(verdict);
  expect(findingsOf(done)).to.match(finding);
}

const RAN_ON = /process(es)? of the agent ran on beside the verifier/;
const ROOT = /the agent was root beside a shared verifier/;

describe('an agent without root that lives on into the verification', () => {
  const rewriting = trial('living-rewrite', {
    ...SECRET,
    ...NOBODY_SPECIAL,
    agent: living(
      `while :; do if [ "$(cat ${REWARD} 2>/dev/null)" = 0 ]; then rm -f ${REWARD}; echo 1 > ${REWARD}.n; mv ${REWARD}.n ${REWARD}; fi; done`,
    ),
  });
  const reading = trial('living-read', {
    ...SECRET,
    ...NOBODY_SPECIAL,
    agent: living('while [ ! -r /tests/expected ]; do sleep 0.01; done; cp /tests/expected /tmp/answer'),
  });
  const swapping = trial('living-swap', {
    ...SECRET,
    ...NOBODY_SPECIAL,
    agent: `mkdir /logs/artifacts/own; echo 1 > /logs/artifacts/own/reward.txt\n${living(
      'while :; do mv /logs/verifier /logs/artifacts/old; mv /logs/artifacts/own /logs/verifier; sleep 0.01; done',
    )}`,
  });
  const linking = trial('living-link', {
    ...NOBODY_SPECIAL,
    agent: living(
      'while :; do ln -sfn /etc/ld.so.preload /logs/verifier/test-stdout.txt; ln -sfn /etc/ld.so.preload /logs/agent/stdout.txt; done',
    ),
    tests: `echo said; sleep 0.5; ${rewardIf('[ ! -e /etc/ld.so.preload ]')}`,
  });
  const obstructing = trial('living-obstruct', {
    ...NOBODY_SPECIAL,
    agent: [1, 2, 3]
      .map(() =>
        living('while :; do : > /logs/verifier/x$RANDOM$BASHPID; mkdir -p /logs/verifier/d$BASHPID; done'),
      )
      .join('\n'),
    tests: reward(0.5),
  });
  const outliving = trial('living-timeout', {
    ...SECRET,
    ...as({ user: '1000', timeoutSeconds: 2 }),
    agent: `${living(`while :; do echo 1 > ${REWARD}; sleep 0.01; done`)}\nsleep 120`,
  });
  const stopped = trial('living-stopped', {
    ...as({ user: '1000', backgroundProcesses: 'Stop' }),
    agent: living('while :; do date +%N > /tmp/beat; sleep 0.1; done'),
    tests: `a=$(cat /tmp/beat); sleep 1; ${rewardIf('[ "$a" = "$(cat /tmp/beat)" ]')}`,
  });

  it('does not rewrite the reward', async () => expectUnknown(await rewriting.earns(0), RAN_ON));
  it('does not read the tests', async () => expectUnknown(await reading.earns(0), RAN_ON));
  it('does not swap the verifier’s folder', async () => expectUnknown(await swapping.earns(0), RAN_ON));
  it('does not lead the verifier’s output elsewhere', async () => {
    const done = await linking.earns(1);
    expectVerdict(done, 'Suspicious', RAN_ON);
    expect(findingsOf(done)).to.contain('/logs/agent/stdout.txt is a file that the agent made itself');
    const { files } = await checkedManifest(done);
    expect(files.map(({ path }) => path)).to.include('verifier/test-stdout.txt');
  });
  it('does not obstruct the tests, nor earn another attempt', async () =>
    expectUnknown(await obstructing.earns(0.5), RAN_ON));
  it('does not win by outliving its time', async () => {
    const done = await outliving.earns(0);
    expectUnknown(done, RAN_ON);
    expect(done.status?.exception?.type).to.equal('AgentTimeoutError');
  });
  it('is ended before the tests where the Trial says so, and then nothing is in doubt', async () => {
    const done = await stopped.earns(1);
    expect(done.status?.integrity).to.deep.equal({ verdict: 'Clean' });
  });
});

describe('an agent that is root', () => {
  const forging = trial('root-orders', {
    ...as({ user: '0' }),
    agent: living(
      'while [ ! -e /logs/verifier/test-stdout.txt ]; do sleep 0.01; done; kill -TERM 1; kill -KILL 1; kill -STOP 1',
    ),
    tests: `sleep 2; ${reward(0.5)}`,
  });
  const killing = trial('root-kill', { agent: 'kill -KILL -1; sleep 1', tests: reward(0.5) });
  const takingOver = trial('root-takeover', {
    ...as({ user: '0' }),
    agent:
      'for file in maps mem environ auxv fd/0 exe cwd; do head -c 1 /proc/1/$file > /dev/null 2>&1 && echo $file; done > /logs/artifacts/open.txt; ls -l /proc/1/fd/ 2>&1 | grep -c socket >> /logs/artifacts/open.txt',
    tests: rewardIf('[ "$(cat /logs/artifacts/open.txt)" = 0 ]'),
  });
  const removing = trial('root-remove', {
    agent: 'mv /srv /srv.bak; sed -i /^games:/d /etc/passwd',
    tests: `id -u; ${rewardIf('[ "$PWD" = / ]')}`,
    spec: { environment: { workdir: '/srv' }, verifier: { user: 'games' } },
  });
  const gone = trial('root-gone', {
    agent: 'rm /opt/judge',
    files: { 'tests__test.sh': '#!/opt/judge\n' },
    spec: { agent: { install: '#!/bin/sh\ncp /bin/sh /opt/judge\n' } },
  });

  it('ends nothing by signals to the first process', async () =>
    expectUnknown(await forging.earns(0.5), ROOT));
  it('is verified when it has killed everything', async () => {
    const done = await killing.earns(0.5);
    expect(done.status?.attempts).to.have.lengthOf(1);
    expectUnknown(done, ROOT);
  });
  it('reads and writes nothing of the first process, which stands between verifier and reward', async () =>
    expectUnknown(await takingOver.earns(1), ROOT));
  it('is verified when it has removed working directory and user', async () => {
    const done = await removing.earns(1);
    expect(findingsOf(done))
      .to.match(/workdir: \/srv/)
      .and.to.match(/user games/);
  });
  it('gets 0, and no other attempt, when nothing can run the tests any more', async () => {
    const done = await gone.done();
    expect(conditionOf(done, 'Succeeded')).to.include({ status: 'True', reason: 'VerifierObstructed' });
    expect(done.status?.reward).to.equal(0);
    expect(done.status?.attempts).to.have.lengthOf(1);
  });
});

describe('an agent that does no harm', () => {
  const plain = trial('verdict-clean', { ...NOBODY_SPECIAL, agent: 'true' });
  const rooted = trial('verdict-unknown', { agent: 'true' });
  const idle = trial('verdict-nop', {});

  it('leaves a clean verdict only where it could do none', async () => {
    expect((await plain.earns(1)).status?.integrity).to.deep.equal({ verdict: 'Clean' });
    expect((await idle.earns(1)).status?.integrity).to.deep.equal({ verdict: 'Clean' });
    expectUnknown(await rooted.earns(1), ROOT);
  });
});
