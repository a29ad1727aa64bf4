import { expect } from 'chai';
import { recorded, recordedBlocks, type ConsoleBlock } from './console-page.ts';

const page = (...lines: string[]): string =>
  ['Text.', '```console', ...lines, '```', '', '```yaml', '$ no: command', '```', 'End.', ''].join('\n');

describe('a page with console blocks', () => {
  it('gets what its commands print now in the place of what they printed', async () => {
    const asked: string[] = [];
    const found = await recorded(
      page('$ date', 'yesterday', '$ cat > f <<EOF', '> a', '>', '> b', '> EOF', '$ echo', 'x', 'y'),
      async (command) => {
        asked.push(command);
        return command === 'date' ? 'today\n' : '';
      },
    );
    expect(asked).to.deep.equal(['date', 'cat > f <<EOF\na\n\nb\nEOF', 'echo']);
    expect(found).to.equal(page('$ date', 'today', '$ cat > f <<EOF', '> a', '>', '> b', '> EOF', '$ echo'));
  });

  it('stays as it is where a command fails', async () => {
    const failed = await recorded(page('$ false'), () => Promise.reject(new Error('exit code 1'))).catch(
      (error: Error) => error.message,
    );
    expect(failed).to.equal('exit code 1');
  });

  it('may say how a block is to be recorded, which stays', async () => {
    const given = '```console press="C-c" until="a b"\n$ old\n```\n';
    const seen: ConsoleBlock[] = [];
    const found = await recordedBlocks(given, async (block) => {
      seen.push(block);
      return ['new'];
    });
    expect(seen).to.deep.equal([{ commands: ['old'], directions: { press: 'C-c', until: 'a b' } }]);
    expect(found).to.equal(given.replace('$ old', 'new'));
  });
});
