/** `sb cloud status`: what is there, how it stands, how it differs from what this version makes, what it costs, and whether quotas allow it. Changes nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Template } from '../../installation/aws/stacks/template.ts';
import { nodePool } from '../../installation/aws/cluster/nodes.ts';
import { awsNames } from '../../installation/aws/names.ts';
import { OVERLAYS } from '../../installation/overlays.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { Stack } from '../../providers/stacks/port.ts';
import type { Installation } from './installation.ts';
import { nodeCost, type NodeCost } from './nodes/cost.ts';
import { quotasOf, shortfalls, type Quotas, type Settings, type Shortfall } from './quotas.ts';
import { guestOf, templateOf } from './stacks/parameters.ts';
import { phaseOf } from './stacks/phase.ts';
import type { StackPart } from './steps.ts';
import { cloudStacks, hourly } from './things.ts';

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

/** The account's quotas against what `sb cloud init` sets. */
export type QuotaStatus =
  { quotas: Quotas; settings: Settings; short: readonly Shortfall[] } | { why: string };

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

/** What `sb cloud init` sets: builds at once, and CPUs that the nodes of Trials may have together. */
const SET: Settings = {
  builds: Number(OVERLAYS['aws']?.settings.find(([name]) => name === 'SB_MAX_CONCURRENT_BUILDS')?.[1]),
  cpus: Number(nodePool().spec.limits['cpu']),
};

/** Undefined where there is no project that quotas would be for. */
export async function quotaStatus(installation: Installation): Promise<QuotaStatus | undefined> {
  const { context, ports, stacks, wish } = installation;
  const [artifacts, cluster] = [await stacks.artifacts.find(context), await stacks.cluster.find(context)];
  if (phaseOf(artifacts) !== 'ready') return undefined;
  // Nodes of a cluster of the user's own have other limits.
  const settings = guestOf(wish, cluster) === undefined ? SET : { ...SET, cpus: undefined };
  try {
    const inspection = await ports.inspection();
    const quotas = await quotasOf(inspection, await inspection.project(awsNames(context).project));
    return { quotas, settings, short: shortfalls(quotas, settings, context.region) };
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
