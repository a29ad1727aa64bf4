import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { useScriptedServer } from '../../../test/support/http.ts';
import type { UploadFile } from '../../wire/uploads.ts';
import { DIRECTLY, HttpFailure } from '../broker/http.ts';
import { scrubber } from '../record/scrub.ts';
import { collectLogs } from './collect.ts';
import { uploadFiles } from './upload.ts';

describe('files that are stored', () => {
  const store = useScriptedServer();
  const logs = mkdtempSync(join(tmpdir(), 'sb-logs-'));
  before(() => {
    mkdirSync(join(logs, 'artifacts'));
    for (let index = 0; index < 40; index += 1) writeFileSync(join(logs, 'artifacts', `${index}`), 'x');
  });
  after(() => rmSync(logs, { recursive: true }));

  it('are not stored with grants from before the courier was frozen for a minute', async () => {
    let now = 0;
    let asked = 0;
    const uploads = async (files: UploadFile[]) => {
      asked += 1;
      if (asked > 1) throw new HttpFailure(403, 'the attempt has ended');
      return files.map(({ path }) => ({ url: `${store.base}/${path}`, headers: {} }));
    };
    store.handle = (_request, response) => {
      now = 60_000;
      response.end();
    };
    const patience = { totalMs: 1000, note: () => {} };
    const storesOwn = () => Promise.reject(new Error('nothing is refused'));
    const { files } = collectLogs({ agent: logs });
    const options = {
      broker: { uploads },
      storage: DIRECTLY,
      patience,
      clock: () => now,
      storesOwn,
      scrub: scrubber([]),
    };
    const uploading = uploadFiles(files, options);
    expect(await uploading.catch((error: Error) => error.message)).to.equal('the attempt has ended');
    // Those that were on their way when it froze.
    expect(store.seen.length).to.be.within(1, 16);
  });

  it('are not stored to their end after the courier was halted in the middle of one', async () => {
    const large = mkdtempSync(join(tmpdir(), 'sb-logs-'));
    mkdirSync(join(large, 'artifacts'));
    writeFileSync(join(large, 'artifacts', 'large'), Buffer.alloc(64 * 2 ** 20));
    let now = 0;
    let asked = 0;
    const uploads = async (files: UploadFile[]) => {
      asked += 1;
      if (asked > 1) throw new HttpFailure(403, 'the attempt has ended');
      return files.map(({ path }) => ({ url: `${store.base}/${path}`, headers: {} }));
    };
    const ended = Promise.withResolvers<boolean>();
    store.handle = (request) => {
      request.once('data', () => {
        request.pause();
        now = 61_000;
        setTimeout(() => request.resume(), 100);
      });
      request.once('close', () => ended.resolve(request.complete));
    };
    const patience = { totalMs: 1000, note: () => {} };
    const storesOwn = () => Promise.reject(new Error('nothing is refused'));
    const { files } = collectLogs({ agent: large });
    const options = {
      broker: { uploads },
      storage: DIRECTLY,
      patience,
      clock: () => now,
      storesOwn,
      scrub: scrubber([]),
    };
    const uploading = uploadFiles(files, options);
    expect(await uploading.catch((error: Error) => error.message)).to.equal('the attempt has ended');
    expect(await ended.promise).to.equal(false);
    rmSync(large, { recursive: true });
  });
});
