/** A stack as a step: made, changed and followed by one loop that starts from whatever it finds. */
import { isDeepStrictEqual } from 'node:util';
import { TAGS } from '../../../installation/aws/names.ts';
import type { Template } from '../../../installation/aws/stacks/template.ts';
import { ProviderError } from '../../../providers/errors.ts';
import type { Change, ChangeSet, Stack, Stacks, StackWish } from '../../../providers/stacks/port.ts';
import { couldNotMake, notOurs, otherAtWork, stuck, wouldReplace } from '../account/failures.ts';
import type { CloudContext, CloudStep, ClusterAddress, StackPart } from '../steps.ts';
import { beforeThis, follow, lastEvent } from './follow.ts';
import { foreign, phaseOf } from './phase.ts';

/** A stack of an installation, and what decides what is in it. */
export interface StackStep extends CloudStep {
  readonly part: StackPart;
  /** Undefined where there is none; rejects for one that is not ours. */
  find(cloud: CloudContext): Promise<Stack | undefined>;
  /** What would change; undefined where nothing would. It is forgotten again. Rejects where another step has to come first. */
  preview(cloud: CloudContext): Promise<readonly Change[] | undefined>;
}

/** Values of parameters that differ from what the stack has, or the template says. `now`: undefined before there is a stack. */
export type Parameters = (
  cloud: CloudContext,
  now: Stack | undefined,
) => Promise<Readonly<Record<string, string>>>;

interface StackStepNeeds {
  stacks: Stacks;
  part: StackPart;
  /** `guest`: the cluster is the user's. */
  shows: (guest: boolean) => readonly string[];
  /** Of a stack that is there, or is to be. */
  template: (now: Stack | undefined) => Template;
  parameters: Parameters;
  /** Of a stack that stays when the rest goes. */
  kept: boolean;
}

/** Others may begin something at any moment; a command that always comes second gives up. */
const MOST_TRIES = 10;
const RETRY_MS = 2_000;

/** The stack is busy, or the changes that were planned are gone with what they were planned for. */
const BEATEN = new Set<ProviderError['reason']>(['PreconditionFailed', 'NotFound']);

/** What holds something that nobody could make again, or takes what runs with it. */
const PRECIOUS = new Set([
  'AWS::EC2::VPC',
  'AWS::ECR::Repository',
  'AWS::EKS::Cluster',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
]);

export class StackOfInstallation implements StackStep {
  readonly #needs: StackStepNeeds;

  constructor(needs: StackStepNeeds) {
    this.#needs = needs;
  }

  get part(): StackPart {
    return this.#needs.part;
  }

  get name(): string {
    return `stack ${this.part}`;
  }

  shows(_: CloudContext, cluster?: Pick<ClusterAddress, 'ours'>): readonly string[] {
    return this.#needs.shows(cluster?.ours === false);
  }

  async find({ stack: installation }: CloudContext): Promise<Stack | undefined> {
    const found = await this.#needs.stacks.find(`${installation}-${this.part}`);
    if (phaseOf(found) === 'none' || !found) return undefined;
    const why = foreign(found, installation);
    if (why !== undefined) throw notOurs(found, why);
    return found;
  }

  async isDone(cloud: CloudContext): Promise<boolean> {
    const stack = await this.find(cloud);
    if (!stack || phaseOf(stack) !== 'ready') return false;
    if (this.#needs.kept && !stack.protected) return false;
    const wish = await this.#wish(cloud, stack);
    const changed = Object.entries(wish.parameters).some(([name, value]) => stack.parameters[name] !== value);
    return (
      !changed &&
      isDeepStrictEqual(parsed(await this.#needs.stacks.template(stack.id)), this.#needs.template(stack))
    );
  }

  async preview(cloud: CloudContext): Promise<readonly Change[] | undefined> {
    const stack = await this.find(cloud);
    const how = phaseOf(stack) === 'ready' ? 'update' : 'create';
    const { stacks } = this.#needs;
    const changes = await stacks.plan(await this.#wish(cloud, stack), how);
    if (!changes) return undefined;
    await stacks.discard(changes);
    // An empty stack is what planning has left; nothing else would ever take it away.
    if (!stack) await stacks.remove(changes.stackId);
    return changes.changes;
  }

  async make(cloud: CloudContext): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const stack = await this.find(cloud);
      const done = await this.#further(cloud, stack).catch((error: unknown) => {
        // Somebody else was first: the next round sees what they do, and waits for it.
        if (error instanceof ProviderError && BEATEN.has(error.reason)) return false;
        throw error;
      });
      if (done) return this.#protect(cloud);
      await cloud.sleep(RETRY_MS);
    }
    throw new ProviderError(
      'PreconditionFailed',
      `${cloud.stack}-${this.part}: something else is done to it again and again`,
    );
  }

  /** One thing that brings it nearer; whether it is as it should be. */
  async #further(cloud: CloudContext, stack: Stack | undefined): Promise<boolean> {
    const phase = phaseOf(stack);
    if (!stack || phase === 'none' || phase === 'empty') return this.#apply(cloud, stack, 'create');
    switch (phase) {
      case 'ready':
        return this.#apply(cloud, stack, 'update');
      case 'busy':
        return this.#attach(cloud, stack);
      case 'going':
        throw otherAtWork(stack, 'it is being deleted');
      case 'dead':
        cloud.say(`${stack.name}: ${stack.status}: nothing but what is left of it; that goes first`);
        await this.#delete(cloud, stack);
        return false;
      case 'stuck':
        throw stuck(stack, await this.#lastFailures(stack));
      default:
        return phase satisfies never;
    }
  }

  async #attach(cloud: CloudContext, stack: Stack): Promise<boolean> {
    const { stacks } = this.#needs;
    cloud.say(`${stack.name}: another command is at work on it (${stack.status}); waiting for it`);
    await follow({ stacks, ...cloud }, stack.id, await beforeThis(stacks, stack.id));
    return false;
  }

  async #apply(cloud: CloudContext, stack: Stack | undefined, how: 'create' | 'update'): Promise<boolean> {
    const { stacks } = this.#needs;
    const wish = await this.#wish(cloud, stack);
    const changes = await stacks.plan(wish, how);
    if (!changes) return true;
    await this.#expectHarmless(wish, changes, how);
    const after = await lastEvent(stacks, changes.stackId);
    await stacks.execute(changes, how);
    const ended = await follow({ stacks, ...cloud }, changes.stackId, after);
    // What was rolled back is ready as well, but without the change.
    if (ended.stack && GOOD.has(ended.stack.status)) return true;
    if (ended.stack && phaseOf(ended.stack) === 'stuck') throw stuck(ended.stack, ended.failed);
    // It never came to be; the next try would find it in its way.
    if (ended.stack && phaseOf(ended.stack) === 'dead') await this.#delete(cloud, ended.stack);
    throw couldNotMake(wish.name, ended);
  }

  async #expectHarmless({ name }: StackWish, changes: ChangeSet, how: 'create' | 'update'): Promise<void> {
    const lost = changes.changes.filter(
      ({ action, replaces, type }) => PRECIOUS.has(type) && (replaces || action === 'Remove'),
    );
    if (how === 'create' || lost.length === 0) return;
    await this.#needs.stacks.discard(changes);
    throw wouldReplace(
      name,
      lost.map(({ resource, type }) => `${resource} (${type})`),
    );
  }

  async #protect(cloud: CloudContext): Promise<void> {
    const stack = this.#needs.kept ? await this.find(cloud) : undefined;
    if (stack && !stack.protected) await this.#needs.stacks.protect(stack.name, true);
  }

  async #wish(cloud: CloudContext, stack: Stack | undefined): Promise<StackWish> {
    const template = this.#needs.template(stack);
    const known = new Set(Object.keys(template.Parameters));
    const before = Object.entries(stack?.parameters ?? {}).filter(([name]) => known.has(name));
    const wanted = await this.#needs.parameters(cloud, stack);
    return {
      name: `${cloud.stack}-${this.part}`,
      template: JSON.stringify(template),
      parameters: { ...Object.fromEntries(before), ...wanted, Stack: cloud.stack },
      tags: { [TAGS.stack]: cloud.stack, [TAGS.part]: this.part },
    };
  }

  async remove(cloud: CloudContext): Promise<void> {
    const stack = await this.find(cloud);
    if (!stack) return;
    if (phaseOf(stack) === 'busy') throw otherAtWork(stack, 'it is being made or changed');
    if (stack.protected) await this.#needs.stacks.protect(stack.name, false);
    await this.#delete(cloud, stack);
  }

  async #delete(cloud: CloudContext, stack: Stack): Promise<void> {
    const { stacks } = this.#needs;
    const going = phaseOf(stack) === 'going';
    const after = going ? await beforeThis(stacks, stack.id) : await lastEvent(stacks, stack.id);
    if (going) cloud.say(`${stack.name}: it is being deleted already; waiting for it`);
    else await stacks.remove(stack.id);
    const ended = await follow({ stacks, ...cloud }, stack.id, after);
    if (ended.stack && phaseOf(ended.stack) !== 'none') throw stuck(ended.stack, ended.failed);
  }

  /** What kept the stack from being what it should be, when that was. */
  async #lastFailures({ id }: Stack) {
    const events = await this.#needs.stacks.events(id);
    const begun = events.findLastIndex(
      ({ whole, status }) => whole && /(UPDATE|DELETE|CREATE)_IN_PROGRESS$/.test(status),
    );
    return events
      .slice(Math.max(0, begun))
      .filter(({ whole, status }) => !whole && status.endsWith('_FAILED'));
  }
}

const GOOD = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE']);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
