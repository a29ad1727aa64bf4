import { expect } from 'chai';
import { rewarded } from '../../../../test/support/builders/run-trials.ts';
import { failedDownload } from './gather.ts';
import { explainTrial } from './explain.ts';

const LINES = [
  'curl: (6) Could not resolve host: astral.sh',
  'wget: bad address ‘example.com’',
  'wget: unable to resolve host address ‘example.com’',
  'E: Failed to fetch http://deb.debian.org/debian/pool/x.deb  Could not connect',
  "W: Failed to fetch http://deb.debian.org/InRelease  Temporary failure resolving 'deb.debian.org'",
  'WARNING: Retrying after connection broken by NewConnectionError(…): /simple/pytest/',
  '  Caused by: error sending request for url (https://pypi.org/simple/pytest/)',
  'npm error request to https://registry.npmjs.org/x failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org',
  'go: proxyconnect tcp: dial tcp: lookup proxy.golang.org: no such host',
];

describe('Tests that could not download', () => {
  it('are known by what curl, wget, apt, pip, uv, npm and go print', () => {
    for (const line of LINES) expect(failedDownload(['ok', line, 'FAILED']), line).to.equal(line.trim());
  });

  it('are not those that only speak of it', () => {
    for (const line of [
      '1 failed, 2 passed',
      'curl: (22) The requested URL returned error: 404',
      'resolved host',
    ])
      expect(failedDownload([line]), line).to.equal(undefined);
    expect(failedDownload([`${'x'.repeat(600)} curl: (6)`])).to.equal(undefined);
  });

  it('are told of by an explanation, with the line', () => {
    const download = LINES[0] ?? '';
    const evidence = { trial: rewarded(0), events: [], unread: [], now: new Date() };
    const { why, next } = explainTrial({ ...evidence, download });
    expect(why.join('\n')).to.include('could not download').and.include(download);
    expect(next.join('\n')).to.include('--phase verifier');
    expect(explainTrial(evidence).why.join('\n')).to.not.include('download');
  });
});
