import { expect } from 'chai';
import { AWS_PERMISSIONS } from '../../src/providers/aws/permissions.ts';
import { faultStories, fullAccountStory } from './aws/faults.ts';
import { interruptionStories } from './aws/interruptions.ts';
import { trialStories } from './aws/trials.ts';
import { useAws } from './aws/world.ts';

/** What the adapter for CodeBuild polls at, less what a timer and a busy machine may take. */
const POLL_MS = 4500;

describe('on AWS', () => {
  const aws = useAws({ operator: true });

  describe('a Trial', () => trialStories(aws));
  describe('what goes wrong', () => faultStories(aws));
  describe('an operator', () => {
    it('asks for all its builds at once, and once in each interval', () => {
      const calls = aws().codebuild.calls.filter(({ operation }) => operation === 'BatchGetBuilds');
      // A call that was refused is made again sooner.
      const asked = calls.filter((_, index) => calls[index - 1]?.error === undefined);
      const pauses = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
      expect(asked).to.have.length.above(5);
      expect(pauses.filter((pause) => pause < POLL_MS)).to.deep.equal([]);
    });

    interruptionStories(aws);
    fullAccountStory(aws);

    it('has called nothing that its policy does not allow', () => {
      const { front, codebuild } = aws();
      const called = [
        ...front.calls.all.filter(({ agent }) => agent.includes('aws-sdk-js')).map(({ action }) => action),
        ...codebuild.calls.map(({ operation }) => `codebuild:${operation}`),
      ];
      const allowed = AWS_PERMISSIONS.filter(({ role }) => role === 'operator').map(({ action }) => action);
      expect([...new Set(called)].filter((action) => !(allowed as string[]).includes(action))).to.deep.equal(
        [],
      );
      expect(called).to.include.members(['codebuild:StartBuild', 'ecr:DescribeImages', 'logs:GetLogEvents']);
    });
  });
});
