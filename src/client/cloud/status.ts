/** `sb cloud status`: what is there, how it stands, how it differs from what this version makes, what it costs, and whether quotas allow it. Changes nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Template } from '../../installation/aws/stacks/template.ts';
import { nodePool } from '../../installation/aws/cluster/nodes.ts';
import { awsNames } from '../../installation/aws/names.ts';
import { OVERLAYS } from '../../installation/overlays.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { Stack } from '../../providers/stacks/port.ts';
import type { Installation } from './installation.ts';
import { nodeCost, type NodeCost } from './costs/nodes.ts';
import { compareQuotas, type Compared, type PoolLimit } from './account/quotas.ts';
import { guestOf, templateOf } from './stacks/parameters.ts';
import { phaseOf } from './stacks/phase.ts';
import type { StackPart } from './steps.ts';
import { cloudStacks, hourly } from './costs/things.ts';

export interface StackStatus {
  name: string;
  /** As CloudFormation says it; undefined where there is none. */
  status?: string;
  reason?: string;
  /** Resources in which it differs from this version's template: `+ Tools`, `- Old`, `~ Bucket`. */
  differs: readonly string[];
  /** US dollars an hour, whether or not anything runs; without nodes. */
  hourly: number;
}

/** What of the cluster is not as this version makes it; undefined where it is not looked at, since the stacks are not all there. */
export interface InsideStatus {
  /** Names of steps: `operator`, `nodes`. */
  differs: readonly string[];
  /** Why the rest is not known. */
  unknown?: string;
}

/** The account's quotas against what the installation may have, or why they cannot be seen. */
export type QuotaStatus = Compared | { why: string };

/** What the nodes cost that there are now, or why they cannot be seen. */
export type NodesStatus = NodeCost | { why: string };

const PARTS: readonly StackPart[] = ['artifacts', 'network', 'cluster'];

export async function statusOf(installation: Installation): Promise<StackStatus[]> {
  const { context, stacks } = installation;
  const found: StackStatus[] = [];
  for (const part of PARTS) {
    const stack = await stacks[part].find(context);
    const name = `${context.stack}-${part}`;
    found.push(stack ? await standing(installation, stack, part) : { name, differs: [], hourly: 0 });
  }
  return found;
}

/** Looks at each step of the cluster, until one cannot be seen. */
export async function insideOf({ context, inside, stacks }: Installation): Promise<InsideStatus | undefined> {
  const cluster = await stacks.cluster.find(context);
  if (phaseOf(cluster) !== 'ready') return undefined;
  const differs: string[] = [];
  for (const step of inside.steps) {
    try {
      if (!(await step.isDone(context))) differs.push(step.name);
    } catch (error) {
      return { differs, unknown: `${step.name}: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  return { differs };
}

/** Undefined where there is no cluster of ours to have nodes. */
export async function nodesOf({ context, inside, stacks }: Installation): Promise<NodesStatus | undefined> {
  const cluster = await stacks.cluster.find(context);
  if (phaseOf(cluster) !== 'ready' || guestOf({}, cluster) !== undefined) return undefined;
  try {
    return nodeCost(await inside.nodes(context));
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

/** What `sb cloud init` sets. */
const BUILDS = Number(OVERLAYS['aws']?.settings.find(([name]) => name === 'SB_MAX_CONCURRENT_BUILDS')?.[1]);

/** Those of the cluster; where it is not there, or does not answer, those that `sb cloud init` makes. */
async function poolsOf({ context, inside, stacks, wish }: Installation): Promise<readonly PoolLimit[]> {
  const cluster = await stacks.cluster.find(context);
  // Why it does not answer is said where its nodes are.
  const found = phaseOf(cluster) === 'ready' ? await inside.pools(context).catch(() => undefined) : undefined;
  if (found) return found;
  const { metadata, spec } = nodePool();
  // Nodes of a cluster of the user's own have other limits.
  return guestOf(wish, cluster) === undefined ? [{ name: metadata.name, cpu: spec.limits['cpu'] }] : [];
}

/** Undefined where there is no project that quotas would be for. */
export async function quotaStatus(installation: Installation): Promise<QuotaStatus | undefined> {
  const { context, ports, stacks } = installation;
  if (phaseOf(await stacks.artifacts.find(context)) !== 'ready') return undefined;
  const pools = await poolsOf(installation);
  const { project } = awsNames(context);
  try {
    const inspection = await ports.inspection();
    return await compareQuotas(inspection, { region: context.region, project, builds: BUILDS, pools });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { why: error.message };
  }
}

async function standing({ ports, wish }: Installation, stack: Stack, part: StackPart): Promise<StackStatus> {
  const { name, status, reason } = stack;
  const hasResources = phaseOf(stack) !== 'empty';
  const zones = stack.parameters['ZoneC'] ? 3 : 2;
  const things = cloudStacks({ stack: wish.stack, network: true, zones }).filter((one) => one.name === name);
  return {
    name,
    status,
    ...(reason !== undefined && { reason }),
    differs: hasResources
      ? differences(await ports.stacks.template(stack.id), templateOf(part, guestOf({}, stack)))
      : [],
    hourly: hasResources && guestOf({}, stack) === undefined ? hourly(things) : 0,
  };
}

/** Resources that the template has otherwise than this version's. */
export function differences(text: string, template: Template): string[] {
  const theirs = resourcesOf(text);
  const ours: Readonly<Record<string, unknown>> = template.Resources;
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort();
  const lines = names.flatMap((name) => {
    if (!Object.hasOwn(theirs, name)) return [`+ ${name}`];
    if (!Object.hasOwn(ours, name)) return [`- ${name}`];
    return isDeepStrictEqual(theirs[name], ours[name]) ? [] : [`~ ${name}`];
  });
  if (lines.length > 0) return lines;
  return isDeepStrictEqual(parsed(text), template) ? [] : ['~ parameters or outputs'];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function resourcesOf(text: string): Readonly<Record<string, unknown>> {
  const { Resources: resources } = (parsed(text) ?? {}) as { Resources?: unknown };
  return typeof resources === 'object' && resources !== null ? (resources as Record<string, unknown>) : {};
}
