/**
 * `npm run test:e2e [-- pattern…]`: the stories on the real cluster; patterns choose files by name, or tests by title. `npm run test:extended`:
 * those that take longer, which `npm test` leaves out, and without patterns all attacks.
 */
import { main, runSuite, withCluster } from '../suites.ts';
import { canInstall } from '../support/can-install.ts';
import { installPackages } from './cluster/machine/packages.ts';

const [suite, ...patterns] = process.argv.slice(2);

// Without it the stories in a terminal are skipped.
if (canInstall()) await installPackages(['tmux']);

const attacks = () => {
  process.env['SB_THOROUGH'] = '1';
  return runSuite('attacks');
};
const stories = () => withCluster(() => runSuite(suite === 'extended' ? 'extended' : 'e2e', { patterns }));
await main(suite === 'extended' && patterns.length === 0 ? [attacks, stories] : [stories]);
