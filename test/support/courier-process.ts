/** The courier as a process of its own, with its paths and the port of its door as arguments: they are fixed in a real Pod. */
import type { Settings } from '../../src/courier/settings.ts';
import { runTrial } from '../../src/courier/trial.ts';

/** Without settings it has loaded what it begins with, and ends: so it is compiled, as the image's is. */
async function main([settings, entryPort]: string[]): Promise<void> {
  if (settings === undefined) return;
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  await runTrial({
    settings: JSON.parse(settings) as Settings,
    stop: stop.signal,
    now: () => new Date(),
    write: (line) => void process.stdout.write(line),
    entryPort: Number(entryPort),
  });
  process.exit(0);
}

void main(process.argv.slice(2));
