/** `npm test`: unit tests, then every story on the real cluster. Checks that were made before are counted with `--passed N` and `--failed NAME` each. */
import { parseArgs } from 'node:util';
import { installPackages } from './e2e/cluster/machine/packages.ts';
import { main, runSuite, runUnitSuites, withCluster } from './suites.ts';
import { canInstall } from './support/can-install.ts';

const { values } = parseArgs({
  options: {
    passed: { type: 'string', default: '0' },
    failed: { type: 'string', multiple: true, default: [] },
  },
});
const before = { passed: Number(values.passed), failed: values.failed, skipped: 0 };

// Without them the courier's tests in a container of their own, those in a terminal, in other shells and in Lua are skipped.
if (canInstall()) await installPackages(['busybox-static', 'tmux', 'zsh', 'fish', 'lua5.1']);
// Not before: a cluster with nothing to do takes time from the unit tests, too.
await main([runUnitSuites, () => withCluster(() => runSuite('e2e'))], [before]);
