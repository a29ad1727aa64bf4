import { expect } from 'chai';
import { CliError } from '../../failures/error.ts';
import { looksSecret, parseAssignments } from './variables.ts';

describe('Assignments of a flag', () => {
  it('are split at the first equals sign, the last of a name wins', () => {
    expect(parseAssignments(['A=1', 'B=x=y', 'C=', 'A=2'], '--ae')).to.deep.equal({
      A: '2',
      B: 'x=y',
      C: '',
    });
  });

  it('are refused without telling the value', () => {
    for (const wrong of [
      'sk-ant-very-secret',
      '=very-secret',
      '1A=very-secret',
      'A B=very-secret',
      'A=very-secret\0',
    ]) {
      try {
        parseAssignments([wrong], '--ae');
        expect.fail('it was taken');
      } catch (error) {
        expect(error).to.be.instanceOf(CliError).with.property('code', 'SB-E035');
        const { what, why, fix } = error as CliError;
        expect(`${what} ${why} ${fix}`).to.not.match(/very-secret/);
      }
    }
  });
});

describe('A variable', () => {
  it('looks secret by its name or by its value', () => {
    const secret: [string, string][] = [
      ['OPENAI_API_KEY', ''],
      ['github_token', ''],
      ['DB_PASSWORD', ''],
      ['X', 'sk-proj-1'],
      ['X', 'ghp_abc'],
      ['X', 'https://user:pw@host/'],
      ['X', '-----BEGIN PRIVATE KEY-----'],
    ];
    for (const [name, value] of secret) expect(looksSecret(name, value), `${name}=${value}`).to.equal(true);
    for (const [name, value] of [
      ['LEVEL', 'high'],
      ['URL', 'https://host/'],
      ['N', '8'],
    ] as const)
      expect(looksSecret(name, value), `${name}=${value}`).to.equal(false);
  });
});
