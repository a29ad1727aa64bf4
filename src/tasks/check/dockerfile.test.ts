import { expect } from 'chai';
import { missingSources } from './dockerfile.ts';

const PATHS = [
  'Dockerfile',
  'app/main.py',
  'app/lib/x.py',
  'requirements.txt',
  'with space',
  'empty',
  'link',
];

const missing = (dockerfile: string, ignored = '', paths: readonly string[] = PATHS): string[] =>
  missingSources(dockerfile, { paths, isWhole: true, ignored }).map(
    ({ line, message }) => `${line} ${JSON.parse(message.split(' is not in', 1)[0] ?? '')}`,
  );

describe('A source that a Dockerfile copies', () => {
  for (const line of [
    'COPY . /app',
    'COPY ./ /app',
    'COPY app /app',
    'COPY app/ /app/',
    'COPY ./app/lib/../main.py /app',
    'COPY /app /app',
    'COPY ../app /app',
    'copy app requirements.txt /app/',
    'COPY --chown=1000:1000 --chmod=755 --link app /app',
    'COPY ["with space", "app", "/x/"]',
    'COPY "with space" /x',
    'COPY with\\ space /x',
    'COPY empty /x',
    'COPY link/behind/it /x',
    'COPY --from=builder /nothing /x',
    'COPY --link --from=0 nothing /x',
    'ADD https://example.com/x.tar.gz /x',
    'ADD git@example.com:a/b.git /x',
    'COPY $FILE ${OTHER}/x /x',
    'COPY package.json* *.lock n?thing [ab] /x',
    'COPY <<EOF /x\nnothing\nEOF',
    'COPY app \\\n  requirements.txt \\\n  /x/',
    '# COPY nothing /x',
    'RUN echo COPY nothing /x',
    'ONBUILD COPY nothing /x',
    'COPY nothing',
  ])
    it(`is not missed in: ${line.replaceAll('\n', '⏎')}`, () => {
      expect(missing(`FROM a\n${line}\n`)).to.deep.equal([]);
    });

  for (const [line, ...sources] of [
    ['COPY nothing /x', '2 nothing'],
    ['ADD nothing /x', '2 nothing'],
    ['COPY app nothing ./neither /x/', '2 nothing', '2 ./neither'],
    ['COPY app/other.py /x', '2 app/other.py'],
    ['COPY App /x', '2 App'],
    ['COPY --chown=a nothing /x', '2 nothing'],
    ['COPY ["nothing", "/x"]', '2 nothing'],
    ['COPY "noth ing" /x', '2 noth ing'],
    ['COPY app \\\n  nothing \\\n  /x/', '2 nothing'],
    ['RUN cat <<EOF\nCOPY a /b\nEOF\nCOPY nothing /x', '5 nothing'],
  ] as [string, ...string[]][])
    it(`is missed in: ${line.replaceAll('\n', '⏎')}`, () => {
      expect(missing(`FROM a\n${line}\n`)).to.deep.equal(sources);
    });

  it('is missed where .dockerignore leaves it out, as Docker reads that', () => {
    const cases: [string, string[]][] = [
      ['app', ['1 app/main.py', '2 app/lib']],
      ['/app/', ['1 app/main.py', '2 app/lib']],
      ['main.py', []],
      ['**/main.py', ['1 app/main.py']],
      ['app/*.py', ['1 app/main.py']],
      ['*/lib', ['2 app/lib']],
      ['*', ['1 app/main.py', '2 app/lib', '3 requirements.txt']],
      ['*\n!app', ['3 requirements.txt']],
      ['app\n!app/main.py', ['2 app/lib']],
      ['!app/main.py\napp', ['1 app/main.py', '2 app/lib']],
      ['# app\n\n  requirements.txt  \r\n', ['3 requirements.txt']],
      ['\ufeffapp/lib', ['2 app/lib']],
      // Sets are beyond what is read here, so nothing is said.
      ['[a-r]*', []],
      // A folder is there though all that is in it is left out.
      ['app/lib/x.py', []],
      ['app/*/*', []],
      ['**/*.py', ['1 app/main.py']],
      ['**\n!app/lib/x.py', ['1 app/main.py', '3 requirements.txt']],
      // Two stars stand for folders, whatever follows them.
      ['**.py\n**.txt', []],
      ['**main.py', ['1 app/main.py']],
      ['app/**', ['1 app/main.py', '2 app/lib']],
    ];
    const copies = 'COPY app/main.py /\nCOPY app/lib /\nCOPY requirements.txt /\n';
    for (const [ignored, expected] of cases)
      expect(missing(copies, ignored), ignored).to.deep.equal(expected);
  });

  it('is not judged where the context could not be read, or another character escapes', () => {
    expect(missingSources('COPY x /', { paths: [], isWhole: false, ignored: '' })).to.deep.equal([]);
    expect(missing('# escape=`\nFROM a\nCOPY x /\n')).to.deep.equal([]);
  });
});
