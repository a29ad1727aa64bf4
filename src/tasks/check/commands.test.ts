import { expect } from 'chai';
import { commandMessages } from './commands.ts';
import { logicalLines } from './shell.ts';

const rules = (text: string, separate = true): string[] =>
  commandMessages(text, { separate }).map(({ rule }) => rule);

describe('What a script runs', () => {
  for (const line of [
    'pip install requests',
    'pip install "requests>=2"',
    'python3 -m pip install -U requests',
    'apt-get update && pip3 install --no-cache-dir requests[socks]',
    'uv pip install --python 3.13 requests==2.*',
    'uv tool install ruff',
    'uvx --with requests tool',
    'pip install git+https://example.com/a.git',
    'pip install -e git+https://example.com/a.git',
    'pip install requests>=2',
    'pip install requests 2>/dev/null',
    'pip install a==1 >log requests',
    '>log pip install requests',
    'true || pip install requests # a==1',
  ])
    it(`has no exact version in: ${line}`, () => {
      expect(rules(line)).to.deep.equal(['unpinned-python-dependency']);
    });

  for (const line of [
    'pip install requests==2.32.0',
    'pip install -r requirements.txt',
    'pip install -c constraints.txt requests',
    'pip install .',
    'pip install ./x.whl "$PACKAGE"',
    'pip install --upgrade pip',
    `pip install git+https://example.com/a.git@${'0'.repeat(40)}`,
    'echo pip install requests',
    'uvx ruff check',
    'pip install "a==1; python_version > \'3\'"',
    'pip install "unterminated',
    'pip install a==1 2>/dev/null',
    'pip install a==1 2> /dev/null',
    'pip install a==1 > log 2>&1',
    'pip install a==1 >>log',
    'pip install a==1 &>log',
    'pip install a==1 >| log',
    'pip install a==1 {fd}>log',
    'pip install a==1 < answers',
    'pip install a==1 <<< yes',
    'pip install a==1 > >(tee log)',
    'pip install a==1 | tee log',
    'pip install a==1 |& tee log',
    'pip install a==1 || true',
    'pip install a==1 && echo done',
    'pip install a==1; echo done',
    'pip install a==1 & wait',
    'pip install a==1 # with a word on it',
    'pip install -r <(echo a==1)',
    'pip install --progress-bar off a==1',
    'pip install --timeout 100 --retries 5 --trusted-host pypi.org a==1',
    'pip install --only-binary :all: --root-user-action ignore a==1',
    'pip install --python-version 3.10 --abi cp310 --implementation cp a==1',
    'pip install --upgrade-strategy eager --proxy http://proxy:3128 a==1',
    'uv pip install --system --index-strategy unsafe-best-match --torch-backend cpu a==1',
    'uv pip install --exclude-newer 2026-01-01 --link-mode copy a==1',
    'uv pip install --overrides o.txt --build-constraints b.txt a==1',
    'pip install -r requirements.txt 2>/dev/null || pip install -r other.txt',
    'pip install $(cat packages) `cat more`',
    'pip install --requirement=requirements.txt >/dev/null',
    '2>/dev/null pip install a==1',
    '(cd app && pip install a==1)',
    'pip install \'a==1\' "b==2" c\\==3',
  ])
    it(`is not to be blamed for: ${line}`, () => {
      expect(rules(line)).to.deep.equal([]);
    });

  it('names packages alone, and never where their output goes', () => {
    const [{ message } = { message: '' }] = commandMessages('pip install a==1 requests 2>/dev/null >log', {
      separate: false,
    });
    expect(message).to.match(/^"requests" may become/);
  });

  it('is read on after what is no here-document', () => {
    for (const line of ['cat <<< word', 'echo $((1 << 3))', "echo '<<EOF'"]) {
      const lines = [...logicalLines(`${line}\npip install requests\n`)];
      expect(lines, line).to.have.length(2);
    }
    expect([...logicalLines('cat <<-EOF >x\npip install requests\n\tEOF\necho\n')]).to.have.length(1);
  });

  it('downloads what it keeps or runs', () => {
    for (const line of [
      'curl -O https://example.com/x',
      'curl https://example.com/x | sh',
      'curl https://example.com/x >out',
      'curl -oout https://example.com/x',
      'wget https://example.com/x',
      'wget --output-document=x https://example.com/x',
      'git clone git@example.com:a/b.git',
    ])
      expect(rules(line), line).to.deep.equal(['verifier-network-download']);
  });

  it('may probe a service, and use its own', () => {
    for (const line of [
      'curl -fsS https://example.com/health',
      'curl -o /dev/null https://example.com/',
      'wget --spider https://example.com/',
      'wget -qO- https://example.com/ | grep ok',
      'curl -O http://localhost:8080/x',
      'curl -O http://127.0.0.1/x',
      'git status',
    ])
      expect(rules(line), line).to.deep.equal([]);
  });

  it('may install and download where the verifier shares the agent’s container', () => {
    expect(rules('pip install pytest==8.0.0 && wget https://example.com/x', false)).to.deep.equal([]);
  });
});
