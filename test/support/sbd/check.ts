/** `npm run test:sbd`: format, vet, tests with the race detector, and a few seconds of every fuzz target. */
import { installPackages } from '../../e2e/cluster/machine/packages.ts';
import { canInstall } from '../can-install.ts';
import { findGo, type Go } from './go.ts';

/** For all fuzz targets together, and for one of them at most. */
const FUZZ_SECONDS = { all: 24, one: 10 };

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
  const targets = listed.split('\n').filter((line) => line.startsWith('Fuzz'));
  const seconds = Math.min(FUZZ_SECONDS.one, Math.ceil(FUZZ_SECONDS.all / targets.length));
  for (const target of targets) {
    const limits = ['-fuzztime', `${seconds}s`, '-fuzzminimizetime', '5s'];
    await go.run(['go', 'test', '-run', '^$', '-fuzz', `^${target}$`, ...limits, '.'], { shown: true });
  }
}

if (canInstall()) await installPackages(['gcc', 'libc6-dev']);
const go = findGo();
await formatted(go);
await go.run(['go', 'vet', './...'], { shown: true });
await tested(go);
await fuzzed(go);
