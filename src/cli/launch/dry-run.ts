/** `--dry-run`: what a run would be, without making it. */
import { manifests, secretNote, yamlDocuments } from '../../client/runs/plan/documents.ts';
import { summary, type PlanSummary } from '../../client/runs/plan/summary.ts';
import type { RunPlan } from '../../client/runs/plan/types.ts';
import { printFailure } from '../render/failure.ts';
import { printDocument } from '../render/output.ts';
import { safe, safeJson } from '../../text/safe.ts';
import { dryRunServer } from '../../client/runs/submit/submit.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { costLine } from './cost.ts';
import { quotaLines } from './fit/quota.ts';
import type { Wish } from './wish.ts';

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
      return printDocument(terminal, 'json', { apiVersion: 'v1', kind: 'List', items: [...manifests(plan)] });
    case 'jsonl':
      for (const manifest of manifests(plan)) terminal.out(`${safeJson(manifest)}\n`);
      return;
    case 'name':
      for (const { kind, metadata } of manifests(plan))
        terminal.out(`${kind.toLowerCase()}/${metadata.name}\n`);
      return;
    case 'table':
    case 'wide':
      return terminal.out(safe(summaryLines(plan, summary(plan))));
    default:
      output satisfies never;
  }
}

const small = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function summaryLines(
  plan: RunPlan,
  { tasks, trials, builds, images, requests, bytes }: PlanSummary,
): string {
  const { cores, memoryBytes, storageBytes } = requests;
  const lines: [string, string][] = [
    ['run', plan.run],
    ['tasks', `${tasks}, ${small(bytes)} before packing`],
    ['pods', `${trials}, when nothing is tried again`],
    ['images', `${builds.length} to build unless the registry has them, ${images.length} ready-made`],
    [
      'requests',
      `${cores.toFixed(1)} CPUs, ${gibibytes(memoryBytes)} of memory and ${gibibytes(storageBytes)} of disk, all at once`,
    ],
    ['cost', costLine(plan)],
  ];
  return lines.map(([name, value]) => `${name.padEnd(9)} ${value}\n`).join('');
}
