import {
  BatchGetBuildsCommand,
  BatchGetProjectsCommand,
  ListBuildsForProjectCommand,
  ListProjectsCommand,
  StopBuildCommand,
  type StartBuildCommandInput,
} from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { ManualClock } from '../manual-clock.ts';
import { scriptedExecutor } from './index.ts';
import { failure, phasesOf, PLACE, PROJECT, useCodeBuild } from './testing.ts';

const ARN = `arn:aws:codebuild:${PLACE.region}:${PLACE.account}`;

describe('codebuild service: StartBuild', () => {
  const tested = useCodeBuild(() => ({
    projects: {
      [PROJECT]: {
        environment: {
          environmentVariables: [
            { name: 'KEPT', value: 'project', type: 'PLAINTEXT' },
            { name: 'TAKEN', value: 'project', type: 'PLAINTEXT' },
          ],
        },
      },
    },
    executor: scriptedExecutor(() => ({ ms: { BUILD: 60_000 } })),
  }));
  const refused = async (more: Partial<StartBuildCommandInput>): Promise<string> => {
    const { name, message } = await failure(tested.startBuild(more));
    return `${name}: ${message}`;
  };

  it('answers at once with a queued build, its number, id and ARN', async () => {
    const build = await tested.startBuild();
    expect(build).to.include({
      arn: `${ARN}:build/${build.id}`,
      buildNumber: 1,
      projectName: PROJECT,
      buildStatus: 'IN_PROGRESS',
      buildComplete: false,
      currentPhase: 'QUEUED',
      timeoutInMinutes: 60,
      queuedTimeoutInMinutes: 480,
      initiator: 'operator',
    });
    expect(build.id).to.match(new RegExp(`^${PROJECT}:[0-9a-f]{8}-[0-9a-f-]{27}$`));
    expect(phasesOf(build)).to.deep.equal(['SUBMITTED SUCCEEDED', 'QUEUED']);
    expect(build.startTime).to.be.a('date');
    expect((await tested.startBuild()).buildNumber).to.equal(2);
  });

  it('overrides the project for this build, variables by their name', async () => {
    const build = await tested.startBuild({
      sourceTypeOverride: 'S3',
      sourceLocationOverride: 'bucket/tasks/a/context.zip',
      sourceVersion: 'v1',
      imageOverride: 'aws/codebuild/standard:7.0',
      computeTypeOverride: 'BUILD_GENERAL1_LARGE',
      privilegedModeOverride: true,
      timeoutInMinutesOverride: 2160,
      queuedTimeoutInMinutesOverride: 5,
      environmentVariablesOverride: [
        { name: 'TAKEN', value: 'call' },
        { name: 'SECRET', value: 'stack/hub:password', type: 'SECRETS_MANAGER' },
      ],
    });
    expect(build.source).to.include({ type: 'S3', location: 'bucket/tasks/a/context.zip' });
    expect(build).to.include({ sourceVersion: 'v1', timeoutInMinutes: 2160, queuedTimeoutInMinutes: 5 });
    expect(build.resolvedSourceVersion).to.be.undefined;
    expect(build.environment).to.deep.include({
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_LARGE',
      privilegedMode: true,
      environmentVariables: [
        { name: 'KEPT', value: 'project', type: 'PLAINTEXT' },
        { name: 'TAKEN', value: 'call', type: 'PLAINTEXT' },
        { name: 'SECRET', value: 'stack/hub:password', type: 'SECRETS_MANAGER' },
      ],
    });
  });

  const INVALID: Record<string, Partial<StartBuildCommandInput>> = {
    'a build timeout of 4 minutes': { timeoutInMinutesOverride: 4 },
    'a build timeout of 2161 minutes': { timeoutInMinutesOverride: 2161 },
    'a queue timeout of 4 minutes': { queuedTimeoutInMinutesOverride: 4 },
    'a queue timeout of 481 minutes': { queuedTimeoutInMinutesOverride: 481 },
    'no project': { projectName: undefined },
    'an empty project name': { projectName: '' },
    'a variable without a value': { environmentVariablesOverride: [{ name: 'A', value: undefined }] },
    'an unknown type of variable': {
      environmentVariablesOverride: [{ name: 'A', value: 'b', type: 'OTHER' as never }],
    },
    'an unknown compute type': { computeTypeOverride: 'HUGE' as never },
    'an S3 source that is no zip': { sourceTypeOverride: 'S3', sourceLocationOverride: 'bucket/context.tar' },
    'an S3 source with a scheme': { sourceTypeOverride: 'S3', sourceLocationOverride: 's3://bucket/a.zip' },
    'an S3 source without a key': { sourceTypeOverride: 'S3', sourceLocationOverride: 'bucket.zip' },
    'no source and no buildspec': { buildspecOverride: '' },
    'what this service does not do': { debugSessionEnabled: true },
  };
  for (const [what, more] of Object.entries(INVALID)) {
    it(`says InvalidInputException for ${what}`, async () => {
      expect(await refused(more)).to.match(/^InvalidInputException: /);
      expect(tested.service.builds).to.have.length(0);
    });
  }

  it('says SerializationException for a member of the wrong type', async () => {
    expect(await refused({ privilegedModeOverride: 'yes' as never })).to.match(/^SerializationException: /);
  });

  it('says ResourceNotFoundException, with the ARN, for a project that does not exist', async () => {
    expect(await refused({ projectName: 'other' })).to.equal(
      `ResourceNotFoundException: Project cannot be found: ${ARN}:project/other`,
    );
  });

  it('keeps a record of every call', async () => {
    await refused({ projectName: 'other' });
    const { id } = await tested.startBuild();
    await tested.get(id!);
    expect(
      tested.service.calls.map(({ operation, status, error }) => [operation, status, error]),
    ).to.deep.equal([
      ['StartBuild', 400, 'ResourceNotFoundException'],
      ['StartBuild', 200, undefined],
      ['BatchGetBuilds', 200, undefined],
    ]);
    expect(tested.service.calls[1]!.request).to.include({ projectName: PROJECT });
  });

  it('gives AWS’s answer to every operation that it does not know', async () => {
    const error = await failure(tested.client.send(new ListProjectsCommand()));
    expect([error.name, error.$metadata?.httpStatusCode]).to.deep.equal(['UnknownOperationException', 404]);
  });
});

describe('codebuild service: idempotency tokens', () => {
  const clock = new ManualClock();
  const tested = useCodeBuild(() => ({
    clock,
    executor: scriptedExecutor(() => ({ ms: { BUILD: 3_600_000 } })),
  }));
  const idempotencyToken = 'uid-1';

  it('make the same call twice one build', async () => {
    const first = await tested.startBuild({ idempotencyToken });
    const again = await tested.startBuild({ idempotencyToken });
    expect(again.id).to.equal(first.id);
    expect(tested.service.builds).to.have.length(1);
  });

  it('are refused with another parameter', async () => {
    await tested.startBuild({ idempotencyToken });
    const error = await failure(tested.startBuild({ idempotencyToken, sourceVersion: 'v2' }));
    expect(error.name).to.equal('InvalidInputException');
    expect(error.message).to.contain('mismatch');
  });

  it('are forgotten after five minutes', async () => {
    const first = await tested.startBuild({ idempotencyToken });
    await clock.advance(5 * 60_000 - 1);
    expect((await tested.startBuild({ idempotencyToken })).id).to.equal(first.id);
    await clock.advance(1);
    expect((await tested.startBuild({ idempotencyToken, sourceVersion: 'v2' })).id).to.not.equal(first.id);
  });

  it('tell upper from lower case, and calls without one are never the same', async () => {
    await tested.startBuild({ idempotencyToken });
    await tested.startBuild({ idempotencyToken: 'UID-1' });
    await tested.startBuild();
    await tested.startBuild();
    expect(tested.service.builds).to.have.length(4);
  });
});

describe('codebuild service: reading builds', () => {
  const tested = useCodeBuild();
  const list = (more: { sortOrder?: 'ASCENDING' | 'DESCENDING'; nextToken?: string } = {}) =>
    tested.client.send(new ListBuildsForProjectCommand({ projectName: PROJECT, ...more }));
  const start = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) ids.push((await tested.startBuild()).id!);
    return ids;
  };
  const refused = async (ids: string[]): Promise<string> => {
    const { name, message } = await failure(tested.client.send(new BatchGetBuildsCommand({ ids })));
    return `${name}: ${message}`;
  };

  it('finds builds by id and by ARN, and lists the ids of those that are not there', async () => {
    const [id] = await start(1);
    const ids = [id!, `${ARN}:build/${id}`, `${PROJECT}:none`];
    const { builds, buildsNotFound } = await tested.client.send(new BatchGetBuildsCommand({ ids }));
    expect(builds!.map((build) => build.id)).to.deep.equal([id, id]);
    expect(buildsNotFound).to.deep.equal([`${PROJECT}:none`]);
  });

  it('takes 1 to 100 ids', async () => {
    expect(await refused([])).to.equal('InvalidInputException: The input build ID list cannot be empty.');
    expect(await refused(Array.from({ length: 101 }, (_, i) => `${PROJECT}:${i}`))).to.match(
      /^InvalidInputException: .*less than or equal to 100/,
    );
    const many = Array.from({ length: 100 }, (_, i) => `${PROJECT}:${i}`);
    const { buildsNotFound } = await tested.client.send(new BatchGetBuildsCommand({ ids: many }));
    expect(buildsNotFound).to.have.length(100);
  });

  it('lists a project’s builds, newest first, in pages of 100', async () => {
    const ids = await start(101);
    const first = await list();
    expect(first.ids).to.deep.equal(ids.toReversed().slice(0, 100));
    const second = await list({ nextToken: first.nextToken! });
    expect([second.ids, second.nextToken]).to.deep.equal([[ids[0]], undefined]);
    expect((await failure(list({ nextToken: 'other' }))).name).to.equal('InvalidInputException');
    expect((await failure(list({ sortOrder: 'ASCENDING' }))).name).to.equal('InvalidInputException');
  });

  it('lists oldest first where it is asked to and there are not more than 100', async () => {
    const ids = await start(2);
    expect((await list({ sortOrder: 'ASCENDING' })).ids).to.deep.equal(ids);
  });

  it('describes projects by name and by ARN', async () => {
    const names = [PROJECT, `${ARN}:project/${PROJECT}`, 'other'];
    const { projects, projectsNotFound } = await tested.client.send(new BatchGetProjectsCommand({ names }));
    expect(projects!.map(({ name, arn }) => [name, arn])).to.deep.equal(
      [0, 1].map(() => [PROJECT, `${ARN}:project/${PROJECT}`]),
    );
    expect(projects![0]).to.deep.include({ timeoutInMinutes: 60, queuedTimeoutInMinutes: 480 });
    expect(projects![0]!.environment).to.include({ type: 'LINUX_CONTAINER', privilegedMode: false });
    expect(projectsNotFound).to.deep.equal(['other']);
  });

  it('says ResourceNotFoundException for the builds of a project, and the stop of a build, that do not exist', async () => {
    const stop = (id: string) => failure(tested.client.send(new StopBuildCommand({ id })));
    expect((await stop(`${PROJECT}:none`)).name).to.equal('ResourceNotFoundException');
    expect((await stop('none')).name).to.equal('InvalidInputException');
    const other = new ListBuildsForProjectCommand({ projectName: 'other' });
    expect((await failure(tested.client.send(other))).name).to.equal('ResourceNotFoundException');
  });
});
