/** `sb cloud status`: what is there, how it stands, how it differs from what this version makes, and what it costs. Changes nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Template } from '../../installation/aws/stacks/template.ts';
import type { Stack } from '../../providers/stacks/port.ts';
import type { Installation } from './installation.ts';
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
