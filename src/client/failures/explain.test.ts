import { expect } from 'chai';
import { ApiError } from '../../kube/errors.ts';
import { ProviderError } from '../../providers/errors.ts';
import { recordedTerminal } from '../../../test/support/terminal/recorded.ts';
import { CliError } from './error.ts';
import { explain } from './explain.ts';
import { printFailure } from '../../cli/render/failure.ts';

const api = (status: number, message: string): CliError =>
  explain(new ApiError({ status, reason: 'X', message: `GET /api: ${message}` }));
const named = (name: string): Error => Object.assign(new Error('no credentials'), { name });
const system = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'open', path: '/x' });

describe('A failure', () => {
  it('has a code wherever it comes from', () => {
    const codes = [
      api(0, 'connect ECONNREFUSED'),
      api(401, 'Unauthorized'),
      api(403, 'exceeded quota: trials, requested: count/trials=1'),
      api(422, 'Invalid value'),
      explain(new ProviderError('AccessDenied', 'put')),
      explain(new ProviderError('NotFound', 'no such bucket')),
      explain(new ProviderError('Unavailable', 'put', { cause: named('CredentialsProviderError') })),
      explain(system('ENOSPC')),
      explain(system('ENOENT')),
      explain(system('EEXIST')),
      explain(new TypeError('oh')),
      explain('oh'),
    ].map(({ code }) => code.slice(-2));
    expect(codes).to.deep.equal(['04', '05', '17', '16', '11', '10', '12', '15', '13', '13', '99', '99']);
  });

  it('says in a cluster-wide 403 how the right is given in the whole cluster', () => {
    const { what, fix } = api(
      403,
      'User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    expect(what).to.equal('you may not list nodes');
    expect(fix).to.include('kubectl create clusterrole sb-list-nodes --verb=list --resource=nodes\n');
  });

  it('says of a write that the store refuses who may do it instead', () => {
    const fixOf = (message: string) => explain(new ProviderError('AccessDenied', message)).fix;
    expect(fixOf('put s3://b/tasks/local/x/metadata.json: Access Denied')).to.match(
      /^as a researcher, .*-n <name>/,
    );
    expect(fixOf('put s3://b/tasks/researchers/bob/x: Access Denied')).to.match(
      /^use the namespace of your own/,
    );
    for (const place of ['jobs/run/result.json', 'indexes/tasks/x/1.json'])
      expect(fixOf(`put s3://b/${place}: Access Denied`)).to.match(/^have an administrator run this/);
    for (const other of ['get s3://b/tasks/local/x', 'put s3://b/other'])
      expect(fixOf(`${other}: Access Denied`)).to.match(/^aws sts get-caller-identity/);
  });

  it('names paths so that a shell takes them as they are', () => {
    expect(explain(Object.assign(system('ENOENT'), { path: "/it's here" })).fix).to.equal(
      "ls -ld '/it'\\''s here'",
    );
  });

  it('is four lines, the last its code with its page', () => {
    const terminal = recordedTerminal();
    printFailure(terminal, new CliError('SB-E014', { what: 'a', why: 'b', fix: 'c' }), { debug: false });
    expect(terminal.stderr).to.equal(
      'error: a\ncause: b\nfix:   c\ncode:  SB-E014 (docs/errors/SB-E014.md)\n',
    );
    expect(terminal.stdout).to.equal('');
  });

  it('lets nothing from outside act on the terminal, and indents what has more lines', () => {
    const terminal = recordedTerminal();
    const failure = new CliError('SB-E014', { what: 'a\x1b[2J', why: 'b\nc\x07', fix: 'd\u202e' });
    printFailure(terminal, failure, { debug: false });
    expect(terminal.stderr.split('code:')[0]).to.equal(
      'error: a\ncause: b\n       c\\x07\nfix:   d\\u{202e}\n',
    );
  });

  it('shows what is behind it when it is asked to', () => {
    const terminal = recordedTerminal();
    const cause = new Error('outer', { cause: new Error('inner') });
    printFailure(terminal, new CliError('SB-E099', { what: 'a', why: 'b', fix: 'c', cause }), {
      debug: true,
    });
    expect(terminal.stderr).to.include('Error: outer').and.to.include('caused by: Error: inner');
  });

  it('has its colours only where they are wanted', () => {
    const terminal = recordedTerminal({ color: true });
    printFailure(terminal, new CliError('SB-E014', { what: 'a', why: 'b', fix: 'c' }), { debug: false });
    expect(terminal.stderr.startsWith('\x1b[31merror:\x1b[39m a\n')).to.equal(true);
  });
});
