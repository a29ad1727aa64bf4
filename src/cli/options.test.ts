/** What becomes of an option that is given twice, of every command. */
import { expect } from 'chai';
import type { Command, Option } from 'commander';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRepeatable } from './commands/command.ts';
import { CliError } from '../client/failures/error.ts';
import { callOf, everyCommand, program, run } from './program.ts';
import { below, folderOf, type Folder } from '../../test/support/folder.ts';
import { recordedIo } from '../../test/support/terminal/recorded.ts';

const fresh = () => program({ io: recordedIo(), finish: () => undefined });
const commands = everyCommand(fresh()).filter((command) => command.commands.length === 0);

/** Values that the option's parser takes. */
function valuesOf({ argChoices, flags, long }: Option): [string, string] {
  if (argChoices) return [argChoices[0] ?? '', argChoices.at(-1) ?? ''];
  if (long === '--state') return ['lost', 'failed'];
  if (/<duration>/.test(flags)) return ['1s', '2s'];
  return /<(number|lines|reward)>/.test(flags) ? ['1', '2'] : ['a', 'b'];
}

/** The options as the command would have them, after these words; the failure where they are refused. */
async function parsed(call: string, words: string[]): Promise<Command | CliError> {
  const root = fresh();
  let called: Command | undefined;
  for (const command of everyCommand(root)) command.action(() => void (called = command));
  const command = everyCommand(root).find((one) => callOf(one) === call);
  const needed = (command?.registeredArguments ?? []).flatMap((argument) =>
    argument.required ? [argument.argChoices?.[0] ?? 'x'] : [],
  );
  const mandatory = (command?.options ?? []).flatMap((option) => {
    const { mandatory: must, long, required } = option;
    if (!must || !long || words.includes(long)) return [];
    return required ? [long, valuesOf(option)[0]] : [long];
  });
  try {
    await root.parseAsync([...call.split(' ').slice(1), ...needed, ...mandatory, ...words], { from: 'user' });
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  return called ?? expect.fail('nothing was called');
}

const twice = (option: Option, name = option.long ?? ''): string[] => {
  if (!option.required) return [name, name];
  const [first, second] = valuesOf(option);
  return [name, first, option.short ?? name, second];
};

const isRefused = (done: Command | CliError): boolean =>
  done instanceof CliError && done.code === 'SB-E001' && done.why.includes('is given twice');

describe('An option given twice', () => {
  for (const command of commands) {
    const call = callOf(command);
    for (const option of command.options) {
      const isSwitch = !option.required && !option.optional;
      it(`of ${call} is not lost: ${option.flags}`, async () => {
        const done = await parsed(call, twice(option));
        const taken = isSwitch || isRepeatable(option);
        expect(isRefused(done)).to.equal(!taken);
        expect(done instanceof CliError).to.equal(!taken);
        if (done instanceof CliError) return;
        const value: unknown = done.opts()[option.attributeName()];
        expect(value).to.deep.equal(isSwitch ? !option.negate : valuesOf(option));
      });
    }
    for (const option of command.options.filter(({ negate }) => negate)) {
      const pair = command.options.find(
        (other) => other !== option && other.attributeName() === option.attributeName(),
      );
      if (!pair) continue;
      it(`of ${call} is refused where it says the contrary: ${pair.long} ${option.long}`, async () => {
        for (const words of [
          [pair.long ?? '', option.long ?? ''],
          [option.long ?? '', pair.long ?? ''],
        ])
          expect(isRefused(await parsed(call, words))).to.equal(true);
      });
    }
  }

  it('takes one value for itself and one more in the other spelling as two', async () => {
    for (const words of [
      ['-k', '1', '--attempts=2'],
      ['-k1', '-k2'],
      ['--dry-run', '--dry-run=server'],
      ['--config', 'a', '-c', 'b'],
    ])
      expect(isRefused(await parsed('sb cloud run', words)), words.join(' ')).to.equal(true);
    const json = await parsed('sb task check', ['--json', '-o', 'yaml']);
    expect(json).to.be.instanceOf(CliError).with.property('why').that.includes('cannot be used with');
  });
});

describe('Two folders of tasks and two env files', () => {
  let folder: Folder;
  before(async () => {
    const task = {
      'task.toml': '',
      'instruction.md': 'Write hello.\n',
      'environment/Dockerfile': 'FROM debian:13\n',
      'solution/solve.sh': 'true\n',
      'tests/test.sh': 'true\n',
    };
    folder = await folderOf({ ...below('ds/one', task), ...below('ds/two', task) });
    await writeFile(join(folder.path, 'a.env'), 'A=1\nBOTH=1\n');
    await writeFile(join(folder.path, 'b.env'), 'B=2\nBOTH=2\n');
    await writeFile(join(folder.path, 'run.yaml'), 'tasks: [ds/one, ds/two]\nenvFile: [a.env, b.env]\n');
  });
  after(() => folder.remove());

  const dry = async (...words: string[]) => {
    const io = recordedIo({ cwd: folder.path });
    const code = await run(['cloud', 'run', '--run-name', 'r', '--dry-run', ...words], io);
    return { code, ...io.terminal };
  };

  it('are both taken, as flags and in a run file', async () => {
    for (const words of [
      ['-t', 'ds/one', '-t', 'ds/two', '--env-file', 'a.env', '--env-file', 'b.env'],
      ['-c', 'run.yaml'],
      ['-c', 'run.yaml', '-t', 'ds', '-t', 'ds/one', '-t', 'ds/../ds'],
    ]) {
      const { code, stdout, stderr } = await dry(...words, '-o', 'yaml');
      expect([code, stdout.match(/name: (one|two)-oracle/g)?.length], words.join(' ')).to.deep.equal([0, 2]);
      for (const key of ['var.A', 'var.B', 'var.BOTH']) expect(stderr).to.include(`--from-literal=${key}=`);
    }
  });

  it('are refused by the name of the one that is wrong', async () => {
    const { code, stderr } = await dry('-t', 'ds/one', '-t', 'nowhere');
    expect([code, stderr.includes('nowhere')]).to.deep.equal([2, true]);
    expect((await dry('-t', 'ds', '--env-file', 'a.env', '--env-file', 'none')).stderr).to.include('none');
  });
});

describe('An empty path', () => {
  it('is refused, and is not the current folder', async () => {
    for (const words of [
      ['task', 'check', ''],
      ['task', 'hash', 'x', ''],
      ['task', 'pack', ''],
      ['task', 'pack', 'x', '--to', ''],
      ['cloud', 'run', '-t', ''],
      ['cloud', 'run', '-t', 'x', '--env-file='],
      ['doctor', '--jobs-dir', ''],
      ['run', 'ls', '--kubeconfig', ''],
    ]) {
      const io = recordedIo();
      expect(await run(words, io), words.join(' ')).to.equal(2);
      expect(io.terminal.stderr).to.include('SB-E001').and.include('empty');
    }
  });
});
