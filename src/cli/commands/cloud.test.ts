import { expect } from 'chai';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { run } from '../program.ts';

describe('sb cloud init --dry-run', () => {
  const init = async (env: Record<string, string>, ...args: string[]) => {
    const io = recordedIo({ env: { HOME: '/nonexistent', ...env } });
    const code = await run(['cloud', 'init', ...args], io);
    return { code, ...io.terminal };
  };
  const KEYS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };

  it('shows what would be made and what it costs, and that nothing is missing', async () => {
    const { code, stdout, stderr } = await init(KEYS, '--dry-run', '--region', 'us-east-1');
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(
      /^abundant-sb-artifacts \(stays when the rest goes\)\n {2}S3 bucket +\$0\.023 per GB/,
    );
    expect(stdout).to.match(/NAT gateway +\$0\.045 per hour, \$0\.045 per GB\n/);
    expect(stdout).to.contain(
      'While no Trial runs: $0.15 per hour, about $109.50 a month, and the operator’s node.\n',
    );
  });

  it('says without credentials what is missing, in a line each, and exits with 3', async () => {
    const { code, stderr } = await init({}, '--dry-run');
    expect(code).to.equal(3);
    expect(stderr).to.match(/^missing: credentials: .+\nmissing: region: .+\n$/);
  });

  it('prints no control characters of a name', async () => {
    const { stdout, stderr } = await init(
      KEYS,
      '--dry-run',
      '--region',
      'a\u001b[2J',
      '--stack',
      'b\u001b[2J',
    );
    expect(stdout + stderr).to.not.contain('\u001b');
  });

  it('makes nothing: without --dry-run it is refused', async () => {
    const { code, stderr } = await init(KEYS, '--region', 'us-east-1');
    expect(code).to.equal(2);
    expect(stderr).to.contain("required option '--dry-run' not specified");
  });
});
