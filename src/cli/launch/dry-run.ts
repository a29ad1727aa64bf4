import { effectiveSpecs } from '../../client/runs/plan/effective.ts';
import type { CompiledSpec } from '../../tasks/index.ts';
/** `--dry-run`: what a run would be, without making it. */
import { manifests, secretNote, yamlDocuments } from '../../client/runs/plan/documents.ts';
import { summary, type PlanSummary } from '../../client/runs/plan/summary.ts';
import type { RunPlan } from '../../client/runs/plan/types.ts';
import { outlines } from '../../client/runs/plan/outline.ts';
import { outlineLines } from '../render/outline.ts';
import { printFailure } from '../render/failure.ts';
import { printDocument } from '../render/output.ts';
import { safe, safeJson } from '../../text/safe.ts';
import { dryRunServer } from '../../client/runs/submit/submit.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { quotaLines } from './fit.ts';
import type { Wish } from './wish.ts';
import { amountOf } from '../../crds/refusals.ts';

/** Prints the plan; with a session the API server is asked about every object, and its quotas are compared. */
export async function printDryRun(
  plan: RunPlan,
  { wish, io, session }: { wish: Wish; io: Io; session?: Session },
): Promise<ExitCode> {
  const { terminal, signal } = io;
  await printPlan(plan, { wish, io });
  const note = secretNote(plan);
  if (note !== undefined) terminal.err(safe(`${note}\n`));
  if (!session) {
    for (const { error } of plan.refused) printFailure(terminal, error, { debug: false });
    return plan.refused.length > 0 ? 3 : 0;
  }
  const { refused, created, unchanged } = await dryRunServer({ session, plan, signal });
  for (const { error } of refused) printFailure(terminal, error, { debug: false });
  terminal.err(
    `the API server takes ${created} Trials, has ${unchanged} already and refuses ${refused.length}\n`,
  );
  for (const line of await quotaLines(session, plan, signal)) terminal.err(safe(`${line}\n`));
  return refused.length > 0 ? 3 : 0;
}

async function printPlan(
  plan: RunPlan,
  { wish: { output }, io: { terminal } }: { wish: Wish; io: Io },
): Promise<void> {
  switch (output) {
    case 'yaml':
      for (const document of yamlDocuments(plan)) terminal.out(document);
      return;
    case 'json':
      return printDocument(terminal, 'json', manifestList(plan));
    case 'jsonl':
      for (const manifest of manifests(plan)) terminal.out(`${safeJson(manifest)}\n`);
      return;
    case 'name':
      for (const { kind, metadata } of manifests(plan))
        terminal.out(`${kind.toLowerCase()}/${metadata.name}\n`);
      return;
    case 'table':
    case 'wide':
      terminal.out(safe(summaryLines(plan, summary(plan))));
      return terminal.out(outlineLines(outlines(plan)).join(''));
    default:
      output satisfies never;
  }
}

function manifestList(plan: RunPlan): object {
  const tasks = outlines(plan);
  const items = [...manifests(plan)];
  return { apiVersion: 'v1', kind: 'List', items, ...(tasks.length > 0 && { tasks }) };
}

const small = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const inGib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function summaryLines(
  plan: RunPlan,
  { tasks, trials, builds, images, requests, bytes }: PlanSummary,
): string {
  const { cores, memoryBytes, storageBytes } = requests;
  const lines: [string, string][] = [
    ['run', plan.run],
    ['tasks', `${tasks}, ${small(bytes)} before packing`],
    ['pods', `${trials}, if nothing is retried`],
    ['images', `${builds.length} to build unless the registry has them, ${images.length} ready-made`],
    [
      'requests',
      `${cores.toFixed(1)} CPUs, ${inGib(memoryBytes)} of memory and ${inGib(storageBytes)} of disk, all at once`,
    ],
    ['cost', costLine(plan)],
  ];
  return lines.map(([name, value]) => `${name.padEnd(9)} ${value}\n`).join('');
}

/** On-demand prices of general-purpose EC2 machines in us-east-1, an hour: between Graviton on spot and Intel on demand. */
const CORE_HOUR = { from: 0.012, to: 0.042 };
const GIB_HOUR = { from: 0.0015, to: 0.0053 };
/** No Trial is shorter than its Pod's start. */
const SHORTEST_SECONDS = 15;
const DEFAULT_SECONDS = 600;

/** `$0.01 – $0.42 of EC2 machines …`: from Trials that end at once to Trials that use all of their timeouts. */
function costLine(plan: RunPlan): string {
  const costs = effectiveSpecs(plan).map(costOf);
  const from = costs.reduce((sum, cost) => sum + cost.from, 0);
  const to = costs.reduce((sum, cost) => sum + cost.to, 0);
  const range = to < 0.01 ? 'less than $0.01' : `$${from.toFixed(2)} – $${to.toFixed(2)}`;
  return `${range} of EC2 machines, by requests and timeouts; models, builds and storage not counted`;
}

function costOf({ environment, work }: CompiledSpec): { from: number; to: number } {
  const { cpu, memory } = environment.resources.requests;
  const [cores, gibibytes] = [amountOf(cpu), amountOf(memory) / 2 ** 30];
  const longest = work.reduce(
    (sum, { agent, verifier }) => sum + (agent.timeoutSeconds ?? DEFAULT_SECONDS) + verifier.timeoutSeconds,
    0,
  );
  const hours = { from: SHORTEST_SECONDS / 3600, to: Math.max(longest, SHORTEST_SECONDS) / 3600 };
  const at = (end: 'from' | 'to'): number =>
    hours[end] * (cores * CORE_HOUR[end] + gibibytes * GIB_HOUR[end]);
  return { from: at('from'), to: at('to') };
}
