/**
 * Turns what Harbor itself makes of the rules' tasks into `harbor.json`, which `docs/conformance.md` shows beside ours. No test needs Harbor.
 *
 * To repeat it on a machine with Harbor, Docker, and `debian:bookworm-slim` in Docker:
 *
 * 1. `node test/conformance/tasks/write.ts tasks`
 * 2. With both agents, each task in a job of its own, since one that cannot run ends the others of its job:
 *    `for task in $(ls tasks); do harbor run -p tasks/$task -a oracle -o results/oracle --job-name $task -n 1 -q -y > results/oracle/$task.log 2>&1; done`
 * 3. `node test/conformance/tasks/harbor.ts results <version of Harbor>`, then
 *    `prettier --write test/conformance/tasks/harbor.json` and `npm run generate`
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { wrongFiles } from './compare.ts';
import { RULES } from './index.ts';
import { AGENTS } from './rule.ts';
import type { AgentName, HarborResult, HarborResults, Rule } from './rule.ts';

/** Of the log of a job that ended without a Trial, where Docker lacks the image that Harbor enforces networks with. */
const NO_NETWORK_POLICIES = /network/;

interface Failing {
  exception_info: { exception_type: string } | null;
}

interface TrialResult extends Failing {
  verifier_result: { rewards: Record<string, number> | null } | null;
  step_results: (Failing & { step_name: string })[] | null;
}

function resultsIn(folder: string): HarborResults['tasks'] {
  const found = (rule: Rule): [AgentName, HarborResult][] =>
    AGENTS.filter((agent) => rule[agent]).map((agent) => [agent, resultOf(rule, join(folder, agent))]);
  return Object.fromEntries(RULES.map((rule) => [rule.task, Object.fromEntries(found(rule))]));
}

/** `folder` holds the jobs of one agent. */
function resultOf(rule: Rule, folder: string): HarborResult {
  const [result] = globSync(join(folder, rule.task, '*/result.json'));
  if (result === undefined) return withoutTrial(readFileSync(join(folder, `${rule.task}.log`), 'utf8'));
  const { verifier_result, exception_info, step_results } = JSON.parse(
    readFileSync(result, 'utf8'),
  ) as TrialResult;
  const files = wrongFiles(rule.results ?? {}, filesOf(rule, dirname(result))).map(({ path }) => path);
  const steps = (step_results ?? []).flatMap(({ step_name, exception_info: info }) =>
    info ? [[step_name, info.exception_type]] : [],
  );
  return {
    ...(verifier_result?.rewards && { rewards: verifier_result.rewards }),
    ...(exception_info && { exception: exception_info.exception_type }),
    ...(steps.length > 0 && { steps: Object.fromEntries(steps) as Record<string, string> }),
    ...(files.length > 0 && { files }),
  };
}

function withoutTrial(log: string): HarborResult {
  if (!NO_NETWORK_POLICIES.test(log)) throw new Error(`a job without a Trial:\n${log}`);
  return 'not run here';
}

/** Contents by our paths. Harbor calls our output/ artifacts/, and has the container's /logs/artifacts in it under its whole path. */
const filesOf = ({ results = {} }: Rule, trial: string): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.keys(results).map((path) => {
      const places = ['artifacts/', 'artifacts/logs/artifacts/'].map((place) =>
        join(trial, path.replace(/(^|\/)output\//, `$1${place}`)),
      );
      const found = places.find((place) => existsSync(place));
      return [path, found === undefined ? undefined : readFileSync(found, 'utf8')];
    }),
  );

const [folder, version] = process.argv.slice(2);
if (folder === undefined || version === undefined)
  throw new Error('expected the folder of Harbor’s results and its version');
const harbor: HarborResults = { version, tasks: resultsIn(folder) };
writeFileSync(join(import.meta.dirname, 'harbor.json'), JSON.stringify(harbor));
