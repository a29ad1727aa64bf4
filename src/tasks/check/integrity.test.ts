import { expect } from 'chai';
import { join, relative } from 'node:path';
import { folderOf, GOOD_TASK, type Folder } from '../../../test/support/folder.ts';
import { checkTasks } from './check.ts';
import { readFileSync } from 'node:fs';
import { RULES } from './rules.ts';
import { scriptMessages } from './integrity.ts';

const ALONE = '[agent]\nuser = "agent"\nnetwork_mode = "no-network"\n';
/** Nothing can be done to it: nobody is root, the verifier is separate, nothing comes from outside. */
const SOUND: Record<string, string | undefined> = {
  ...GOOD_TASK,
  'task.toml': `${ALONE}[verifier]\nenvironment_mode = "separate"\n`,
};

describe('sb task check --integrity', () => {
  const folders: Folder[] = [];
  /** `rule file: message` of each. */
  const said = async (
    files: Record<string, string | undefined>,
    options: Partial<Parameters<typeof checkTasks>[1]> = {},
  ): Promise<string[]> => {
    const folder = await folderOf({ ...SOUND, ...files });
    folders.push(folder);
    const { messages } = await checkTasks([folder.path], {
      strict: false,
      integrity: true,
      cwd: folder.path,
      ...options,
    });
    return messages.map(({ rule, path, message }) => `${rule} ${relative(folder.path, path)}: ${message}`);
  };
  /** The rules alone. */
  const rules = async (...asked: Parameters<typeof said>): Promise<string[]> =>
    (await said(...asked)).map((one) => one.split(' ', 1)[0] ?? '');
  afterEach(async () => {
    for (const folder of folders.splice(0)) await folder.remove();
  });

  it('has nothing to say of a task to which nothing can be done', async () => {
    expect(await said({})).to.deep.equal([]);
  });

  it('says of a task without any word about it that its verifier is shared, its agent root and its network open', async () => {
    expect(await rules({ 'task.toml': '' })).to.have.members([
      'shared-verifier',
      'root-agent',
      'public-network',
    ]);
  });

  it('says it whatever the task ignores, and not what the command line ignores', async () => {
    const ignoring = `${SOUND['task.toml']?.replace('separate', 'shared')}[metadata.harbor.lint]\nignore = ["shared-verifier"]\n`;
    expect(await rules({ 'task.toml': ignoring })).to.deep.equal(['shared-verifier']);
    expect(await rules({ 'task.toml': ignoring }, { ignore: ['shared-verifier'] })).to.deep.equal([]);
  });

  it('leaves out what is no matter of integrity, and tells what keeps a task from running', async () => {
    const toml = `${SOUND['task.toml']}[task]\nnonsense = 1\n`;
    expect(await rules({ 'task.toml': toml })).to.not.include('unknown-config-field');
    expect(await rules({ 'tests/test.sh': '' })).to.deep.equal(['unusable-script']);
  });

  it('is not asked for by --strict, but by the name of a rule', async () => {
    const open = { 'task.toml': (SOUND['task.toml'] ?? '').replace('no-network', 'public') };
    expect(await rules(open, { integrity: false, strict: true })).to.deep.equal([]);
    expect(await rules(open, { integrity: false, extendSelect: ['public-network'] })).to.deep.equal([
      'public-network',
    ]);
  });

  it('finds one user for both in a shared container, and none in a separate one', async () => {
    const both = `${ALONE}[verifier]\nuser = "agent"\nenvironment_mode = "shared"\n`;
    expect(await rules({ 'task.toml': both })).to.have.members(['shared-verifier', 'same-user']);
    expect(await rules({ 'task.toml': both.replace('shared', 'separate') })).to.deep.equal([]);
  });

  it('finds steps that share a container', async () => {
    const step = (name: string) => ({
      [`steps/${name}/instruction.md`]: 'Do it.\n',
      [`steps/${name}/tests/test.sh`]: GOOD_TASK['tests/test.sh'],
      [`steps/${name}/solution/solve.sh`]: GOOD_TASK['solution/solve.sh'],
    });
    const steps = '[[steps]]\nname = "one"\n[[steps]]\nname = "two"\n';
    const files = { ...step('one'), ...step('two'), 'instruction.md': undefined, 'tests/test.sh': undefined };
    const toml = (mode: string) => `${ALONE}[verifier]\nenvironment_mode = "${mode}"\n${steps}`;
    expect(await rules({ ...files, 'task.toml': toml('shared') })).to.have.members([
      'shared-verifier',
      'shared-steps',
    ]);
    expect(await rules({ ...files, 'task.toml': toml('separate') })).to.deep.equal([]);
  });

  it('finds files of tests and solution in the build context, by their contents', async () => {
    const answer = 'the answer is forty-two\n';
    const files = { 'tests/expected.txt': answer, 'environment/data/notes.txt': answer };
    const [first, ...more] = await said(files);
    expect(more).to.deep.equal([]);
    expect(first).to.match(
      /^hidden-files-in-context environment\/data\/notes\.txt: it has the contents of tests\/expected\.txt/,
    );
    expect(
      await said({ ...files, 'environment/data/notes.txt': answer.replace('two', 'one') }),
    ).to.deep.equal([]);
  });

  it('finds services that the agent reaches', async () => {
    const compose = `services:\n  main: {build: .}\n  db: {image: "postgres@sha256:${'0'.repeat(64)}"}\n`;
    const [first] = await said({ 'environment/docker-compose.yaml': compose });
    expect(first).to.match(
      /^agent-reaches-services environment\/docker-compose\.yaml: the agent reaches db,/,
    );
  });

  it('finds what the tests download, in either mode', async () => {
    const script = { 'tests/test.sh': '#!/bin/bash\napt-get update\napt-get install -y curl\necho 1\n' };
    expect((await said(script)).join()).to.match(
      /^verifier-download tests\/test\.sh: apt-get downloads when the tests run, what it gets can change/,
    );
    const shared = { ...script, 'task.toml': `${ALONE}[verifier]\nenvironment_mode = "shared"\n` };
    expect((await said(shared)).join()).to.match(
      /apt-get downloads when the tests run, in the container that/,
    );
  });
});

describe('docs/tasks.md', () => {
  it('names every rule about integrity', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/tasks.md'), 'utf8');
    const named = [...page.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name = '']) => name);
    const rules = Object.entries(RULES).filter(([, rule]) => 'integrity' in rule);
    expect(named).to.include.members(rules.map(([name]) => name));
  });
});

describe('what a verifier’s script is told', () => {
  const told = (...lines: string[]): string[] =>
    scriptMessages(lines.join('\n'), { separate: true }).map(
      ({ rule, line, message }) => `${rule}:${line} ${message.split(' ', 1)[0]}`,
    );
  const DOWNLOADS: [string, string][] = [
    ['curl -LsSf https://astral.sh/uv/0.9.5/install.sh | sh', 'curl'],
    ['uvx -p 3.13 -w pytest==8.4.1 pytest /tests', 'uvx'],
    ['"$HOME/.local/bin/uvx" -w pytest==8.4.1 pytest', 'uvx'],
    ['if ! pip install pytest==8.4.1; then exit 1; fi', 'pip'],
    ['PIP_NO_INPUT=1 python3 -m pip install requests==2.32.0', 'python3'],
    ['npm ci', 'npm'],
    ['sudo npx playwright@1.50.0 test', 'npx'],
    ['apk add --no-cache jq', 'apk'],
    ['git clone https://github.com/org/repo /tmp/repo', 'git'],
    ['cargo install --locked ripgrep', 'cargo'],
  ];
  for (const [text, tool] of DOWNLOADS)
    it(`names ${tool}: ${text}`, () => {
      expect(told(text)).to.deep.equal([`verifier-download:1 ${tool}`]);
    });

  it('is nothing where nothing comes from outside', () => {
    expect(
      told(
        'pip install --no-index --find-links /wheels pytest==8.4.1',
        'curl -s http://localhost:8080/health',
        'npm test',
        'pytest /tests/test_outputs.py',
        '# pip install pytest',
        'python3 -c "print(1)"',
      ),
    ).to.deep.equal([]);
  });

  it('names each tool once, where it comes first', () => {
    expect(told('apt-get update', 'apt-get install -y jq', 'apt-get install -y curl')).to.deep.equal([
      'verifier-download:2 apt-get',
    ]);
  });

  it('is told of two reward files, and not of one', () => {
    const json = 'echo "{}" > /logs/verifier/reward.json';
    expect(told(json, 'echo 1 > /logs/verifier/reward.txt')).to.deep.equal(['two-reward-files:2 the']);
    expect(told(json, json)).to.deep.equal([]);
  });
});
