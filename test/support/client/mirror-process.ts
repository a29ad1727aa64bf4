/** Mirrors one Trial, as a process of its own, to be killed in the middle: node mirror-process.ts <endpoint> <bucket> <prefix> <folder>. */
import { s3ArtifactStore } from '../../../src/providers/artifact-store/s3.ts';
import { VERSITYGW } from '../versitygw.ts';
import { startMirror } from '../../../src/client/runs/mirror/mirror.ts';

const [endpoint = '', bucket = '', prefix = '', folder = ''] = process.argv.slice(2);
const { region, ...credentials } = VERSITYGW;
const store = s3ArtifactStore({ bucket, region, endpoint, credentials });
const mirror = startMirror({
  store,
  run: 'killed',
  folder,
  now: () => new Date(),
  signal: new AbortController().signal,
});
mirror.add({ trialName: prefix.split('/').at(-2) ?? '', prefix });
await mirror.finish();
