import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../test/support/any-character.ts';
import { UPLOAD_BATCH } from '../wire/uploads.ts';
import { identityOf } from '../crds/names.ts';
import { appliedKey, trialPrefix } from '../results/keys.ts';
import { isRefused } from './refusal.ts';
import { trialWith } from '../../test/support/broker/objects.ts';
import { uploadsOf } from './uploads.ts';

const trial = trialWith();
const prefix = 'trials/run-1/solve__0a1b2c3/';
const file = (path: string, size = 1) => ({ path, size, sha256: 'a'.repeat(64) });
const outcome = (files: unknown) => {
  const found = uploadsOf(trial, { files });
  return isRefused(found) ? `${found.status} ${found.reason}` : found.map(({ key }) => key);
};

describe('uploads', () => {
  it('go under the Trial’s own prefix', () => {
    expect(trialPrefix(trial)).to.equal(prefix);
    const paths = [
      'agent/oracle.txt',
      'verifier/reward.json',
      'output/logs/a b/ä.txt',
      'manifest.json',
      'outcome.json',
      'trial.log',
    ];
    expect(outcome(paths.map((path) => file(path)))).to.deep.equal(paths.map((path) => prefix + path));
  });

  it('never touch what is the operator’s, or lies elsewhere', () => {
    for (const path of ['result.json', 'config.json', 'agent', 'other/a', 'Agent/a', 'manifest.json/a', ''])
      expect(outcome([file(path)]), path).to.equal('403 PathRefused');
  });

  it('never leave the prefix', () => {
    for (const path of [
      '../x',
      'agent/../../x',
      'agent/..',
      'agent/./x',
      '/agent/x',
      'agent//x',
      'agent/',
      'agent\\..\\x',
      'agent/x\0',
      'agent/x\n',
      'agent/x\u007f',
      'agent/x\u0085',
      'agent/\ud800',
      'agent/.sgwtmp/x',
      'output/.sgwtmp',
      'output/x\uffff',
    ])
      expect(outcome([file(path)]), JSON.stringify(path)).to.equal('403 PathRefused');
  });

  it('forge no outcome that the Trial could take over when it comes again', () => {
    const { namespace, name } = identityOf(trial);
    const key = appliedKey({ namespace, name, hash: 'a'.repeat(64) });
    for (const path of [
      key,
      `/${key}`,
      `../../../${key}`,
      `agent/../../../../${key}`,
      `output/../../../${key}`,
    ])
      expect(outcome([file(path)]), path).to.equal('403 PathRefused');
    // Whoever may write a status gains no other folder by it.
    const adopted = { trial: 'other__7654321', uid: 'other', finishedAt: '2026-01-01T00:00:00Z' };
    const files = [file('agent/x')];
    const found = uploadsOf({ ...trial, status: { ...trial.status, adopted } }, { files });
    expect(found).to.deep.equal([{ key: `${prefix}agent/x`, size: 1, sha256: 'a'.repeat(64) }]);
  });

  it('are plain keys under allowed folders, whatever is asked for', () => {
    const segment = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        'agent',
        'verifier',
        'output',
        'manifest.json',
        '%2e%2e',
        '..\\',
        '\u2024\u2024',
      ),
      fc.string({ unit: anyCharacter, maxLength: 6 }),
    );
    const path = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join('/'));
    fc.assert(
      fc.property(path, (asked) => {
        const found = uploadsOf(trial, { files: [file(asked)] });
        if (isRefused(found)) return;
        const key = found[0]?.key ?? '';
        const inBrowser = decodeURI(new URL(`http://s3/${encodeURI(key)}`).pathname);
        expect(key.startsWith(prefix)).to.equal(true);
        expect(inBrowser.startsWith(`/${prefix}`), inBrowser).to.equal(true);
        expect(key.slice(prefix.length)).to.match(
          /^((agent|verifier|output)\/.+|(manifest|outcome)\.json|trial\.log)$/s,
        );
        expect(key.split('/')).to.not.include.members(['..']).and.not.include('.').and.not.include('');
      }),
      { numRuns: 2000 },
    );
  });

  it('have keys of at most 1,024 bytes', () => {
    const longest = 1024 - Buffer.byteLength(`${prefix}agent/`);
    expect(outcome([file(`agent/${'x'.repeat(longest)}`)])).to.be.an('array');
    expect(outcome([file(`agent/${'x'.repeat(longest + 1)}`)])).to.equal('403 PathRefused');
    expect(outcome([file(`agent/${'ä'.repeat(longest)}`)])).to.equal('403 PathRefused');
  });

  it('are limited in number and size', () => {
    const many = Array.from({ length: UPLOAD_BATCH + 1 }, (_, i) => file(`agent/${i}`));
    expect(outcome(many.slice(1))).to.have.length(UPLOAD_BATCH);
    expect(outcome(many)).to.equal('413 TooLarge');
    expect(outcome([file('agent/core', 2 * 1024 ** 3)])).to.be.an('array');
    expect(outcome([file('agent/core', 2 * 1024 ** 3 + 1)])).to.equal('413 TooLarge');
    expect(outcome([file('manifest.json', 24 * 1024 ** 2 + 1)])).to.equal('413 TooLarge');
    expect(outcome([file('outcome.json', 16 * 1024)])).to.be.an('array');
    expect(outcome([file('outcome.json', 16 * 1024 + 1)])).to.equal('413 TooLarge');
  });

  it('may lie below a step, whose name is one that a step may have', () => {
    const taken = ['steps/one/agent/a', 'steps/zwei Schritte/verifier/b/c', 'steps/agent/output/d'];
    expect(outcome(taken.map((path) => file(path)))).to.have.length(3);
    for (const path of [
      'steps/one',
      'steps/one/agent',
      'steps/one/trial.log',
      'steps/one/other/a',
      'steps/a:b/agent/a',
      'steps/nul/agent/a',
      'steps/dot./agent/a',
      `steps/${'x'.repeat(256)}/agent/a`,
      'steps/../agent/a',
    ])
      expect(outcome([file(path)]), path).to.equal('403 PathRefused');
  });

  it('are refused as a whole where one file is not right', () => {
    expect(outcome([file('agent/a'), file('../b')])).to.equal('403 PathRefused');
  });

  it('are refused where the request is not one', () => {
    const good = file('agent/a');
    for (const files of [
      undefined,
      {},
      'agent/a',
      [null],
      [good.path],
      [{ ...good, size: -1 }],
      [{ ...good, size: 1.5 }],
      [{ ...good, size: '1' }],
      [{ ...good, sha256: 'A'.repeat(64) }],
      [{ ...good, sha256: 'a' }],
      [{ ...good, path: 1 }],
    ])
      expect(outcome(files), JSON.stringify(files)).to.equal('400 BadRequest');
    expect(uploadsOf(trial, null)).to.include({ status: 400 });
  });
});
