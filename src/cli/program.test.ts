import { expect } from 'chai';
import type { Command } from 'commander';
import { contenders } from '../client/runs/plan/agents.ts';
import { isAgentFile } from '../client/runs/plan/run-file.ts';
import { examplesOf } from './commands/command.ts';
import { callOf, everyCommand, program, run } from './program.ts';
import { cliPage } from './reference.ts';
import { recordedIo } from '../../test/support/terminal/recorded.ts';

const root = () => program({ io: recordedIo(), finish: () => undefined });
/** The words of the `sb` within a line of shell, without the quotes of a shell. */
const wordsOf = (typed: string): string[] =>
  [...(/\bsb ([^|)]*)/.exec(typed)?.[1] ?? '').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  );

/** The options that a command would be called with. Rejects where the words are not understood. */
async function parsed(words: string[]): Promise<{ call: string; options: Record<string, unknown> }> {
  const all = root();
  let called: Command | undefined;
  for (const command of everyCommand(all)) command.action(() => void (called = command));
  await all.parseAsync(words, { from: 'user' });
  if (!called) return expect.fail('nothing was called');
  return { call: callOf(called), options: called.opts() };
}

const visible = everyCommand(root()).filter((command) => !command.name().startsWith('__'));

describe('The program', () => {
  for (const command of visible.filter((one) => one.parent)) {
    it(`describes ${callOf(command)} and shows how it is used`, () => {
      expect(command.description()).to.match(/\.$/);
      const examples = examplesOf(command);
      expect(examples, 'examples').to.have.length.above(0);
      expect(examples.some(([typed]) => typed.includes(callOf(command)))).to.equal(true);
    });

    it(`says of every argument and option of ${callOf(command)} what it is`, () => {
      for (const argument of command.registeredArguments)
        expect(argument.description, argument.name()).to.not.equal('');
      for (const { description, flags } of command.options) expect(description, flags).to.not.equal('');
    });
  }

  for (const command of visible)
    for (const [typed] of examplesOf(command))
      it(`takes what the help of ${callOf(command)} shows: ${typed}`, async () => {
        const { call, options } = await parsed(wordsOf(typed));
        expect(typed).to.include(call);
        const { agent = [], model = [] } = options as { agent?: string[]; model?: string[] };
        const agents = agent.map((name) =>
          isAgentFile(name) || name === 'custom' ? { name: 'custom', run: 'true' } : { name },
        );
        // Throws for an agent or a model that a run could not have.
        if (agents.length > 0 || model.length > 0)
          expect(contenders({ ...(agents.length > 0 && { agents }), models: model })).to.not.be.empty;
      });

  it('shows every default once', () => {
    for (const command of visible)
      expect(command.helpInformation()).to.not.match(/\(default: [^)]*\)\s*\(default: /);
  });

  it('prints the help of every command, with its examples, without a failure', async () => {
    for (const command of visible) {
      const io = recordedIo();
      const words = callOf(command).split(' ').slice(1);
      expect(await run([...words, '--help'], io)).to.equal(0);
      expect(io.terminal.stdout).to.include(`Usage: ${callOf(command)}`);
      if (command.parent) expect(io.terminal.stdout).to.include('Examples:');
    }
  });

  it('explains the first commands when it is asked nothing', async () => {
    const io = recordedIo();
    expect(await run([], io)).to.equal(0);
    expect(io.terminal.stdout.match(/^ {2}sb \S+/gm)).to.have.length(3);
  });

  it('answers wrong usage with four lines, a suggestion and 2', async () => {
    for (const args of [
      ['taks'],
      ['task', 'chekc'],
      ['task', 'check'],
      ['version', '--clinet'],
      ['version', '-o', 'xml'],
    ]) {
      const io = recordedIo();
      expect(await run(args, io), args.join(' ')).to.equal(2);
      expect(io.terminal.stderr).to.include('SB-E001');
      expect(io.terminal.stdout).to.equal('');
    }
    const io = recordedIo();
    await run(['taks'], io);
    expect(io.terminal.stderr).to.include("unknown command 'taks'").and.to.include('Did you mean task?');
  });

  it('has a page of reference with every command and code', () => {
    const page = cliPage(root());
    for (const command of visible) expect(page).to.include(`\n## ${callOf(command)}\n`);
    expect(page).to.include('[SB-E014](../errors/SB-E014.md)').and.to.include('| 124 |');
    expect(page).to.not.include('__complete');
  });
});
