import { expect } from 'chai';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import { Refused } from '../../../hand/stream.ts';
import type { Start } from './client.ts';

const sh = (script: string) => ['sh', '-c', script];
/** What changes nothing, but has a helper start the command. */
const BY_HELPER = { limits: { core: 0 } };

/** Commands that sbd starts itself, beside the same ones that a helper of its own becomes. */
describe('a command that sbd starts without a helper', function () {
  const container = useSbd();

  const both = async (request: Omit<Start, 'id'>): Promise<[string, string]> => {
    const { said } = container();
    const told = async (more: object): Promise<string> => {
      const { exit, stdout, stderr } = await said({ ...request, ...more });
      return JSON.stringify({ code: exit.code, signal: exit.signal, stdout, stderr });
    };
    return [await told({}), await told(BY_HELPER)];
  };
  const refusals = async (request: Omit<Start, 'id'>): Promise<[string, string]> => {
    const { said } = container();
    const why = (more: object): Promise<string> =>
      said({ ...request, ...more }).then(
        () => 'none',
        (error: unknown) => (error instanceof Refused ? `${error.reason}: ${error.message}` : String(error)),
      );
    return [await why({}), await why(BY_HELPER)];
  };

  const SAME: [what: string, Omit<Start, 'id'>][] = [
    ['user, groups and rights', { argv: sh('id; grep -E "Cap|NoNew|Seccomp:" /proc/self/status') }],
    [
      'user, groups and rights, asked for by name',
      { argv: sh('id; grep Groups /proc/self/status'), user: 'root' },
    ],
    [
      'directory, mask and variables',
      { argv: sh('pwd; umask; env | sort'), workdir: '/app', env: { A: 'b' } },
    ],
    ['what is open', { argv: sh('ls /proc/self/fd | wc -l; readlink /proc/self/fd/0') }],
    ['signals', { argv: sh('grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status; ulimit -n; kill -TERM $$') }],
    ['a session of its own', { argv: sh('[ "$(cut -d " " -f 6 /proc/$$/stat)" = $$ ]; echo $?') }],
    ['how soon the kernel kills it', { argv: sh('sleep 0.3; cat /proc/self/oom_score_adj') }],
    ['its terminal', { argv: sh('tty | tr -d 0-9; stty size'), pty: { rows: 12, columns: 34 } }],
    ['its name', { argv: sh('echo $0'), name: 'other' }],
    ['a program beside it', { argv: ['./beside'], workdir: '/tmp/beside' }],
  ];
  before(async () => {
    await container().said({
      argv: sh(
        'mkdir -p /tmp/beside; printf "#!/bin/sh\\necho beside\\n" > /tmp/beside/beside; chmod +x /tmp/beside/beside',
      ),
    });
  });
  for (const [what, request] of SAME)
    it(`has the same: ${what}`, async () => {
      const [direct, helped] = await both(request);
      expect(direct).to.equal(helped);
      expect(direct).to.match(/"stdout":"[^"]/);
    });

  it('fails for the same reason, in the same words', async () => {
    const { said } = container();
    await said({
      argv: sh(
        'mkdir -p /tmp/none; echo x > /tmp/none/plain; printf "#!/no/such\\n" > /tmp/none/lost; chmod +x /tmp/none/lost; mkfifo -m 755 /tmp/none/pipe',
      ),
    });
    for (const argv of [
      ['no-such'],
      ['/tmp/none/plain'],
      ['/tmp/none/lost'],
      ['/tmp/none/pipe'],
      ['/tmp/none'],
    ]) {
      const [direct, helped] = await refusals({ argv });
      expect(direct).to.equal(helped).and.not.to.equal('none');
    }
  });

  it('is found where its own directory is in PATH, and nowhere else', async () => {
    const request = { argv: ['beside'], workdir: '/tmp/beside', env: { PATH: '.:/usr/bin' } };
    const [direct, helped] = await both(request);
    expect(direct).to.equal(helped).and.to.include('beside');
    const [elsewhere, other] = await refusals({ ...request, workdir: '/' });
    expect(elsewhere)
      .to.equal(other)
      .and.to.match(/^ProgramMissing/);
  });

  it('keeps nobody waiting who starts another, where somebody has a lease of its program', async () => {
    const { said, start } = container();
    const holding = await start({
      argv: [
        'perl',
        '-e',
        'open(F, "+<", "/tmp/beside/beside"); fcntl(F, 1024, 1) or die "no lease"; $SIG{IO} = "IGNORE"; $| = 1; print "held\n"; sleep 20',
      ],
    });
    for await (const chunk of holding.stdout) if (String(chunk).includes('held')) break;
    const blocked = start({ argv: ['/tmp/beside/beside'] });
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
    holding.signal(9);
    await blocked.then((running) => running.close());
  });
});
