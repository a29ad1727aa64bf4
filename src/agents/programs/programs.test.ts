import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { npmProgram } from './npm.ts';
import { pypiProgram } from './pypi.ts';

const script = npmProgram({ package: '@maker/agent', bin: 'agent', nodeArguments: ['--no-warnings'] });
const native = npmProgram({
  package: '@maker/native',
  bin: 'native',
  native: ['@maker/native-linux-*/native'],
  tools: ['@maker/native-linux-*/tools'],
  without: ['@maker/native-linux-*/voice'],
});
const python = pypiProgram({ package: 'agent', bin: 'agent', check: '--help' });

/** The shell that a Dockerfile runs to make the program. */
const scriptOf = (dockerfile: string): string => {
  const [, text] = /<<'SB_SCRIPT' \/program\.sh\n([^]*?)\nSB_SCRIPT\n/.exec(dockerfile) ?? [];
  return text ?? '';
};

describe('The program of an agent', () => {
  for (const [name, program] of Object.entries({ script, native, python })) {
    it(`is made and installed by scripts that a shell can read: ${name}`, () => {
      const made = scriptOf(program.dockerfile('1.2.3'));
      expect(made).to.include('1.2.3');
      for (const text of [made, program.install('1.2.3')])
        execFileSync('sh', ['-n'], { input: text, stdio: ['pipe', 'ignore', 'inherit'] });
    });

    it(`takes no version that a shell or a registry could read as anything else: ${name}`, () => {
      for (const version of [
        'latest',
        "1'; curl evil #",
        '1 2',
        '../x',
        '',
        '1\nRUN evil',
        '@evil/x',
        '^1.2.3',
        '*',
      ])
        for (const make of [program.dockerfile, program.install])
          expect(() => make(version), version).to.throw('is no version');
    });

    it(`is alone in its image, in one layer: ${name}`, () => {
      const [, last = ''] = program.dockerfile('1.2.3').split('\nFROM scratch\n');
      expect(last).to.equal('COPY --from=program /opt/sb-agent /\n');
    });

    it(`makes no image where it does not start: ${name}`, () => {
      const lines = scriptOf(program.dockerfile('1.2.3')).split('\n');
      expect(lines[0]).to.equal('set -eu');
      expect(lines.at(-1)).to.match(/^"\$SB\/bin\/(agent|native)" --(version|help)$/);
    });

    it(`says in one sentence why it cannot be installed: ${name}`, () => {
      // Nothing of an image is there: neither npm, nor Python, nor a package manager.
      const text = program
        .install('1.2.3')
        .replace('mkdir -p "$SB/bin"', ':')
        .replaceAll(/^mkdir .*$/gm, ':');
      const tried = (() => {
        try {
          execFileSync('/bin/sh', ['-c', text], { env: { PATH: '/nowhere' }, stdio: 'pipe' });
          return '';
        } catch (error) {
          return String((error as { stderr: Buffer }).stderr);
        }
      })();
      expect(tried.trimEnd().split('\n').at(-1)).to.match(
        /^(agent|native) cannot be installed in this container: .*(npm|Python 3\.10)/,
      );
    });
  }

  it('has Node of its own where it is a script, at a place that is on no PATH', () => {
    const made = scriptOf(script.dockerfile('1.2.3'));
    expect(made).to.include('carry "$SB/node/bin/node"');
    expect(made).to.include('exec $SB/node/bin/node --no-warnings $program "\\$@"');
  });

  it('has no Node where it is a binary, and its tools come after all that the image has', () => {
    const made = scriptOf(native.dockerfile('1.2.3'));
    expect(made).not.to.include('$SB/node');
    expect(made).to.include('exec env "PATH=\\$PATH$tools" $program "\\$@"');
    expect(made).to.include('rm -rf "$SB/npm/node_modules"/@maker/native-linux-*/voice');
  });

  it('runs no scripts of its packages', () => {
    for (const program of [script, native])
      expect(program.dockerfile('1.2.3')).to.include('--ignore-scripts');
  });
});
