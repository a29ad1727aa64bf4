/** What goes wrong at AWS, and what becomes of the TaskBuilds: each in a build of its own, beside each other. */
import { expect } from 'chai';
import type { BuildReason } from '../../../src/crds/reasons.ts';
import { ECR_HOST, LIMITED_HOST } from '../../support/aws/facts.ts';
import { CLOSED_REPOSITORY, makeRepository, throttled, type Aws } from '../../support/aws/index.ts';
import { world } from '../support/world.ts';
import { BASE, BuildStory, contextOf, NONCE } from './builds.ts';

/** `SB_MAX_CONCURRENT_BUILDS` of the overlay. */
const MOST_BUILDS = 4;
const VISIBLE_AFTER_MS = 3000;

const said = new Map<string, Set<string>>();
const hear = (name: string): Set<string> => said.get(name) ?? said.set(name, new Set()).get(name)!;

const run = (line: string): string => `${BASE}\nRUN ${line} # ${NONCE}\n`;

async function mismatched(): Promise<{ s3: { uri: string; sha256: string } }> {
  const { s3 } = await contextOf('mismatched', run('true'));
  return { s3: { ...s3, sha256: '0'.repeat(64) } };
}

/** All at once, in the order of their time. */
async function startAll() {
  return {
    limited: await BuildStory.make('aws-limited', `FROM ${LIMITED_HOST}/debian:${NONCE}\n`),
    failing: await BuildStory.make('aws-failing', run('echo no such luck && exit 3')),
    baseless: await BuildStory.make('aws-baseless', `FROM debian:no-such-tag-${NONCE}\n`),
    mismatched: await BuildStory.make('aws-mismatched', '', { context: await mismatched() }),
    denied: await BuildStory.make('aws-denied', run('true'), {
      repository: `${ECR_HOST}/${CLOSED_REPOSITORY}`,
    }),
    stopped: await BuildStory.make('aws-stopped', run('sleep 60')),
    unprovisioned: await BuildStory.make('aws-unprovisioned', run('true')),
    late: await BuildStory.make('aws-late', run('echo late'), { tag: `late-${NONCE}` }),
  };
}

/** The most builds that ran at the same time. */
function mostAtOnce({ codebuild }: Aws, since: number): number {
  const builds = codebuild.builds.filter(({ startTime }) => startTime >= since);
  const running = builds.map(({ startTime }) =>
    builds.filter((other) => other.startTime <= startTime && (other.endTime ?? Infinity) > startTime),
  );
  return Math.max(...running.map(({ length }) => length));
}

export function faultStories(aws: () => Aws): void {
  let builds: Awaited<ReturnType<typeof startAll>>;
  let began = 0;
  let injected: Record<'start' | 'poll', ReturnType<Aws['codebuild']['inject']>>;

  before(async () => {
    const { front, codebuild } = aws();
    await makeRepository(front.url, CLOSED_REPOSITORY);
    front.ecr.closed.add(CLOSED_REPOSITORY);
    front.ecr.visibleAfterMs = VISIBLE_AFTER_MS;
    front.calls.refuse('ecr:DescribeImages', throttled, 3);
    injected = {
      start: codebuild.inject({ kind: 'throttle', operation: 'StartBuild', times: 2 }),
      poll: codebuild.inject({ kind: 'throttle', operation: 'BatchGetBuilds', times: 2 }),
    };
    world().taskBuilds.subscribe(({ object: { metadata, status } }) => {
      for (const { reason } of status?.conditions ?? []) hear(metadata.name).add(reason);
    });
    codebuild.inject({
      kind: 'end',
      status: 'TIMED_OUT',
      phase: 'PROVISIONING',
      of: ({ source }) => source.location?.includes('aws-unprovisioned') ?? false,
    });
    began = Date.now();
    builds = await startAll();
  });
  after(() => {
    aws().front.ecr.visibleAfterMs = 0;
    aws().front.ecr.closed.delete(CLOSED_REPOSITORY);
  });

  /** The end with this reason, after so many builds. */
  async function ends(name: keyof typeof builds, reason: BuildReason, attempts = 1): Promise<BuildStory> {
    const story = builds[name];
    await story.reaches(reason);
    expect(story.attempts, name).to.have.lengthOf(attempts);
    expect(story.startedAt(aws()), name).to.have.lengthOf(attempts);
    return story;
  }

  it('a Dockerfile that fails: the step and the end of the log, and no second try', async () => {
    const { attempts } = await ends('failing', 'DockerfileFailed');
    expect(attempts[0]?.failedStep).to.match(/^RUN echo no such luck/);
    expect(attempts[0]?.logTail?.join('\n')).to.contain('no such luck');
    expect(attempts[0]?.logUrl).to.contain('console.aws.amazon.com/cloudwatch');
  });

  it('a base image that does not exist', async () => {
    const { message } = await ends('baseless', 'BaseImageNotFound');
    expect(message).to.contain(`no-such-tag-${NONCE}`);
  });

  it('a context with another hash', () => ends('mismatched', 'ContextMismatch'));

  it('a push that the role may not make: the missing action is named', async () => {
    const { message } = await ends('denied', 'PushDenied');
    expect(message).to.contain('ecr:InitiateLayerUpload');
  });

  it('somebody who stops a build in the console', async () => {
    const { stopped } = builds;
    await stopped.inPhase(aws(), 'BUILD');
    aws().codebuild.stop(stopped.startedAt(aws())[0]?.id ?? '');
    await ends('stopped', 'BuildStopped');
  });

  it('a build machine that does not come: another build follows', async () => {
    const { attempts } = await ends('unprovisioned', 'Built', 2);
    expect(attempts[0]).to.have.property('reason', 'BuilderFault');
  });

  it('an image that ECR shows three seconds after the first look', async () => {
    const story = await ends('late', 'Built');
    const [attempt] = story.attempts;
    const [build] = story.startedAt(aws());
    expect(Date.parse(attempt?.completionTime ?? '')).to.be.at.least((build?.endTime ?? Infinity) - 1000);
    expect(hear(story.name)).to.include('RegistryUnavailable');
  });

  it('an image that is on record: taken whatever it is to be called, and built anew for who forces it', async () => {
    const late = run('echo late');
    const { digest, image } = (await builds.late.reaches('Built')).status ?? {};
    const again = await BuildStory.make('aws-again', late, { tag: `another-${NONCE}` });
    const forced = await BuildStory.make('aws-forced', late, { tag: `late-${NONCE}`, force: true });
    expect((await again.reaches('ImageExists')).status).to.include({ digest, image, cacheHit: true });
    expect(again.startedAt(aws())).to.deep.equal([]);
    const { status } = await forced.reaches('Built');
    expect(status?.image?.startsWith(`${image}-`), status?.image).to.equal(true);
  });

  it('a registry of base images that has had enough: tried three times', () =>
    ends('limited', 'BaseImageRateLimited', 3));

  it('throttling: waited out', () => {
    for (const [what, { hits }] of Object.entries(injected)) expect(hits, what).to.equal(2);
  });

  it('never more builds at once than are allowed', () => {
    expect(mostAtOnce(aws(), began)).to.be.within(2, MOST_BUILDS);
  });
}

/** Comes last: for some minutes after it the operator hands over fewer builds at once. */
export const fullAccountStory = (aws: () => Aws): unknown =>
  it('a full account: waited out, and told', async () => {
    const refused = aws().codebuild.inject({ kind: 'accountLimit', times: 4 });
    const full = await BuildStory.make('aws-full', run('echo full'));
    await full.reaches('QuotaExceeded');
    await full.reaches('Built', 180);
    expect(refused.hits).to.equal(4);
  });
