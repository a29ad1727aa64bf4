import { expect } from 'chai';
import { recorded } from './console-page.ts';

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
});
