import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliError } from '../../failures/error.ts';
import { readEnvFiles } from './variables.ts';
import { mergeOptions, parseRunFile, readRunFile } from './run-file.ts';

function problems(text: string): string {
  try {
    parseRunFile(text, 'run.yaml');
  } catch (error) {
    expect(error).to.be.instanceOf(CliError).with.property('code', 'SB-E033');
    return (error as CliError).why;
  }
  return expect.fail('it was taken');
}

describe('A run file', () => {
  it('may hold every option, lists in their short form too', () => {
    const text = `
runName: 2026-01-31
tasks: ./tasks
include: 'a*'
exclude: [b, c]
agents:
  - oracle
  - name: custom
    run: ./agent.sh
    models: [x]
    env: { PORT: 80, DEBUG: true }
cpus: 2
memory: 4Gi
timeoutMultiplier: 1.5
forceBuild: false
allowEnv: HF_TOKEN
waitTimeout: 2h
scheduling:
  queueName: evals
`;
    expect(parseRunFile(text, 'run.yaml')).to.deep.equal({
      runName: '2026-01-31',
      tasks: ['./tasks'],
      include: ['a*'],
      exclude: ['b', 'c'],
      agents: [
        { name: 'oracle' },
        { name: 'custom', run: './agent.sh', models: ['x'], env: { PORT: '80', DEBUG: 'true' } },
      ],
      cpus: '2',
      memory: '4Gi',
      timeoutMultiplier: 1.5,
      forceBuild: false,
      allowEnv: ['HF_TOKEN'],
      waitTimeout: '2h',
      scheduling: { queueName: 'evals' },
    });
  });

  it('may be empty', () => {
    for (const text of ['', '# nothing\n']) expect(parseRunFile(text, 'run.yaml')).to.deep.equal({});
    expect(problems('a: 1\n---\nb: 2')).to.equal('it has 2 documents; expected one');
  });

  it('is refused for keys that are not known, with the one that is meant', () => {
    expect(problems('attempt: 3\ntimeout_multiplier: 2\nagents: [{name: oracle, kwargs: {}}]').split('\n'))
      .to.include('attempt is not known; attempts is')
      .and.include('timeout_multiplier is not known; timeoutMultiplier is')
      .and.include('agents[0].kwargs is not known')
      .and.have.length(3);
  });

  it('is refused for values of the wrong kind, all at once', () => {
    const text = 'attempts: many\nmemory: 4\nlimit: 0\nagents: [{run: x}]\nagentEnv: {A: [1]}';
    expect(problems(text).split('\n').sort()).to.deep.equal([
      'agentEnv.A is [1]; expected a text',
      'agents[0].name is missing',
      'attempts is "many"; expected a whole number from 1 to 10000',
      'limit is 0; expected a whole number from 1 to 1000000',
      'memory is 4; expected a size with its unit, such as 512Mi or 4Gi',
    ]);
    expect(problems('- a list')).to.equal('the file is ["a list"]; expected a table of options');
  });

  it('is refused for all values of the wrong kind, however many', () => {
    const keys = [
      'attempts',
      'limit',
      'forceBuild',
      'skipInvalid',
      'cpus',
      'memory',
      'storage',
      'quiet',
      'detach',
      'follow',
    ];
    const told = problems(keys.map((key) => `${key}: a`).join('\n'));
    expect(told.split('\n')).to.have.length(keys.length);
    expect(problems('agentEnv: {1: [x]}')).to.equal('agentEnv.1 is ["x"]; expected a text');
  });

  it('is refused for what is no YAML, with the line', () => {
    expect(problems('a: [1\nb: 2')).to.match(/^not valid YAML: line \d, column \d+: /);
  });

  it('has paths relative to its own folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sb-run-'));
    try {
      await writeFile(join(folder, 'run.yaml'), 'tasks: t\nenvFile: ../e\njobsDir: jobs\n');
      expect(await readRunFile(join(folder, 'run.yaml'))).to.deep.equal({
        tasks: [join(folder, 't')],
        envFile: [join(folder, '../e')],
        jobsDir: 'jobs',
      });
      const missing: unknown = await readRunFile(join(folder, 'no.yaml')).catch((error: unknown) => error);
      expect(missing).to.be.instanceOf(CliError).with.property('code', 'SB-E013');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('yields to flags', () => {
    const file = parseRunFile(
      'attempts: 3\ncpus: 1\nagents: [{name: custom, run: x, models: [a]}, nop]',
      'f',
    );
    expect(mergeOptions({ attempts: 1 }, file)).to.deep.equal({ ...file, attempts: 1 });
    expect(mergeOptions({ agents: [{ name: 'custom' }, { name: 'oracle' }] }, file).agents).to.deep.equal([
      { name: 'custom', run: 'x', models: ['a'] },
      { name: 'oracle' },
    ]);
    expect(mergeOptions({ models: ['b'] }, file).agents).to.deep.equal([
      { name: 'custom', run: 'x' },
      { name: 'nop' },
    ]);
  });
});

describe('An env file', () => {
  it('has one variable a line, with quotes and comments', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sb-env-'));
    const file = join(folder, '.env');
    try {
      await writeFile(file, '# keys\nexport A=1\nB="two words" # why\nC=\n');
      expect(await readEnvFiles([file])).to.deep.equal({ A: '1', B: 'two words', C: '' });
      await writeFile(file, '\ufeffA=1\r\nB=2\r\n');
      expect(await readEnvFiles([file])).to.deep.equal({ A: '1', B: '2' });
      await writeFile(file, '1A=x');
      const wrong: unknown = await readEnvFiles([file]).catch((error: unknown) => error);
      expect(wrong).to.be.instanceOf(CliError).with.property('code', 'SB-E035');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
