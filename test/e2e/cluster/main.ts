import { parseArgs } from 'node:util';
import { down } from './down.ts';
import { paths } from './machine/paths.ts';
import { say } from './machine/progress.ts';
import { isHealthy, status, table } from './status.ts';
import { up } from './up.ts';

const usage = 'usage: main.ts up | down [--purge] | status\n';

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { purge: { type: 'boolean', default: false } },
  });
  switch (positionals[0]) {
    case 'up':
      await up();
      say(`the local cluster is up: export KUBECONFIG=${paths.kubeconfig}`);
      return 0;
    case 'down':
      await down(values);
      return 0;
    case 'status': {
      const parts = await status();
      process.stdout.write(`${table(parts)}\n`);
      return isHealthy(parts) ? 0 : 1;
    }
    default:
      process.stderr.write(usage);
      return 2;
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n(the whole log is in ${paths.log})\n`);
  process.exit(1);
}
