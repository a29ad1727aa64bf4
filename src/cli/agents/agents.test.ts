import { expect } from 'chai';
import Value from 'typebox/value';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo, recordedTerminal } from '../../../test/support/terminal/recorded.ts';
import { SCHEMAS, type SchemaName } from '../../client/documents/index.ts';
import { agentNames } from '../../crds/agents.ts';
import { run } from '../program.ts';

describe('sb agent', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf({
      'mine.yaml': 'run: "true"\nproviders: [anthropic]\n',
      'tasks/task.toml': '',
    });
  });
  after(() => folder.remove());

  async function sb(words: string, env: Record<string, string> = {}) {
    const io = { ...recordedIo({ cwd: folder.path, env }), terminal: recordedTerminal({}) };
    const code = await run(words.split(' '), io);
    return { code, stdout: io.terminal.stdout, stderr: io.terminal.stderr };
  }
  const conforms = (name: SchemaName, text: string): void => {
    expect(Value.Check(SCHEMAS[name].schema, JSON.parse(text)), name).to.equal(true);
  };

  it('lists every agent, and shows each', async () => {
    const { code, stdout } = await sb('agent ls -o name');
    expect([code, stdout]).to.deep.equal([0, agentNames.map((name) => `${name}\n`).join('')]);
    conforms('agent-list', (await sb('agent ls -o json')).stdout);
    for (const name of agentNames) {
      expect((await sb(`agent show ${name}`)).stdout)
        .to.include('Does ')
        .and.include('Example ');
      conforms('agent-show', (await sb(`agent show ${name} -o json`)).stdout);
    }
    expect(await sb('agent show claud')).to.include({ code: 2, stdout: '' });
  });

  it('says what is missing, exits with 1, and never tells a key', async () => {
    const lacking = await sb('agent check -a ./mine.yaml -m anthropic/large');
    expect(lacking.code).to.equal(1);
    expect(lacking.stdout)
      .to.include('mine anthropic/large\n')
      .and.include('✗ key: ANTHROPIC_API_KEY is not set');
    const env = { ANTHROPIC_API_KEY: 'hush-key' };
    const ready = await sb('agent check -a ./mine.yaml -m anthropic/large -o json', env);
    expect(ready.code).to.equal(0);
    expect(ready.stdout).to.not.include('hush');
    conforms('agent-check', ready.stdout);
  });

  it('checks before a run reads its tasks', async () => {
    for (const words of ['--dry-run', '--detach']) {
      const { code, stderr } = await sb(`cloud run -t none -a ./mine.yaml -m anthropic/large ${words}`);
      expect(code).to.equal(2);
      expect(stderr).to.include('SB-E042').and.include('mine anthropic/large: ANTHROPIC_API_KEY is not set');
    }
  });
});
