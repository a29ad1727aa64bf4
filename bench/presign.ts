/** What signing URLs costs the broker: a courier asks for them in batches, and each is work for the processor. No server is asked. */
import { s3ArtifactStore } from '../src/providers/artifact-store/s3.ts';
import { atMost, type Bench } from './support/bench.ts';
import { ms, percentile } from './support/figures.ts';

const BATCH = 500;
const ROUNDS = 20;
const TARGET_MS = 500;

export const presign: Bench = {
  needs: 'nothing',
  async run() {
    const store = s3ArtifactStore({
      bucket: 'bench',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    });
    const file = { size: 1, sha256: '0'.repeat(64) };
    const samples: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: BATCH }, (_, i) => store.presignPut(`up/${i}`, file, 300)));
      const { user, system } = process.cpuUsage(before);
      samples.push((user + system) / 1000);
    }
    return {
      figures: [
        atMost(`presign ${BATCH} uploads, processor time, p50`, percentile(samples, 0.5), {
          is: TARGET_MS,
          say: ms,
        }),
      ],
      raw: { samples },
    };
  },
};
