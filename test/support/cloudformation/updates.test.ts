import {
  ContinueUpdateRollbackCommand,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  ExecuteChangeSetCommand,
  ListChangeSetsCommand,
  UpdateStackCommand,
  type UpdateStackCommandInput,
} from '@aws-sdk/client-cloudformation';
import { expect } from 'chai';
import { bucket, failure, group, needing, said, STACK, templateWith, useCloudFormation } from './testing.ts';

const NOTHING_CHANGED =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

describe('cloudformation service: an update', () => {
  const tested = useCloudFormation();
  const update = async (Resources: object, more: Partial<UpdateStackCommandInput> = {}): Promise<void> => {
    const input = { StackName: STACK, TemplateBody: templateWith(Resources), ...more };
    await tested.client.send(new UpdateStackCommand(input));
    await tested.service.idle();
  };
  const status = async (): Promise<string> => (await tested.stack()).StackStatus!;
  const since = async (events: number): Promise<string[]> => (await tested.story()).slice(events);

  it('changes what is changed, adds what is new, and takes away the rest when all else is done', async () => {
    await tested.created({ A: group('a', { RetentionInDays: 7 }), B: bucket('b') });
    const before = (await tested.story()).length;
    await update({ A: group('a', { RetentionInDays: 30 }), C: bucket('c') });
    expect(await since(before)).to.deep.equal([
      `${STACK} UPDATE_IN_PROGRESS (User Initiated)`,
      'A UPDATE_IN_PROGRESS',
      'C CREATE_IN_PROGRESS',
      'C CREATE_IN_PROGRESS (Resource creation Initiated)',
      'A UPDATE_COMPLETE',
      'C CREATE_COMPLETE',
      `${STACK} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`,
      'B DELETE_IN_PROGRESS',
      'B DELETE_COMPLETE',
      `${STACK} UPDATE_COMPLETE`,
    ]);
    expect(
      tested.memory.things.map(({ physicalId, properties }) => [physicalId, properties['RetentionInDays']]),
    ).to.deep.equal([
      ['a', 30],
      ['c', undefined],
    ]);
  });

  it('replaces what cannot be changed: the new one first, the old one in the end', async () => {
    await tested.created({ A: bucket('old'), B: needing('b', 'A') });
    const before = (await tested.story()).length;
    await update({ A: bucket('new'), B: needing('b', 'A') });
    expect((await since(before)).filter((line) => line.startsWith('A '))).to.deep.equal([
      'A CREATE_IN_PROGRESS',
      'A CREATE_IN_PROGRESS (Resource creation Initiated)',
      'A CREATE_COMPLETE',
      'A DELETE_IN_PROGRESS',
      'A DELETE_COMPLETE',
    ]);
    expect(tested.names).to.deep.equal(['b', 'new']);
    await tested.client.send(new DeleteStackCommand({ StackName: STACK }));
    await tested.service.idle();
    expect(tested.names).to.deep.equal([]);
  });

  it('leaves what it replaces where the policy says so', async () => {
    await tested.created({ A: bucket('old', { UpdateReplacePolicy: 'Retain' }) });
    await update({ A: bucket('new', { UpdateReplacePolicy: 'Retain' }) });
    expect(tested.names).to.deep.equal(['old', 'new']);
  });

  it('is rolled back when something fails, to what was there before', async () => {
    await tested.created({ A: group('a', { RetentionInDays: 7 }) });
    const before = (await tested.story()).length;
    tested.service.inject({ kind: 'fail', resource: 'B', reason: 'there are too many' });
    await update({ A: group('a', { RetentionInDays: 30 }), B: { ...bucket('b'), DependsOn: 'A' } });
    expect(await status()).to.equal('UPDATE_ROLLBACK_COMPLETE');
    expect(await since(before)).to.deep.equal([
      `${STACK} UPDATE_IN_PROGRESS (User Initiated)`,
      'A UPDATE_IN_PROGRESS',
      'A UPDATE_COMPLETE',
      'B CREATE_IN_PROGRESS',
      'B CREATE_FAILED (there are too many)',
      `${STACK} UPDATE_ROLLBACK_IN_PROGRESS (The following resource(s) failed to create: [B].)`,
      'A UPDATE_IN_PROGRESS',
      'A UPDATE_COMPLETE',
      `${STACK} UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS`,
      `${STACK} UPDATE_ROLLBACK_COMPLETE`,
    ]);
    expect(tested.memory.things).to.have.length(1);
    expect(tested.memory.things[0]!.properties).to.include({ RetentionInDays: 7 });
    await update({ A: group('a', { RetentionInDays: 30 }) });
    expect(await status()).to.equal('UPDATE_COMPLETE');
  });

  it('takes back a replacement as well', async () => {
    await tested.created({ A: bucket('old') });
    tested.service.inject({ kind: 'fail', resource: 'B', reason: 'no' });
    await update({ A: bucket('new'), B: needing('b', 'A') });
    expect([await status(), tested.names]).to.deep.equal(['UPDATE_ROLLBACK_COMPLETE', ['old']]);
  });

  it('stays as it failed where nobody wants a rollback, and can be tried again', async () => {
    await tested.created({ A: bucket('a') });
    tested.service.inject({ kind: 'fail', resource: 'B', reason: 'no' });
    const next = { A: bucket('a'), B: bucket('b') };
    await update(next, { DisableRollback: true });
    expect(await status()).to.equal('UPDATE_FAILED');
    await update(next);
    expect([await status(), tested.names]).to.deep.equal(['UPDATE_COMPLETE', ['a', 'b']]);
  });

  it('whose rollback fails waits for somebody to go on with it, or to skip what is in the way', async () => {
    const A = group('a', { RetentionInDays: 7 });
    await tested.created({ A });
    tested.service.inject({ kind: 'fail', resource: 'B', reason: 'no' });
    const fault = tested.service.inject({
      kind: 'fail',
      resource: 'A',
      doing: 'update',
      late: true,
      reason: 'gone',
      times: 3,
    });
    await update({ A: group('a', { RetentionInDays: 30 }), B: needing('b', 'A') });
    expect(fault.hits).to.equal(2);
    expect([await status(), (await tested.stack()).StackStatusReason]).to.deep.equal([
      'UPDATE_ROLLBACK_FAILED',
      'The following resource(s) failed to update: [A]. ',
    ]);
    expect(await said(update({ A }))).to.match(
      /is in UPDATE_ROLLBACK_FAILED state and can not be updated\.$/,
    );
    const go = async (more: { ResourcesToSkip?: string[] } = {}): Promise<void> => {
      await tested.client.send(new ContinueUpdateRollbackCommand({ StackName: STACK, ...more }));
      await tested.service.idle();
    };
    await go();
    expect(await status()).to.equal('UPDATE_ROLLBACK_FAILED');
    await go({ ResourcesToSkip: ['A'] });
    expect(await status()).to.equal('UPDATE_ROLLBACK_COMPLETE');
    expect(await said(go())).to.match(/^ValidationError: .*can not continue rollback\.$/);
  });

  it('without changes is refused, and so is one of a stack in progress, or of none', async () => {
    expect(await said(update({ A: bucket() }))).to.equal(`ValidationError: Stack [${STACK}] does not exist`);
    const held = tested.service.inject({ kind: 'stall', resource: 'A' });
    const StackId = await tested.create({ A: bucket() });
    await held.reached;
    const inProgress = `Stack:${StackId} is in CREATE_IN_PROGRESS state and can not be updated.`;
    expect(await said(update({ A: bucket('b') }))).to.equal(`ValidationError: ${inProgress}`);
    expect(await said(tested.changeSet({ A: bucket('b') }))).to.equal(`ValidationError: ${inProgress}`);
    held.release();
    await tested.service.idle();
    expect(await said(update({ A: bucket() }))).to.equal('ValidationError: No updates are to be performed.');
  });

  it('cannot be deleted in the middle of it', async () => {
    const { StackId } = await tested.created({ A: bucket() });
    const held = tested.service.inject({ kind: 'stall', resource: 'B' });
    await tested.client.send(
      new UpdateStackCommand({
        StackName: STACK,
        TemplateBody: templateWith({ A: bucket(), B: bucket('b') }),
      }),
    );
    await held.reached;
    expect(await said(tested.client.send(new DeleteStackCommand({ StackName: STACK })))).to.equal(
      `ValidationError: Stack [${StackId}] cannot be deleted while in status UPDATE_IN_PROGRESS`,
    );
    held.release();
  });
});

describe('cloudformation service: a change set', () => {
  const tested = useCloudFormation();
  const CREATE = { ChangeSetType: 'CREATE' } as const;
  const list = async () =>
    (await tested.client.send(new ListChangeSetsCommand({ StackName: STACK }))).Summaries!;

  it('of a new stack brings it into being, empty; executed, it makes it', async () => {
    const set = await tested.changeSet({ A: bucket(), B: needing('b', 'A') }, CREATE);
    expect([set.Status, set.ExecutionStatus]).to.deep.equal(['CREATE_COMPLETE', 'AVAILABLE']);
    expect(
      set.Changes!.map(({ ResourceChange: one }) => [one!.Action, one!.LogicalResourceId, one!.ResourceType]),
    ).to.deep.equal([
      ['Add', 'A', 'AWS::S3::Bucket'],
      ['Add', 'B', 'AWS::Logs::LogGroup'],
    ]);
    expect([(await tested.stack()).StackStatus, tested.names]).to.deep.equal(['REVIEW_IN_PROGRESS', []]);
    await tested.execute(set.ChangeSetId!);
    const stack = await tested.stack();
    expect([stack.StackStatus, stack.ChangeSetId]).to.deep.equal(['CREATE_COMPLETE', set.ChangeSetId]);
    const after = await tested.client.send(new DescribeChangeSetCommand({ ChangeSetName: set.ChangeSetId }));
    expect([after.Status, after.ExecutionStatus]).to.deep.equal(['CREATE_COMPLETE', 'EXECUTE_COMPLETE']);
  });

  it('that was never executed leaves a stack that can be deleted', async () => {
    const set = await tested.changeSet({ A: bucket() }, CREATE);
    await tested.client.send(new DeleteChangeSetCommand({ ChangeSetName: set.ChangeSetId }));
    expect([(await tested.stack()).StackStatus, await list()]).to.deep.equal(['REVIEW_IN_PROGRESS', []]);
    await tested.client.send(new DeleteStackCommand({ StackName: STACK }));
    await tested.service.idle();
    expect((await failure(tested.stack())).name).to.equal('ValidationError');
  });

  const ENDS = [
    ['ROLLBACK', 'ROLLBACK_COMPLETE', []],
    ['DO_NOTHING', 'CREATE_FAILED', ['one']],
    ['DELETE', 'DELETE_COMPLETE', []],
  ] as const;
  for (const [OnStackFailure, end, names] of ENDS)
    it(`ends in ${end} where OnStackFailure is ${OnStackFailure}`, async () => {
      const set = await tested.changeSet(
        { A: bucket(), B: needing('b', 'A') },
        { ...CREATE, OnStackFailure },
      );
      tested.service.inject({ kind: 'fail', resource: 'B', reason: 'no' });
      await tested.execute(set.ChangeSetId!);
      expect([(await tested.stack(set.StackId)).StackStatus, tested.names]).to.deep.equal([end, [...names]]);
    });

  it('without changes fails, in words that are known', async () => {
    await tested.created({ A: bucket() });
    const set = await tested.changeSet({ A: bucket() });
    expect([set.Status, set.ExecutionStatus, set.StatusReason]).to.deep.equal([
      'FAILED',
      'UNAVAILABLE',
      NOTHING_CHANGED,
    ]);
    expect(await said(tested.execute(set.ChangeSetId!))).to.equal(
      `InvalidChangeSetStatusException: ChangeSet [${set.ChangeSetId}] cannot be executed in its current status of [FAILED]`,
    );
  });

  it('says what is replaced, and what only may be, because it refers to that', async () => {
    const referring = {
      Type: 'AWS::Logs::LogGroup',
      Properties: { LogGroupName: { 'Fn::GetAtt': ['A', 'Arn'] } },
    };
    await tested.created({ A: bucket('old'), B: referring, C: group('c'), D: bucket('d') });
    const set = await tested.changeSet({
      A: bucket('new'),
      B: referring,
      C: group('c', { RetentionInDays: 7 }),
    });
    expect(
      set.Changes!.map(({ ResourceChange: one }) => [
        one!.Action,
        one!.LogicalResourceId,
        one!.Replacement,
        one!.PhysicalResourceId,
      ]),
    ).to.deep.equal([
      ['Modify', 'A', 'True', 'old'],
      ['Modify', 'B', 'Conditional', 'Arn of old'],
      ['Modify', 'C', 'False', 'c'],
      ['Remove', 'D', undefined, 'd'],
    ]);
    const [first] = set.Changes!;
    expect(first!.ResourceChange!.Details![0]!.Target).to.include({
      Name: 'BucketName',
      RequiresRecreation: 'Always',
    });
  });

  it('shows tags of the stack as a change of what has tags', async () => {
    const tagged = {
      Type: 'AWS::S3::Bucket',
      Properties: { BucketName: 'a', Tags: [{ Key: 'sb:stack', Value: 'x' }] },
    };
    await tested.created({ A: tagged });
    const set = await tested.changeSet({ A: tagged }, { Tags: [{ Key: 'owner', Value: 'team' }] });
    expect(set.Changes!.map(({ ResourceChange: one }) => one!.Scope)).to.deep.equal([['Tags']]);
    await tested.execute(set.ChangeSetId!);
    expect(tested.memory.things[0]!.properties['Tags']).to.deep.equal([
      { Key: 'sb:stack', Value: 'x' },
      { Key: 'owner', Value: 'team' },
    ]);
  });

  it('is of no use any more once another one is executed', async () => {
    await tested.created({ A: bucket() });
    const first = await tested.changeSet({ A: bucket(), B: bucket('b') }, { ChangeSetName: 'first' });
    const second = await tested.changeSet({ A: bucket(), C: bucket('c') }, { ChangeSetName: 'second' });
    const held = tested.service.inject({ kind: 'stall', resource: 'B' });
    await tested.client.send(new ExecuteChangeSetCommand({ ChangeSetName: first.ChangeSetId }));
    await held.reached;
    expect(await said(tested.execute(second.ChangeSetId!))).to.equal(
      `InvalidChangeSetStatusException: ChangeSet [${second.ChangeSetId}] cannot be executed in its current execution status of [OBSOLETE]`,
    );
    held.release();
    await tested.service.idle();
    expect((await list()).map((one) => one.ChangeSetName)).to.deep.equal(['first']);
    expect((await failure(tested.execute(second.ChangeSetId!))).name).to.equal('ChangeSetNotFoundException');
  });

  it('is executed once, however often it is asked for', async () => {
    const set = await tested.changeSet({ A: bucket() }, CREATE);
    const execute = () => tested.client.send(new ExecuteChangeSetCommand({ ChangeSetName: set.ChangeSetId }));
    await execute();
    expect((await failure(execute())).name).to.equal('InvalidChangeSetStatusException');
    await tested.service.idle();
    expect((await failure(execute())).name).to.equal('InvalidChangeSetStatusException');
    expect(tested.names).to.deep.equal(['one']);
  });

  it('is refused where there is nothing to change, where there is something to create over, and twice', async () => {
    expect(await said(tested.changeSet({ A: bucket() }))).to.equal(
      `ValidationError: Stack [${STACK}] does not exist`,
    );
    await tested.created({ A: bucket() });
    expect(await said(tested.changeSet({ A: bucket() }, CREATE))).to.equal(
      `ValidationError: Stack [${STACK}] already exists and cannot be created again with the changeSet [change].`,
    );
    await tested.changeSet({ A: bucket('b') });
    expect((await failure(tested.changeSet({ A: bucket('c') }))).name).to.equal('AlreadyExistsException');
    const input = { StackName: STACK, ChangeSetName: 'c', TemplateBody: templateWith({ A: bucket('b') }) };
    const onFailure = new CreateChangeSetCommand({ ...input, OnStackFailure: 'DELETE' });
    expect((await failure(tested.client.send(onFailure))).name).to.equal('ValidationError');
    const unknown = new DescribeChangeSetCommand({ StackName: STACK, ChangeSetName: 'other' });
    expect(await said(tested.client.send(unknown))).to.equal(
      'ChangeSetNotFoundException: ChangeSet [other] does not exist',
    );
  });
});
