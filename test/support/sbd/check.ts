/** `npm run test:sbd [tests | fuzz]`: format, vet and tests with the race detector; some inputs of every fuzz target; by default both. */
import { installPackages } from '../../e2e/cluster/machine/packages.ts';
import { canInstall } from '../can-install.ts';
import { findGo, type Go } from './go.ts';

/** Inputs for each fuzz target: some seconds. By count and not by time, at whose end `go test` may fail though no input did. Interesting inputs stay as they are: to minimize one may take a minute. */
const FUZZ = ['-fuzztime', '100000x', '-fuzzminimizetime', '0x'];

async function formatted(go: Go): Promise<void> {
  const files = (await go.run(['gofmt', '-l', '.'])).trim();
  if (files !== '') throw new Error(`gofmt would change these; run gofmt -w sbd:\n${files}`);
}

// The race detector is the one part of Go that needs a C compiler.
async function tested(go: Go): Promise<void> {
  await go.run(['go', 'test', '-race', './...'], { env: { CGO_ENABLED: '1' }, shown: true });
}

async function fuzzed(go: Go): Promise<void> {
  const listed = await go.run(['go', 'test', '-list', '^Fuzz', '.']);
  for (const target of listed.split('\n').filter((line) => line.startsWith('Fuzz')))
    await go.run(['go', 'test', '-run', '^$', '-fuzz', `^${target}$`, ...FUZZ, '.'], { shown: true });
}

const [part] = process.argv.slice(2);
if (canInstall()) await installPackages(['gcc', 'libc6-dev']);
const go = findGo();
if (part !== 'fuzz') {
  await formatted(go);
  await go.run(['go', 'vet', './...'], { shown: true });
  await tested(go);
}
if (part !== 'tests') await fuzzed(go);
