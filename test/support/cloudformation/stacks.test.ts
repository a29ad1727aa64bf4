import {
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  GetTemplateSummaryCommand,
  ListStackResourcesCommand,
  ListStacksCommand,
  UpdateStackCommand,
  UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation';
import { expect } from 'chai';
import { bucket, failure, group, needing, said, STACK, templateWith, useCloudFormation } from './testing.ts';

describe('cloudformation service: a stack', () => {
  const tested = useCloudFormation();
  const remove = async (
    more: Partial<ConstructorParameters<typeof DeleteStackCommand>[0]> = {},
  ): Promise<void> => {
    await tested.client.send(new DeleteStackCommand({ StackName: STACK, ...more }));
    await tested.service.idle();
  };

  it('is created in the order of what needs what, and says so event by event', async () => {
    const stack = await tested.created({ Second: needing('two', 'First'), First: bucket() });
    expect(stack).to.include({ StackName: STACK, StackStatus: 'CREATE_COMPLETE' });
    expect(await tested.story()).to.deep.equal([
      `${STACK} CREATE_IN_PROGRESS (User Initiated)`,
      'First CREATE_IN_PROGRESS',
      'First CREATE_IN_PROGRESS (Resource creation Initiated)',
      'First CREATE_COMPLETE',
      'Second CREATE_IN_PROGRESS',
      'Second CREATE_IN_PROGRESS (Resource creation Initiated)',
      'Second CREATE_COMPLETE',
      `${STACK} CREATE_COMPLETE`,
    ]);
    expect(tested.names).to.deep.equal(['one', 'two']);
  });

  it('is deleted in the other order, and is then found by its id alone', async () => {
    const { StackId } = await tested.created({ First: bucket(), Second: needing('two', 'First') });
    await remove();
    expect(tested.names).to.deep.equal([]);
    expect((await tested.story(StackId)).slice(8)).to.deep.equal([
      `${STACK} DELETE_IN_PROGRESS (User Initiated)`,
      'Second DELETE_IN_PROGRESS',
      'Second DELETE_COMPLETE',
      'First DELETE_IN_PROGRESS',
      'First DELETE_COMPLETE',
      `${STACK} DELETE_COMPLETE`,
    ]);
    expect(await said(tested.stack())).to.equal(`ValidationError: Stack with id ${STACK} does not exist`);
    expect((await tested.stack(StackId)).StackStatus).to.equal('DELETE_COMPLETE');
    await remove();
  });

  it('rolls back a creation that failed, and can then only be deleted', async () => {
    tested.service.inject({ kind: 'fail', resource: 'Second', reason: 'no more of these' });
    const stack = await tested.created({
      First: bucket(),
      Second: needing('two', 'First'),
      Third: needing('three', 'Second'),
    });
    expect(stack.StackStatus).to.equal('ROLLBACK_COMPLETE');
    expect(tested.names).to.deep.equal([]);
    expect((await tested.story()).slice(4)).to.deep.equal([
      'Second CREATE_IN_PROGRESS',
      'Second CREATE_FAILED (no more of these)',
      `${STACK} ROLLBACK_IN_PROGRESS (The following resource(s) failed to create: [Second]. Rollback requested by user.)`,
      'First DELETE_IN_PROGRESS',
      'First DELETE_COMPLETE',
      `${STACK} ROLLBACK_COMPLETE`,
    ]);
    const update = new UpdateStackCommand({
      StackName: STACK,
      TemplateBody: templateWith({ First: bucket() }),
    });
    expect(await said(tested.client.send(update))).to.equal(
      `ValidationError: Stack:${stack.StackId} is in ROLLBACK_COMPLETE state and can not be updated.`,
    );
    await remove();
  });

  it('leaves what it made where nobody wants a rollback', async () => {
    tested.service.inject({ kind: 'fail', resource: 'Second', reason: 'no' });
    const resources = { First: bucket(), Second: needing('two', 'First') };
    const stack = await tested.created(resources, { OnFailure: 'DO_NOTHING' });
    expect([stack.StackStatus, stack.DisableRollback]).to.deep.equal(['CREATE_FAILED', true]);
    expect(tested.names).to.deep.equal(['one']);
  });

  it('goes altogether where OnFailure says so', async () => {
    tested.service.inject({ kind: 'fail', resource: 'First', reason: 'no' });
    const { StackStatus } = await tested.created({ First: bucket() }, { OnFailure: 'DELETE' });
    expect(StackStatus).to.equal('DELETE_COMPLETE');
    expect((await failure(tested.stack())).name).to.equal('ValidationError');
  });

  it('keeps, when a creation is rolled back, what is retained: the name is then taken', async () => {
    const resources = { First: bucket('one', { DeletionPolicy: 'Retain' }), Second: needing('two', 'First') };
    tested.service.inject({ kind: 'fail', resource: 'Second', reason: 'no' });
    await tested.created(resources);
    expect(await tested.story()).to.include('First DELETE_SKIPPED');
    expect(tested.names).to.deep.equal(['one']);
    await remove();
    const { StackId } = await tested.created(resources);
    expect((await tested.story(StackId)).join('\n')).to.contain(
      `First CREATE_FAILED (Resource handler returned message: "Resource of type 'AWS::S3::Bucket' with identifier 'one' already exists."`,
    );
    expect(tested.names).to.deep.equal(['one']);
  });

  it('does not keep it with RetainExceptOnCreate', async () => {
    tested.service.inject({ kind: 'fail', resource: 'Second', reason: 'no' });
    const resources = { First: bucket('one', { DeletionPolicy: 'Retain' }), Second: needing('two', 'First') };
    await tested.created(resources, { RetainExceptOnCreate: true });
    expect(tested.names).to.deep.equal([]);
  });

  it('is not rolled back wholly where something cannot be deleted', async () => {
    tested.memory.held.set('one', 'it is in use');
    tested.service.inject({ kind: 'fail', resource: 'Second', reason: 'no' });
    const stack = await tested.created({ First: bucket(), Second: needing('two', 'First') });
    expect([stack.StackStatus, stack.StackStatusReason]).to.deep.equal([
      'ROLLBACK_FAILED',
      'The following resource(s) failed to delete: [First]. ',
    ]);
    tested.memory.held.clear();
    await remove();
    expect(tested.names).to.deep.equal([]);
  });

  it('is not deleted while something in it cannot be: until then, what that needs stays', async () => {
    const { StackId } = await tested.created({ First: bucket(), Second: needing('two', 'First') });
    tested.memory.held.set('two', 'it is not empty');
    await remove();
    expect((await tested.stack()).StackStatus).to.equal('DELETE_FAILED');
    expect(tested.names).to.deep.equal(['one', 'two']);
    await remove({ RetainResources: ['Second'] });
    expect((await tested.stack(StackId)).StackStatus).to.equal('DELETE_COMPLETE');
    expect(tested.names).to.deep.equal(['two']);
  });

  it('is deleted by force only after that failed', async () => {
    const { StackId } = await tested.created({ First: bucket() });
    const forced = { DeletionMode: 'FORCE_DELETE_STACK' } as const;
    expect(await said(remove(forced))).to.match(/^ValidationError: .*DELETE_FAILED state$/);
    expect(await said(remove({ RetainResources: ['First'] }))).to.match(
      /^ValidationError: .*DELETE_FAILED state$/,
    );
    tested.memory.held.set('one', 'it is not empty');
    await remove();
    await remove(forced);
    expect((await tested.stack(StackId)).StackStatus).to.equal('DELETE_COMPLETE');
    expect(tested.names).to.deep.equal(['one']);
  });

  it('is not deleted while it is protected', async () => {
    await tested.created({ First: bucket() }, { EnableTerminationProtection: true });
    expect((await tested.stack()).EnableTerminationProtection).to.equal(true);
    expect(await said(remove())).to.equal(
      `ValidationError: Stack [${STACK}] cannot be deleted while TerminationProtection is enabled`,
    );
    await tested.client.send(
      new UpdateTerminationProtectionCommand({ StackName: STACK, EnableTerminationProtection: false }),
    );
    await remove();
    expect(tested.names).to.deep.equal([]);
  });

  it('does not say in a list that it is protected', async () => {
    await tested.created({ First: bucket() }, { EnableTerminationProtection: true });
    const { Stacks } = await tested.client.send(new DescribeStacksCommand({}));
    expect(Stacks!.map((one) => one.EnableTerminationProtection)).to.deep.equal([undefined]);
  });

  it('may be deleted while it is made: what is under way is given up first', async () => {
    const held = tested.service.inject({ kind: 'stall', resource: 'First' });
    const id = await tested.create({ First: bucket(), Second: needing('two', 'First') });
    await held.reached;
    await remove();
    expect((await tested.story(id)).slice(3)).to.deep.equal([
      'First CREATE_FAILED (Resource creation cancelled)',
      `${STACK} DELETE_IN_PROGRESS (User Initiated)`,
      'First DELETE_IN_PROGRESS',
      'First DELETE_COMPLETE',
      `${STACK} DELETE_COMPLETE`,
    ]);
    expect(tested.names).to.deep.equal([]);
  });

  it('shows its resources, its template, and what a template asks for', async () => {
    await tested.created({ First: bucket(), Second: group() });
    const { StackResources } = await tested.client.send(
      new DescribeStackResourcesCommand({ StackName: STACK }),
    );
    expect(
      StackResources!.map((one) => [one.LogicalResourceId, one.PhysicalResourceId, one.ResourceStatus]),
    ).to.deep.equal([
      ['First', 'one', 'CREATE_COMPLETE'],
      ['Second', 'logs', 'CREATE_COMPLETE'],
    ]);
    const { StackResourceSummaries } = await tested.client.send(
      new ListStackResourcesCommand({ StackName: STACK }),
    );
    expect(StackResourceSummaries!.map((one) => one.ResourceType)).to.deep.equal([
      'AWS::S3::Bucket',
      'AWS::Logs::LogGroup',
    ]);
    const { TemplateBody } = await tested.client.send(new GetTemplateCommand({ StackName: STACK }));
    expect(TemplateBody).to.equal(templateWith({ First: bucket(), Second: group() }));
    const summary = await tested.client.send(
      new GetTemplateSummaryCommand({
        TemplateBody: templateWith(
          { R: { Type: 'AWS::IAM::Role' } },
          { Parameters: { P: { Type: 'String', Default: 'x' } } },
        ),
      }),
    );
    expect(summary).to.deep.include({ Capabilities: ['CAPABILITY_IAM'], ResourceTypes: ['AWS::IAM::Role'] });
    expect(summary.Parameters!.map((one) => [one.ParameterKey, one.DefaultValue])).to.deep.equal([
      ['P', 'x'],
    ]);
  });

  it('is listed by status, deleted ones, too', async () => {
    const { StackId } = await tested.created({ First: bucket() });
    await remove();
    await tested.created({ First: bucket() });
    const { StackSummaries } = await tested.client.send(new ListStacksCommand({}));
    expect(StackSummaries!.map((one) => one.StackStatus)).to.deep.equal([
      'CREATE_COMPLETE',
      'DELETE_COMPLETE',
    ]);
    const deleted = await tested.client.send(
      new ListStacksCommand({ StackStatusFilter: ['DELETE_COMPLETE'] }),
    );
    expect(deleted.StackSummaries!.map((one) => one.StackId)).to.deep.equal([StackId]);
  });

  it('is made once, however often the same request comes; another request is refused', async () => {
    const ClientRequestToken = 'first';
    const id = await tested.create({ First: bucket() }, { ClientRequestToken });
    expect(await tested.create({ First: bucket() }, { ClientRequestToken })).to.equal(id);
    expect(await said(tested.create({ First: bucket() }))).to.equal(
      `AlreadyExistsException: Stack [${STACK}] already exists`,
    );
    await tested.service.idle();
    expect(await said(remove({ ClientRequestToken }))).to.match(/^TokenAlreadyExistsException: /);
    expect((await tested.events()).map((one) => one.ClientRequestToken)).to.deep.equal(
      Array(5).fill('first'),
    );
  });
});
