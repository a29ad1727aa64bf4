/** promtool for tests: what Prometheus itself says of rules, queries and metrics. */
import { ensurePrometheus } from '../e2e/cluster/index.ts';
import { findProgram, skipWithout } from './programs.ts';

/** Path of promtool, fetched where it is missing; marks the test as pending where it cannot be had. */
export async function promtool(context: Mocha.Context): Promise<string> {
  if (findProgram('promtool') === undefined)
    await ensurePrometheus().catch((error: Error) => process.stderr.write(`      ${error.message}\n`));
  return findProgram('promtool') ?? skipWithout('promtool', context);
}
