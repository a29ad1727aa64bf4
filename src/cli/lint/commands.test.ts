import { expect } from 'chai';
import { commandFindings } from './commands.ts';

const rules = (text: string, separate = true): string[] =>
  commandFindings(text, { separate }).map(({ rule }) => rule);

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
  ])
    it(`is not to be blamed for: ${line}`, () => {
      expect(rules(line)).to.deep.equal([]);
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
