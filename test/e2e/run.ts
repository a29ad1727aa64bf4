/** `npm run test:e2e [-- pattern…]`: the stories on the real cluster; patterns choose files by name, or tests by title. */
import { main, runSuite } from '../suites.ts';

const patterns = process.argv.slice(2);

await main([() => runSuite('e2e', patterns)]);
