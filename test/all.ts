/** `npm test`: unit tests, then every story on the real cluster. With `--checks` also all that holds of the sources, which is looked at beside them. */
import { parseArgs } from 'node:util';
import { checkGenerated, checkSources } from './checks.ts';
import { installPackages } from './e2e/cluster/machine/packages.ts';
import { main, runSuite, withCluster } from './suites.ts';
import { canInstall } from './support/can-install.ts';
import type { Totals } from './support/totals.ts';

const { values } = parseArgs({ options: { checks: { type: 'boolean', default: false } } });

// Without them the courier's tests in a container of their own, those in a terminal, in other shells and in Lua are skipped.
const FOR_TESTS = ['busybox-static', 'tmux', 'zsh', 'fish', 'lua5.1'];
// Here, because only one may install at a time.
const FOR_CHECKS = ['gcc', 'libc6-dev'];

if (canInstall()) await installPackages([...FOR_TESTS, ...(values.checks ? FOR_CHECKS : [])]);
const unit = () => runSuite('unit');
// Not before: a cluster with nothing to do takes time from the unit tests, too.
const stories = () => withCluster(() => runSuite('e2e'));

let sources: Promise<Totals>;
const unitBesideSources = () => {
  sources = checkSources();
  // Whoever waits for them in the end is told; until then nobody has to be.
  sources.catch(() => {});
  return unit();
};

await main(values.checks ? [checkGenerated, unitBesideSources, stories, () => sources] : [unit, stories]);
