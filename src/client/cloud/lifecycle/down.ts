/** `sb cloud down`: takes away what costs, and with `--purge` what is kept as well. Idempotent: what is gone is passed over. */
import { awsNames, TAGS } from '../../../installation/aws/names.ts';
import type { Contents } from '../../../providers/account/port.ts';
import { otherAtWork, stillRunning, unknownRunning } from '../account/failures.ts';
import type { Installation } from '../installation.ts';
import { phaseOf } from '../stacks/phase.ts';
import type { StackStep } from '../stacks/step.ts';
import type { CloudStep } from '../steps.ts';

/** What is going to be deleted, for whoever has to agree. */
export interface Doomed {
  /** In the order in which they go. */
  steps: readonly { step: CloudStep; shows: readonly string[] }[];
  /** With `--purge`: by name, what holds results, images and logs. */
  kept: readonly Kept[];
}

export interface Kept {
  kind: 'bucket' | 'repository' | 'log group';
  name: string;
  /** Of a bucket. */
  contents?: Contents;
}

export interface DownWish {
  force: boolean;
  purge: boolean;
}

/** What is there to delete. Throws where Trials run, or something else is at work. */
export async function doomed(installation: Installation, { force, purge }: DownWish): Promise<Doomed> {
  const { context, inside } = installation;
  const present = await presentStacks(installation, purge);
  const cluster = await context.cluster();
  if (cluster && !force) await expectIdle(installation);
  const steps: CloudStep[] = [...(cluster ? inside.steps.toReversed() : []), ...present];
  return {
    steps: steps.map((step) => ({ step, shows: step.shows(context, cluster) })),
    kept: purge ? await keptThings(installation) : [],
  };
}

/** In the order in which they go. */
async function presentStacks(installation: Installation, purge: boolean): Promise<StackStep[]> {
  const { context, stacks } = installation;
  const order = [stacks.cluster, stacks.network, ...(purge ? [stacks.artifacts] : [])];
  const present: StackStep[] = [];
  for (const step of order) {
    const stack = await step.find(context);
    if (!stack) continue;
    if (phaseOf(stack) === 'busy') throw otherAtWork(stack, 'it is being made or changed');
    present.push(step);
  }
  return present;
}

async function expectIdle({ inside, context }: Installation): Promise<void> {
  const running = await inside.running(context).catch((error: unknown) => {
    throw unknownRunning(error);
  });
  if (running.length > 0) throw stillRunning(running);
}

/** Ours by the stack that made them; once that is gone, by their tags. */
async function keptThings(installation: Installation): Promise<Kept[]> {
  const { context, stacks, ports } = installation;
  const stack = await stacks.artifacts.find(context);
  const tagged = stack ? [] : await ports.account.tagged(TAGS.stack, context.stack);
  const isOurs = (name: string): boolean =>
    stack !== undefined ||
    tagged.some((arn) => arn.endsWith(`:${name}`) || arn.endsWith(`/${name}`) || arn.endsWith(`:${name}:*`));
  const names = awsNames(context);
  const logs = stack?.outputs['PodLogs'];
  const all: Kept[] = [
    { kind: 'bucket', name: names.bucket },
    ...[names.images, names.cache, names.operator, names.buildKit, names.fluentBit, names.frontends].map(
      (name) => ({ kind: 'repository', name }) as const,
    ),
    ...[names.buildLogs, names.clusterLogs, ...(logs === undefined ? [] : [logs])].map(
      (name) => ({ kind: 'log group', name }) as const,
    ),
  ];
  const ours = all.filter(({ name }) => isOurs(name));
  const purge = await ports.purge(context.account);
  const counted = await Promise.all(
    ours.map(async (one): Promise<Kept[]> => {
      if (one.kind !== 'bucket') return [one];
      const contents = await purge.contents(one.name);
      return contents ? [{ ...one, contents }] : [];
    }),
  );
  return counted.flat();
}

/** Deletes it in order. Whatever fails, the same call goes on from there. */
export async function takeAway(installation: Installation, { steps, kept }: Doomed): Promise<void> {
  const { context, stacks } = installation;
  // The stack of what is kept goes last: it says whose the rest is.
  const last = steps.filter(({ step }) => step === stacks.artifacts);
  for (const { step } of steps.filter(({ step: one }) => one !== stacks.artifacts))
    await removeStep(step, installation);
  for (const thing of kept) await purgeThing(thing, installation);
  for (const { step } of last) await removeStep(step, installation);
  context.say('done: all that was listed is gone');
}

async function removeStep(step: CloudStep, { context }: Installation): Promise<void> {
  context.signal.throwIfAborted();
  context.say(`${step.name}: taking it away`);
  await step.remove(context);
}

async function purgeThing({ kind, name }: Kept, { context, ports }: Installation): Promise<void> {
  context.signal.throwIfAborted();
  const purge = await ports.purge(context.account);
  context.say(`${kind} ${name}: deleting it`);
  if (kind === 'repository') await purge.repository(name);
  else if (kind === 'log group') await purge.logGroup(name);
  else await purge.bucket(name, (gone) => context.say(`bucket ${name}: ${gone} versions deleted`));
}

/** What has the installation's tag still, and is not kept on purpose. AWS's index of tags lags behind by minutes. */
export async function leftovers(installation: Installation): Promise<string[]> {
  const { context, ports, stacks } = installation;
  const arns = await ports.account.tagged(TAGS.stack, context.stack);
  if (!(await stacks.artifacts.find(context))) return arns;
  const kept = await ports.account.tagged(TAGS.part, 'artifacts');
  return arns.filter((arn) => !kept.includes(arn) && !arn.includes(`:stack/${context.stack}-artifacts/`));
}
