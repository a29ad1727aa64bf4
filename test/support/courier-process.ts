/** The courier as a process of its own, with its paths as an argument: they are fixed in a real Pod. */
import type { Settings } from '../../src/courier/settings.ts';
import { runTrial } from '../../src/courier/trial.ts';

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
await runTrial({
  settings,
  stop: stop.signal,
  now: () => new Date(),
  write: (line) => void process.stdout.write(line),
});
process.exit(0);
