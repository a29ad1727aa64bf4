import { expect } from 'chai';
import { program } from '../program.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { answer, clusterIn } from './complete.ts';

const root = program({ io: recordedIo(), finish: () => undefined });
const ask = async (...words: string[]): Promise<string[]> => {
  const lines = await answer(root, words, async (names) => [`${names}-1`, `${names}-2\x1b[2J`]);
  return lines.map((line) => line.split('\t')[0] ?? '');
};

describe('Completion', () => {
  it('knows commands, and those below them', async () => {
    expect(await ask(''))
      .to.include.members(['task', 'version', 'completion'])
      .and.to.not.include('__complete');
    expect(await ask('ta')).to.deep.equal(['task']);
    expect(await ask('task', '')).to.include.members(['check', 'hash', 'pack']);
  });

  it('says what a candidate is', async () => {
    const [line] = await answer(root, ['task', 'hash', '--out'], async () => []);
    expect(line).to.equal('--output\thow to print');
  });

  it('knows options of the command and of the program, wherever they stand', async () => {
    expect(await ask('task', 'check', 'x', '--st')).to.deep.equal(['--strict']);
    expect(await ask('task', 'check', '--no')).to.deep.equal(['--no-input']);
  });

  it('knows the values of an option, in both ways of writing it', async () => {
    expect(await ask('version', '-o', '')).to.deep.equal(['table', 'json', 'yaml']);
    expect(await ask('version', '--output=y')).to.deep.equal(['--output=yaml']);
    expect(await ask('version', '--output', 'json', '--cl')).to.deep.equal(['--client']);
  });

  it('leaves paths to the shell', async () => {
    expect(await ask('task', 'check', 'a', '')).to.deep.equal([':files']);
    expect(await ask('task', 'pack', 'a', '--to', '')).to.deep.equal([':files']);
  });

  it('asks the cluster for names, and makes them safe', async () => {
    expect(await ask('version', '--context', '')).to.deep.equal(['contexts-1', 'contexts-2']);
    expect(await ask('version', '-n', '')).to.deep.equal(['namespaces-1', 'namespaces-2']);
  });

  it('looks into the cluster that the line is about', () => {
    expect(clusterIn(['run', 'ls', '--context', 'a', '-n', 'b', '--kubeconfig=c', ''])).to.deep.equal({
      context: 'a',
      namespace: 'b',
      kubeconfig: 'c',
    });
  });
});
