import { expect } from 'chai';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { rewarded } from '../../test/support/builders/run-trials.ts';
import { recordOf, type TrialRecord } from './record.ts';
import {
  emptyManifest,
  extended,
  IndexBroken,
  packShards,
  readIndexManifest,
  readShard,
  SHARD_MAX_BYTES,
  SHARD_MAX_RECORDS,
} from './run-index.ts';

const [first] = [rewarded(1)].flatMap((trial) => recordOf(trial) ?? []);
const record = (number: number): TrialRecord => ({ ...first!, trial_name: `t-${number}__0000000` });
const records = (count: number, from = 0): TrialRecord[] =>
  Array.from({ length: count }, (_, index) => record(from + index));

describe('Index of a run', () => {
  it('has every record once and in order, however they came, in few shards', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }), (batches) => {
        let [manifest, tail, count] = [emptyManifest('run', 'default'), [] as TrialRecord[], 0];
        const stored = new Map<string, Uint8Array>();
        for (const [index, batch] of batches.entries()) {
          const complete = index === batches.length - 1;
          const next = extended(manifest, { tail, fresh: records(batch, count), complete });
          for (const { shard, body } of next.stored) stored.set(shard.name, body);
          [manifest, tail, count] = [next.manifest, next.tail, count + batch];
          expect(tail.length).to.be.at.most(SHARD_MAX_RECORDS);
        }
        const all = manifest.shards.flatMap((shard) => readShard(stored.get(shard.name)!, shard));
        expect(all.map(({ trial_name }) => trial_name)).to.deep.equal(
          records(count).map(({ trial_name }) => trial_name),
        );
        expect(manifest.records).to.equal(count);
        expect(manifest.shards.length).to.be.at.most(Math.ceil(count / 1000) + 1);
        const bytes = Buffer.from(JSON.stringify(manifest));
        expect(readIndexManifest(bytes, 'manifest.json')).to.deep.equal(manifest);
      }),
      { numRuns: 20 },
    );
  }).timeout(60_000);

  it('keeps a shard within its limits, whatever the records hold', () => {
    const noise = (): string => randomBytes(500).toString('base64');
    const large = records(1200).map((one) => ({ ...one, reason: noise() }));
    const shards = packShards(large, 7);
    for (const { shard, body } of shards) {
      expect(body.length).to.equal(shard.bytes).and.to.be.at.most(SHARD_MAX_BYTES);
      expect(shard.records).to.be.at.most(SHARD_MAX_RECORDS);
    }
    expect(shards.map(({ shard }) => shard.sealed)).to.deep.equal([true, true, true, false]);
    expect(shards[0]?.shard.name).to.match(/^0000007-/);
    expect(shards.flatMap(({ shard, body }) => readShard(body, shard))).to.deep.equal(large);
  });

  it('is named by its contents alone, so that two writers cannot differ', () => {
    const [one, other] = [packShards(records(3), 0), packShards(records(3), 0)];
    expect(one[0]?.shard).to.deep.equal(other[0]?.shard);
  });

  describe('is not believed', () => {
    const [{ shard, body } = { shard: undefined, body: undefined }] = packShards(records(3), 0);
    const forged: Record<string, Uint8Array> = {
      'where a shard has other records': packShards(records(3, 1), 0)[0]!.body,
      'where a shard is cut': body!.subarray(0, 40),
      'where a shard is no archive': Buffer.from('{}\n'),
      'where a small shard is a large one unpacked': gzipSync(Buffer.alloc(64 * 2 ** 20)),
    };
    for (const [where, bytes] of Object.entries(forged))
      it(where, () => expect(() => readShard(bytes, shard!)).to.throw(IndexBroken));

    it('where the manifest is none', () => {
      for (const text of ['', 'null', '[]', '{"shards":[]}', '{"schema_version":1,"run":"x","namespace":7}'])
        expect(() => readIndexManifest(Buffer.from(text), 'k'), text).to.throw(IndexBroken);
    });
  });
});
