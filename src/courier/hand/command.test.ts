import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import fc from 'fast-check';
import { commandFile, envFile, quote } from './command.ts';

const sh = (script: string, env: Record<string, string> = {}): string =>
  execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env });

describe('what run.sh is told', () => {
  it('quotes every text as one word', () => {
    const text = fc
      .string({ unit: 'binary' })
      .filter((value) => !value.includes('\0') && value.isWellFormed());
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (words) => {
        const said = sh(`printf '%s\\0' ${words.map(quote).join(' ')}`);
        expect(said).to.equal(`${(words.length > 0 ? words : ['']).join('\0')}\0`);
      }),
      { numRuns: 40 },
    );
  });

  it('sets the command’s parts and its arguments', () => {
    const script = commandFile({
      argv: ['/x', "it's", '$HOME'],
      user: 'a:b',
      workdir: '/w w',
      env: { HOME: '/h' },
      shell: true,
      exitFile: '/e',
    });
    expect(
      sh(`${script}\nprintf '%s|' "$_user" "$_workdir" "$_home" "$_shell" "$_exitfile" "$_stdout" "$@"`),
    ).to.equal("a:b|/w w|/h|yes|/e||/x|it's|$HOME|");
  });

  it('exports variables over those of the container, whatever is in them', () => {
    const script = envFile({ env: { A: 'own', B: "it's $HOME" } });
    expect(sh(`${script}\nprintf '%s|' "$A" "$B" "$C"`, { A: 'container', C: 'container' })).to.equal(
      "own|it's $HOME|container|",
    );
  });
});
