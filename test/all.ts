/** `npm test`: unit tests, then every story on the real cluster. With `--checks` also all that holds of the sources, which is looked at beside them. */
import { parseArgs } from 'node:util';
import { checkFuzzTargets, checkSources } from './checks.ts';
import { installPackages } from './e2e/cluster/machine/packages.ts';
import { main, runSuite, withCluster } from './suites.ts';
import { canInstall } from './support/can-install.ts';
import { sum, type Totals } from './support/totals.ts';

const { values } = parseArgs({ options: { checks: { type: 'boolean', default: false } } });

// Without them the courier's tests in a container of their own, those in a terminal, in other shells and in Lua are skipped.
const FOR_TESTS = ['busybox-static', 'tmux', 'zsh', 'fish', 'lua5.1'];
// Here, because only one may install at a time.
const FOR_CHECKS = ['gcc', 'libc6-dev'];

if (canInstall()) await installPackages([...FOR_TESTS, ...(values.checks ? FOR_CHECKS : [])]);

/** What goes on beside the tests. */
const beside: Promise<Totals>[] = [];
function begin(running: Promise<Totals>): void {
  // Whoever waits for it in the end is told; until then nobody has to be.
  running.catch(() => {});
  beside.push(running);
}

const unit = () => {
  if (values.checks) begin(checkSources());
  return runSuite('unit');
};
/** Stories that take the operator away, or the cluster apart, leave half of the machine idle. */
const onIdle = (): void => {
  begin(runSuite('kills', { beside: true }));
  if (values.checks) begin(checkFuzzTargets());
};
// Not before: a cluster with nothing to do takes time from the unit tests, too.
const stories = () => withCluster(() => runSuite('e2e', { onIdle }));

await main([unit, stories, async () => sum(await Promise.all(beside))]);
