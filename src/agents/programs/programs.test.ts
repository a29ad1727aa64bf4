import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { agentsThatTake } from '../../crds/agents.ts';
import { agent as opencode } from '../known/opencode.ts';
import { agentOf } from '../registry.ts';
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

const AGENTS_WITH_PROGRAMS = agentsThatTake('program').flatMap((name) => {
  const { program } = agentOf(name) ?? {};
  return program ? [[name, { program }] as const] : [];
});

/** The shell that a Dockerfile runs to make the program. */
const scriptOf = (dockerfile: string): string => {
  const [, text] = /<<'SB_SCRIPT' \/program\.sh\n([^]*?)\nSB_SCRIPT\n/.exec(dockerfile) ?? [];
  return text ?? '';
};

/** Runs lines of such a script, from one that holds `first` to one that holds `last`, over a folder with these files; what is there then. */
function left(
  dockerfile: string,
  [first, last]: [string, string],
  files: Record<string, string>,
): (name: string) => boolean {
  const folder = mkdtempSync(join(tmpdir(), 'sb-program-'));
  after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
  const lines = scriptOf(dockerfile).split('\n');
  const begin = lines.findIndex((line) => line.includes(first));
  const end = lines.findIndex((line, at) => at >= begin && line.includes(last));
  const input = ['set -eu', ...lines.slice(begin, end + 1)].join('\n');
  execFileSync('sh', {
    input,
    env: { PATH: '/usr/bin:/bin', SB: folder },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return (name) => existsSync(join(folder, name));
}

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

  it('of OpenCode is the one for every processor, where the package has two', () => {
    const files = (...names: string[]) =>
      Object.fromEntries(
        names.map((name) => [`npm/node_modules/opencode-linux-${name}/bin/opencode`, '#!/bin/sh\n']),
      );
    const dockerfile = opencode.program?.dockerfile('1.2.3') ?? '';
    const both = left(dockerfile, ['program=', 'done'], files('x64', 'x64-baseline'));
    expect(both('npm/node_modules/opencode-linux-x64-baseline/bin/opencode')).to.equal(true);
    expect(both('npm/node_modules/opencode-linux-x64/bin/opencode')).to.equal(false);
    const one = left(dockerfile, ['program=', 'done'], files('arm64'));
    expect(one('npm/node_modules/opencode-linux-arm64/bin/opencode')).to.equal(true);
  });

  const OF_PROCESSORS: Record<string, string> = {
    'claude-code': '@anthropic-ai/claude-code-linux-PROCESSOR/claude',
    codex: '@openai/codex-linux-PROCESSOR/vendor/any/bin/codex',
    opencode: 'opencode-linux-PROCESSOR/bin/opencode',
  };
  for (const [name, { program }] of AGENTS_WITH_PROGRAMS) {
    const text = program.dockerfile('1.2.3') + program.install('1.2.3');
    it(`of ${name} names no processor: its registry and Debian give what is for the one that builds it`, () => {
      expect(text.match(/x86|amd64|x64|aarch64|arm64/g) ?? []).to.deep.equal([]);
    });

    const binary = OF_PROCESSORS[name];
    if (text.includes('for candidate in'))
      for (const processor of ['x64', 'arm64'])
        it(`of ${name} is the registry’s own binary for ${processor}`, () => {
          const path = `npm/node_modules/${binary?.replace('PROCESSOR', processor)}`;
          const there = left(program.dockerfile('1.2.3'), ['program=', '[ -n "$program" ]'], {
            [path]: '#!/bin/sh\n',
          });
          expect(there(path)).to.equal(true);
        });
  }

  it('of npm has what Node reads, and no folder that is empty', () => {
    const modules = 'npm/node_modules';
    const there = left(native.dockerfile('1.2.3'), ['rm -rf', '-empty -delete'], {
      [`${modules}/a/index.js`]: '',
      [`${modules}/a/index.js.map`]: '',
      [`${modules}/a/types/index.d.ts`]: '',
      [`${modules}/a/prebuilds/darwin-x64/a.node`]: '',
      [`${modules}/a/prebuilds/linux-x64/a.node`]: '',
      [`${modules}/@maker/native-linux-x64/voice/a.wav`]: '',
      [`${modules}/only-types/deep/index.ts`]: '',
    });
    for (const name of ['a/index.js', 'a/prebuilds/linux-x64/a.node'])
      expect(there(`${modules}/${name}`), name).to.equal(true);
    for (const name of ['a/index.js.map', 'a/types', 'a/prebuilds/darwin-x64', '@maker', 'only-types'])
      expect(there(`${modules}/${name}`), name).to.equal(false);
  });

  it('of PyPI has what was compiled of its modules, and sources of nothing else', () => {
    const compiler = '#!/bin/sh\ntouch "$SB/python/lib/a b.pyc" "$SB/venv/lib/c.pyc"\n';
    const there = left(python.dockerfile('1.2.3'), ['__pycache__', 'xargs'], {
      'venv/bin/python': compiler,
      'python/lib/a b.py': '',
      'python/lib/__pycache__/a b.cpython-313.pyc': '',
      'venv/lib/c.py': '',
      'venv/lib/no-python.py': 'class {{ name }}:',
      'venv/lib/data.yaml': '',
    });
    const names = ['python/lib/a b.pyc', 'venv/lib/c.pyc', 'venv/lib/no-python.py', 'venv/lib/data.yaml'];
    for (const name of names) expect(there(name), name).to.equal(true);
    for (const name of ['python/lib/a b.py', 'venv/lib/c.py', 'python/lib/__pycache__'])
      expect(there(name), name).to.equal(false);
  });

  it('runs no scripts of its packages', () => {
    for (const program of [script, native])
      expect(program.dockerfile('1.2.3')).to.include('--ignore-scripts');
  });
});
