import { expect } from 'chai';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError } from '../../client/failures/error.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { durationMs, wishOf, type RunFlags } from './wish.ts';

const flags: RunFlags = { output: 'table' };

describe('What a run is wished to be', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf({
      'run.yaml':
        'tasks: tasks\nagents: [oracle, {name: custom, run: "true"}]\nattempts: 3\nrunName: filed\nnamespace: agents\ncontext: staging\nquiet: true\nfailUnder: 1\n',
      '.env': 'API_KEY=x\n',
      'more.env': 'API_KEY=y\nB=z\n',
      'my agent.yaml': 'run: go "$SB_INSTRUCTION"\nenv: {PORT: 80}\nproviders: [openai]\nmaxTokens: 5\n',
      'bad.yaml': 'runs: go\nmodels: x\nmaxCost: 0\n',
    });
  });
  after(() => folder.remove());
  const wish = (more: Partial<RunFlags>) => wishOf({ ...flags, ...more }, recordedIo({ cwd: folder.path }));
  const codeOf = (more: Partial<RunFlags>): Promise<unknown> =>
    wish(more).catch((error: unknown) => (error instanceof CliError ? error.code : error));

  it('has paths from where the command was started, and a name made of folder and time', async () => {
    const { paths, run, options } = await wish({
      tasks: ['some/tasks'],
      agent: ['oracle', 'nop'],
      ae: ['A=1'],
    });
    expect([paths[0], run]).to.deep.equal([join(folder.path, 'some/tasks'), 'tasks-20260131-142501']);
    expect(options.agents).to.deep.equal([{ name: 'oracle' }, { name: 'nop' }]);
    expect(options.agentEnv).to.deep.equal({ A: '1' });
  });

  it('is the run file with the flags before it', async () => {
    const flagged = { config: 'run.yaml', attempts: 5, runName: 'mine', detach: true };
    const { paths, run, session, options, quiet } = await wish(flagged);
    expect([paths[0], run, quiet]).to.deep.equal([join(folder.path, 'tasks'), 'mine', true]);
    expect(session).to.deep.equal({ context: 'staging', namespace: 'agents' });
    expect([options.attempts, options.agents?.length]).to.deep.equal([5, 2]);
  });

  it('has agents of files of the user’s, called after them, several at once', async () => {
    const agent = ['./my agent.yaml', 'nop'];
    const { options } = await wish({ tasks: ['x'], agent, model: ['m'], maxTokens: 7, modelAccess: 'Proxy' });
    expect(options.agents).to.deep.equal([
      {
        name: 'custom',
        title: 'my-agent',
        run: 'go "$SB_INSTRUCTION"',
        env: { PORT: '80' },
        providers: ['openai'],
      },
      { name: 'nop' },
    ]);
    expect(options).to.include({ maxTokens: 7, modelAccess: 'Proxy' });
    expect(await codeOf({ tasks: ['x'], agent: ['none.yaml'] })).to.equal('SB-E013');
    const error = await wish({ tasks: ['x'], agent: ['./bad.yaml'] }).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'SB-E033');
    expect((error as CliError).why.split('\n')).to.have.members([
      'runs is not known',
      'models is "x"; expected a list of models',
      'maxCost is 0; expected a number of US dollars greater than 0',
    ]);
  });

  it('takes a variable of the shell where --ae names it alone', async () => {
    const { options, allowed } = await wish({ tasks: ['x'], ae: ['MY_KEY', 'A=1'] });
    expect(options.agentEnv).to.deep.equal({ MY_KEY: '${MY_KEY}', A: '1' });
    expect(allowed).to.deep.equal(['MY_KEY']);
  });

  it('takes a policy of Harbor’s for one wherever Harbor does', async () => {
    const { options } = await wish({ tasks: ['x'], cpus: 'limit', memory: 'ignore' });
    expect(options).to.include({ cpuEnforcementPolicy: 'limit', memoryEnforcementPolicy: 'ignore' });
    expect(options).not.to.have.any.keys('cpus', 'memory');
    expect(await codeOf({ tasks: ['x'], cpus: 'most' })).to.equal('SB-E036');
    const both = { tasks: ['x'], cpus: '2', cpuEnforcementPolicy: 'request' as const };
    expect((await wish(both)).options).to.include({ cpus: '2', cpuEnforcementPolicy: 'request' });
  });

  it('reads the variables of --env-file', async () => {
    expect((await wish({ tasks: ['x'], envFile: ['.env'] })).envFile).to.deep.equal({ API_KEY: 'x' });
    const both = await wish({ tasks: ['x'], envFile: ['.env', 'more.env'] });
    expect(both.envFile).to.deep.equal({ API_KEY: 'y', B: 'z' });
  });

  it('has no variables of a file that somebody else’s run file names outside its own folder', async () => {
    await mkdir(join(folder.path, 'theirs'));
    await writeFile(join(folder.path, 'theirs/own.env'), 'C=1\n');
    await symlink('../.env', join(folder.path, 'theirs/link.env'));
    const named = async (envFile: string, more: Partial<RunFlags> = {}): Promise<unknown> => {
      await writeFile(join(folder.path, 'theirs/run.yaml'), `tasks: t\nenvFile: ${envFile}\n`);
      const wished = wish({ config: 'theirs/run.yaml', ...more });
      return wished.then(
        ({ envFile: variables }) => variables,
        (error: unknown) => (error instanceof CliError ? [error.code, error.fix] : error),
      );
    };
    expect(await named('own.env')).to.deep.equal({ C: '1' });
    for (const path of ['../.env', 'link.env', join(folder.path, '.env')]) {
      const file = resolve(folder.path, 'theirs', path);
      expect(await named(path), path).to.deep.equal(['SB-E041', `--env-file ${file}`]);
      expect(await named(path, { envFile: [file] }), path).to.deep.equal({ API_KEY: 'x' });
    }
    expect(await named('../none.env')).to.have.property('0', 'SB-E013');
  });

  it('refuses what it cannot mean', async () => {
    expect(await codeOf({})).to.equal('SB-E001');
    expect(await codeOf({ tasks: ['x'], attempts: 0 })).to.equal('SB-E036');
    expect(await codeOf({ tasks: ['x'], detach: true, failUnder: 1 })).to.equal('SB-E036');
    expect(await codeOf({ tasks: ['x'], agent: ['claud'] })).to.equal('SB-E037');
    expect(await codeOf({ tasks: ['x'], runName: 'a/b' })).to.equal('SB-E034');
    expect(await codeOf({ tasks: ['x'], ae: ['non-sense'] })).to.equal('SB-E035');
    expect(await codeOf({ config: 'none.yaml' })).to.equal('SB-E013');
  });

  it('knows seconds, minutes, hours and days', () => {
    expect(['90s', '1.5m', '2h', '1d'].map(durationMs)).to.deep.equal([
      90_000, 90_000, 7_200_000, 86_400_000,
    ]);
  });
});
