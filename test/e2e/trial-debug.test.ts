import { expect } from 'chai';
import { tmpdir } from 'node:os';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { kubectl, kubectlOk, type Said } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { accountWith } from './support/account.ts';
import { startSb } from './support/sb.ts';
import { hold, Story } from './support/story.ts';
import { rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

/** Whoever connects to the courier's port from within the Pod: how many bytes come, until the connection ends. */
const KNOCK = 'exec 3<>/dev/tcp/$(hostname -i)/28173 && timeout 20 cat <&3 | wc -c';

describe('a shell for a Trial', function () {
  this.timeout(300_000);
  let namespace = '';
  let story: Story;
  const configs: Record<string, string> = {};

  before(async () => {
    namespace = await world().makeNamespace();
    const create = (...args: string[]): Promise<string> => kubectlOk(['create', ...args, '-n', namespace]);
    const trials = 'trials.sb.abundant.ai';
    await create('role', 'debugger', '--verb=get,list,create,delete', `--resource=${trials}`);
    await create('role', 'entering', '--verb=create', `--resource=${trials}/exec`);
    configs['debugger'] = await accountWith({ account: 'debugger', namespace }, 'role/debugger');
    await create('rolebinding', 'entering', '--role=entering', `--serviceaccount=${namespace}:debugger`);
    configs['looker'] = await accountWith({ account: 'looker', namespace }, 'role/debugger');
    story = new Story(
      'debugged',
      { agent: `echo mine > /tmp/of-agent\n${hold('agent')}`, tests: rewardIf('[ -e /tmp/from-outside ]') },
      namespace,
    );
  });

  const debug = (as: string, ...args: string[]): Promise<Said> =>
    startSb(['trial', 'debug', ...args], { cwd: tmpdir(), namespace, config: configs[as] as string }).end;

  it('opens where its agent works, by create on trials/exec and no right on Pods, and the log says who came', async () => {
    await story.reaches('agent');
    const script = 'cat /tmp/of-agent; touch /tmp/from-outside; echo oops >&2; exit 5';
    const { code, stdout, stderr } = await debug('debugger', story.name, '--', 'sh', '-c', script);
    expect(code, stderr).to.equal(5);
    expect(stdout).to.equal('mine\n');
    expect(stderr)
      .to.include('may change its result')
      .and.match(/oops\n$/);
    const user = `system:serviceaccount:${namespace}:debugger`;
    const { stdout: answer } = await kubectl([
      'auth',
      'can-i',
      'create',
      'pods/exec',
      '-n',
      namespace,
      `--as=${user}`,
    ]);
    expect(answer.trim()).to.equal('no');
    const { metadata } = await story.running();
    const log = await kubectlOk(['logs', '-n', namespace, metadata.name, '-c', CONTAINERS.courier]);
    expect(log).to.include(`"${user}" has entered the task container`);
  });

  it('opens for nobody without that, who starts no copy either', async () => {
    for (const args of [[], ['--copy']]) {
      const { code, stderr } = await debug('looker', story.name, ...args, '--', 'true');
      expect(code, stderr).to.equal(3);
      expect(stderr).to.include('SB-E104').and.include('trials/exec').and.include('--clusterrole=sb-edit');
    }
    const names = await kubectlOk(['get', 'trials', '-n', namespace, '-o', 'name']);
    expect(names.trim().split('\n')).to.have.length(1);
  });

  it('is no door for what runs in the Pod: the courier hears nothing and says nothing', async () => {
    const { code, stdout, stderr } = await debug('debugger', story.name, '--', 'bash', '-c', KNOCK);
    expect([code, stdout.trim()], stderr).to.deep.equal([0, '0']);
  });

  it('leaves the Trial to end as it would; afterwards it opens in a copy, which can go with it', async () => {
    await story.release('agent');
    const { status } = await story.earns(1);
    // What the tests looked for was made by somebody who came in.
    const message = `system:serviceaccount:${namespace}:debugger entered the task container`;
    expect(status?.integrity?.verdict).to.equal('Unknown');
    expect(status?.integrity?.findings).to.deep.include({ code: 'TrialEntered', message });
    const { stderr, code } = await debug(
      'debugger',
      story.name,
      '--copy',
      '--rm',
      '--',
      'test',
      '!',
      '-e',
      '/tmp/of-agent',
    );
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include(`Trial ${story.name}-debug is deleted`);
    await eventuallyTrue('the copy is gone', async () => {
      const names = await kubectlOk(['get', 'trials', '-n', namespace, '-o', 'name']);
      return !names.includes('-debug');
    });
  });
});
