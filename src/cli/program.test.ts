import { expect } from 'chai';
import { examplesOf } from './commands/command.ts';
import { callOf, everyCommand, program, run } from './program.ts';
import { cliPage } from './reference.ts';
import { recordedIo } from '../client/testing/terminal.ts';

const root = () => program({ io: recordedIo(), finish: () => undefined });
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
