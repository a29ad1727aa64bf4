/**
 * What `sb cloud run` does before the first result, in a process of its own, so that its memory is its own:
 * `submission.ts <run|dry-run> <folder> <run's name> [namespace]`. Prints milliseconds, counts and the largest RSS as one line of JSON.
 * The Trials are suspended: what is measured is the way to the API server, not the cluster's work on them.
 */
import { yamlDocuments } from '../../src/client/runs/plan/documents.ts';
import { planRun } from '../../src/client/runs/plan/plan.ts';
import { trialCount, type RunPlan } from '../../src/client/runs/plan/types.ts';
import { selectTasks } from '../../src/client/runs/select/select.ts';
import { openSession } from '../../src/client/session/session.ts';
import { submitRun, type Submitted } from '../../src/client/runs/submit/submit.ts';

/** What the process prints. */
export interface Submission {
  trials: number;
  readMs: number;
  planMs: number;
  /** Storing and applying, or writing YAML. */
  submitMs: number;
  /** From the process's start. */
  wholeMs: number;
  /** Bytes. */
  maxRss: number;
  submitted?: Submitted;
}

const suspended = (plan: RunPlan): RunPlan => {
  for (const { spec } of plan.tasks.flatMap(({ trials }) => trials)) spec.suspend = true;
  return plan;
};

async function submit(plan: RunPlan, namespace: string): Promise<Submitted> {
  const io = { env: process.env, cwd: process.cwd(), now: () => new Date() };
  const session = openSession({ namespace }, io);
  try {
    const { bucket } = await session.client();
    const signal = new AbortController().signal;
    return await submitRun({ session, plan: suspended({ ...plan, bucket }), signal });
  } finally {
    await session.close();
  }
}

async function main([mode = '', folder = '', run = '', namespace = '']: string[]): Promise<void> {
  const began = performance.now();
  const selection = await selectTasks({ path: folder });
  const read = performance.now();
  const plan = planRun({ selection, run, bucket: 'abundant-sb-artifacts', options: {}, environment: {} });
  const planned = performance.now();
  let submitted: Submitted | undefined;
  if (mode === 'dry-run') for (const document of yamlDocuments(plan)) process.stderr.write(document);
  else submitted = await submit(plan, namespace);
  const ended = performance.now();
  const result: Submission = {
    trials: trialCount(plan),
    readMs: read - began,
    planMs: planned - read,
    submitMs: ended - planned,
    wholeMs: ended,
    maxRss: process.resourceUsage().maxRSS * 1024,
    ...(submitted && { submitted }),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

await main(process.argv.slice(2));
