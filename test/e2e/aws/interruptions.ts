/** The operator, or its credentials, gone while builds are at work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Aws } from '../../support/aws/index.ts';
import { killOperator, operatorIsWell } from '../support/faults.ts';
import { BASE, BuildStory, NONCE } from './builds.ts';

const slow = (name: string, seconds: number): Promise<BuildStory> =>
  BuildStory.make(name, `${BASE}\nRUN echo ${name} ${NONCE} && sleep ${seconds}\n`);

export function interruptionStories(aws: () => Aws): void {
  /** Built, with one build and as many calls that ask for it as are given. */
  async function builtOnce(story: BuildStory): Promise<void> {
    await story.reaches('Built');
    expect(story.startedAt(aws()), story.name).to.have.lengthOf(1);
    expect(story.attempts, story.name).to.have.lengthOf(1);
  }

  it('killed before and after StartBuild takes effect, and while it builds: one build each', async () => {
    const { codebuild } = aws();
    const building = await slow('aws-killed-building', 8);
    await building.inPhase(aws(), 'BUILD');
    const early = codebuild.inject({ kind: 'hold', operation: 'StartBuild', when: 'before' });
    const late = codebuild.inject({ kind: 'hold', operation: 'StartBuild', when: 'after' });
    const stories = [await slow('aws-killed-early', 1), await slow('aws-killed-late', 1)];
    await Promise.all([early.reached, late.reached]);
    await killOperator('every replica');
    early.release();
    late.release();
    for (const story of [building, ...stories]) await builtOnce(story);
    await operatorIsWell();
  });

  it('without good credentials for a while: its build is not lost', async () => {
    const { front, codebuild } = aws();
    const building = await slow('aws-expired', 9);
    await building.inPhase(aws(), 'BUILD');
    const [keys] = front.sessions.known;
    if (!keys) throw new Error('the account has no keys');
    keys.expiration = 1;
    await sleep(7000);
    delete keys.expiration;
    expect(codebuild.calls.some(({ error }) => error === 'ExpiredTokenException')).to.equal(true);
    await builtOnce(building);
  });
}
