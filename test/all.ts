/** `npm test`: unit tests, then every story on the real cluster. With `--checks` also all that holds of the sources, which is looked at beside the unit tests. */
import { parseArgs } from 'node:util';
import { checkGenerated, checkSources } from './checks.ts';
import { installPackages } from './e2e/cluster/machine/packages.ts';
import { main, runSuite, withCluster } from './suites.ts';
import { canInstall } from './support/can-install.ts';
import { sum } from './support/totals.ts';

const { values } = parseArgs({ options: { checks: { type: 'boolean', default: false } } });

// Without them the courier's tests in a container of their own, those in a terminal, in other shells and in Lua are skipped.
const FOR_TESTS = ['busybox-static', 'tmux', 'zsh', 'fish', 'lua5.1'];
// Here, because only one may install at a time.
const FOR_CHECKS = ['gcc', 'libc6-dev'];

const unit = () => runSuite('unit');
const unitAndSources = async () => sum(await Promise.all([checkSources(), unit()]));

if (canInstall()) await installPackages([...FOR_TESTS, ...(values.checks ? FOR_CHECKS : [])]);
// The stories not before: a cluster with nothing to do takes time from the unit tests, too.
await main([
  ...(values.checks ? [checkGenerated, unitAndSources] : [unit]),
  () => withCluster(() => runSuite('e2e')),
]);
