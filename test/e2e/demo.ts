/** `npm run demo`: cluster up, task folders to Trials, rewards in a table, results in jobs/, cluster down where it was down before. */
import { down, nodes, paths, s3, status, up } from './cluster/index.ts';
import { say } from './cluster/machine/progress.ts';
import { readArguments, UsageError } from './demo/arguments.ts';
import { BadTasks, NAMESPACE, planTrials } from './demo/plan.ts';
import type { Plan } from './demo/plan.ts';
import { disappointments, resultPlaces, resultTable } from './demo/report.ts';
import type { Result } from './demo/report.ts';
import { runPlan } from './demo/run.ts';

const INTERRUPTED = 130;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

const interrupted = new AbortController();
/** What is left behind where the process is ended at once. */
let atRisk = 'nothing was started';

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (atRisk !== '' || interrupted.signal.aborted) {
      print(`\nended: ${atRisk || 'npm run cluster:status shows what is left'}`);
      process.exit(INTERRUPTED);
    }
    print('\nstopping in order; once more ends at once');
    interrupted.abort(new Error('interrupted'));
  });

async function main(): Promise<number> {
  const wish = readArguments(process.argv.slice(2));
  const plan = await planTrials(wish, new Date());
  const wasUp = (await status()).some(({ part, health }) => isNode(part) && health !== 'missing');
  const stays = wasUp || wish.keep;
  say(wasUp ? 'the local cluster is there; bringing it up to date' : startNotice(stays));
  atRisk = 'npm run cluster:up goes on from here, npm run cluster:down removes what is there';
  // No task of the demo asks for a network of its own.
  await up({ enforcing: false });
  atRisk = '';
  try {
    return await demonstrate(plan, stays);
  } finally {
    if (!stays) {
      say('taking the cluster down, as it was before (npm run demo -- --keep leaves it up)');
      await down();
    }
  }
}

const isNode = (part: string): boolean => nodes.some((name) => name === part);

const startNotice = (stays: boolean): string =>
  `there is no local cluster: starting it, and ${stays ? 'leaving it up at the end' : 'removing it at the end'}`;

async function demonstrate(plan: Plan, stays: boolean): Promise<number> {
  try {
    const results = await runPlan(plan, interrupted.signal);
    return report(plan, results, stays);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    const removal = `kubectl -n ${NAMESPACE} delete trials --field-selector spec.run=${plan.run}`;
    print(
      `stopped. Files so far are in s3://${s3.bucket}/trials/${plan.run}/${stays ? `; remove the objects: ${removal}` : ''}`,
    );
    return INTERRUPTED;
  }
}

function report(plan: Plan, results: Result[], stays: boolean): number {
  print(`\n${resultTable(results)}\n${resultPlaces(results, paths.root)}\n\n${next(plan, results, stays)}`);
  const wrong = disappointments(results);
  for (const line of wrong) print(`\nNOT AS IT SHOULD BE: ${line}`);
  return wrong.length === 0 ? 0 : 1;
}

function next({ run }: Plan, results: Result[], stays: boolean): string {
  const lines = ['Where to look next:', `  jobs/${run}/  result.json, agent/, verifier/ of every Trial`];
  if (!stays)
    lines.push(
      '  npm run cluster:up  brings the cluster and, from the volume sb-s3, the bucket back: log URLs work then',
    );
  else lines.push(...commands(run, results), '  npm run cluster:down  removes the cluster');
  return lines.join('\n');
}

function commands(run: string, results: Result[]): string[] {
  const [first] = results;
  const ran = results.find(({ trial }) => trial.status?.podName !== undefined);
  const kubectl = `  kubectl -n ${NAMESPACE}`;
  return [
    `  export KUBECONFIG=${paths.kubeconfig} PATH=${paths.bin}:$PATH`,
    `${kubectl} get trials -l sb.abundant.ai/run=${run}`,
    ...(first ? [`${kubectl} describe trial ${first.trial.metadata.name}`] : []),
    ...(ran ? [`${kubectl} logs job/${ran.trial.status?.jobName} -c task`] : []),
  ];
}

function explain(error: unknown): number {
  if (error instanceof UsageError) return error.exitCode;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof BadTasks) return 2;
  process.stderr.write(`(the log of the cluster is in ${paths.log})\n`);
  return 1;
}

process.exit(await main().catch(explain));
