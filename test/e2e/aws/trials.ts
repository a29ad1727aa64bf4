/** Trials whose image CodeBuild makes. */
import { expect } from 'chai';
import { conditionOf } from '../../../src/crds/conditions.ts';
import type { TaskBuild } from '../../../src/crds/task-build.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { ECR_HOST, REPOSITORY } from '../../support/aws/facts.ts';
import { PROJECT, type Aws } from '../../support/aws/index.ts';
import { storedJson } from '../support/stored.ts';
import { ownTrial } from '../support/stories.ts';
import type { StoryOptions } from '../support/story.ts';
import { rewardIf } from '../support/task.ts';
import { world } from '../support/world.ts';
import { BASE, contextOf, NONCE } from './builds.ts';

const URI = `${ECR_HOST}/${REPOSITORY}`;

async function options(): Promise<StoryOptions> {
  const context = await contextOf('trial', `${BASE}\nWORKDIR /app\nCOPY word /app/word\n`);
  return {
    spec: { environment: { build: { context } } },
    tests: rewardIf(`[ "$(cat /app/word)" = ${NONCE} ]`),
  };
}

const starts = ({ codebuild }: Aws): number =>
  codebuild.calls.filter(({ operation }) => operation === 'StartBuild').length;

const buildOf = ({ metadata, status }: Trial): TaskBuild | undefined =>
  world().taskBuilds.get({ namespace: metadata.namespace ?? '', name: status?.taskBuild ?? '' });

/** What the statuses of a Trial and its TaskBuild say, under the names of `result.json`. */
function placesOf(trial: Trial): object {
  const { spec, status } = buildOf(trial)!;
  const attempt = status!.attempts![0]!;
  const logs = trial.status!.logs!;
  return {
    image_uri: status!.image,
    s3_task_context_uri: spec.context.s3!.uri,
    codebuild_build_id: attempt.buildId,
    codebuild_console_url: attempt.consoleUrl,
    pod_log_group: '/sb/eks/logs',
    pod_log_stream: logs.stream,
    pod_logs_url: logs.url,
  };
}

export function trialStories(aws: () => Aws): void {
  let given: StoryOptions;
  let first: Trial | undefined;
  before(async () => void (given = await options()));

  it('has its image built by CodeBuild, pulled from ECR, and its reward', async () => {
    const story = ownTrial('aws-first', given);
    first = await story.earns(1);
    const { image = '', digest = '', attempts = [] } = buildOf(first)?.status ?? {};
    expect(image).to.match(new RegExp(`^${URI}:`));
    expect(starts(aws())).to.equal(1);
    const { images } = await aws().front.ecr.tagged(REPOSITORY, image.split(':')[1] ?? '');
    expect(images.map(({ imageId }) => imageId.imageDigest)).to.deep.equal([digest]);
    expect(first.status).to.include({ imageDigest: digest });
    expect(JSON.stringify(story.pods[0]?.spec)).to.contain(`"${URI}@${digest}"`);
    expect(attempts[0]?.phases?.map(({ name }) => name)).to.include.members(['PROVISIONING', 'BUILD']);
  });

  it('says in its result where everything is', async () => {
    if (!first) throw new Error('there is no such Trial');
    const result = await storedJson(first, 'result.json');
    expect(result).to.include(placesOf(first));
    expect(result['s3_task_context_uri']).to.match(/^s3:.*context\.zip$/);
    expect(result['codebuild_build_id']).to.match(new RegExp(`^${PROJECT}:`));
    expect(result['codebuild_console_url']).to.match(/^https:.*console\.aws\.amazon\.com/);
    expect(result['pod_logs_url']).to.contain('$252Fsb$252Feks$252Flogs');
  });

  it('asks for no build where another has had the image made', async () => {
    const before = starts(aws());
    const namespace = await world().makeNamespace();
    const trial = await ownTrial('aws-second', given, namespace).earns(1);
    const build = buildOf(trial);
    expect(build && conditionOf(build, 'Succeeded')?.reason).to.equal('ImageExists');
    expect(build?.status).to.include({ cacheHit: true });
    expect(starts(aws())).to.equal(before);
  });
}
