import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import type { WatchEvent } from '../../../wire/hand/protocol.ts';
import type { Sbd } from './client.ts';
import { HandLost } from '../../../hand/stream.ts';
import type { Refused } from '../../../hand/stream.ts';
import { watchEvents } from './watch.ts';

type Watch = AsyncGenerator<WatchEvent>;

/** An event in one line. */
const short = (event: WatchEvent): string =>
  Object.entries(event)
    .map(([name, value]) => (name === 'event' ? String(value) : `${name}=${String(value)}`))
    .join(' ');

/** Reads up to an event that begins so, or to the end; resolves what came, that event included. */
async function until(events: Watch, wanted: string): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) return [...seen, 'over'];
    seen.push(short(value));
    if (seen.at(-1)?.startsWith(wanted)) return seen;
  }
}

async function begin(hand: Sbd, watch: Parameters<Sbd['watch']>[0]): Promise<Watch> {
  const events = hand.watch(watch);
  await until(events, 'watching');
  return events;
}

const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Refused) => error.reason ?? error.message,
  );

const sh = (script: string, user = '0') => ({ argv: ['sh', '-c', script], user });

describe('a watch of files', function () {
  this.timeout(30_000);
  const container = useSbd({ each: true });

  for (const user of [undefined, 'agent'])
    it(`tells what happens, as ${user ?? 'sbd itself'}`, async () => {
      const { hand, said } = container();
      await said(sh('mkdir -p /app/a/b; echo x > /app/a/old', 'agent'));
      const events = await begin(hand, { path: '/app', recursive: true, ...(user && { user }) });
      await said(
        sh('cd /app; echo x > a/b/new; mv a/old a/moved; mkdir -p d/e/f; rm a/b/new; rm -r a', 'agent'),
      );
      const seen = await until(events, 'removed path=a kind');
      for (const event of [
        'created path=a/b/new',
        'moved path=a/moved from=a/old',
        'created path=d/e/f kind=directory',
        'removed path=a/b/new',
        'removed path=a/b kind=directory',
      ])
        expect(
          seen.some((line) => line.startsWith(event)),
          event,
        ).to.equal(true);
      await said(sh('rm -rf /app/*; mv /app /elsewhere'));
      expect((await until(events, 'nothing else')).slice(-2)).to.deep.equal(['ended why=removed', 'over']);
    });

  it('tells of a single file, and of its replacement', async () => {
    const { hand } = container();
    await hand.writeFile({ path: '/app/file' }, Buffer.from('1'));
    const events = await begin(hand, { path: '/app/file' });
    const { said } = container();
    await said(sh('echo 2 >> /app/file'));
    expect(await until(events, 'modified')).to.deep.equal(['modified path= kind=file']);
    await hand.writeFile({ path: '/app/file' }, Buffer.from('2'));
    expect(await until(events, 'ended')).to.deep.equal(['ended why=replaced']);
  });

  it('has names of any bytes', async () => {
    const { hand, said } = container();
    const events = await begin(hand, { path: '/app', recursive: true, user: 'agent' });
    const long = 'n'.repeat(255);
    await said({
      argv: ['bash', '-c', `cd /app; mkdir $'\\xff\\n"'; : > $'\\xff\\n"/in\\nside'; : > ${long}; : > end`],
      user: 'agent',
    });
    const seen = await until(events, 'created path=end');
    expect(seen).to.include('created path=\ufffd\n" pathHex=ff0a22 kind=directory');
    expect(seen).to.include(
      `created path=\ufffd\n"/in\nside pathHex=${Buffer.from([0xff, 0x0a, 0x22]).toString('hex')}${Buffer.from('/in\nside').toString('hex')} kind=file`,
    );
    expect(seen).to.include(`created path=${long} kind=file`);
  });

  it('is refused where its user may not list, or where nothing can be watched', async () => {
    const { hand, said } = container();
    await said(
      sh('mkdir -m 700 /root/private; mkfifo /app/fifo; ln -s /root/private /app/link; ln -s /tmp /app/tmp'),
    );
    const refusal = async (watch: Parameters<Sbd['watch']>[0]) => await reasonOf(hand.watch(watch).next());
    expect(await refusal({ path: '/root/private', user: 'agent' })).to.equal('NotPermitted');
    expect(await refusal({ path: '/app/link', user: 'agent' })).to.equal('NotPermitted');
    expect(await refusal({ path: '/app/link' })).to.equal('NotRegular');
    expect(await refusal({ path: '/app/tmp/x' })).to.equal('NotDirectory');
    expect(await refusal({ path: '/app/fifo', user: 'agent' })).to.equal('NotRegular');
    expect(await refusal({ path: '/app/none', user: 'agent' })).to.equal('NotFound');
    expect(await refusal({ path: 'app' })).to.equal('BadRequest');
    expect(await refusal({ path: '/app', user: 'nobody-at-all' })).to.equal('UserMissing');
  });

  it('tells nothing of a folder from when its user may not list it any more, until that may be again', async () => {
    const { hand, said } = container();
    await said(sh('mkdir -p /app/open/deep /app/closed; chmod 700 /app/closed'));
    const events = hand.watch({ path: '/app', recursive: true, user: 'agent' });
    expect(await until(events, 'watching')).to.deep.equal([
      'unwatched path=closed reason=NotPermitted',
      'watching folders=3',
    ]);
    await said(
      sh('cd /app; touch closed/secret; chmod 700 open; touch open/secret open/deep/secret; touch end'),
    );
    expect(await until(events, 'created path=end')).to.deep.equal([
      'unwatched path=open reason=NotPermitted',
      'created path=end kind=file',
    ]);
    await said(sh('cd /app; chmod 755 open'));
    expect(await until(events, 'created path=open/deep/secret')).to.include(
      'created path=open kind=directory',
    );
    // Whoever may list a folder and not enter it does not see what lies below its folders.
    await said(sh('cd /app; chmod 744 open; touch open/deep/hidden; touch end2'));
    const seen = await until(events, 'created path=end2');
    expect(seen).to.include('unwatched path=open/deep reason=NotPermitted');
    expect(seen.join('\n')).not.to.include('hidden');
  });

  it('ends where the way to it is closed, and leads nowhere through a link in its place', async () => {
    const { hand, said } = container();
    await said(sh('mkdir -p /app/a/b /app/c/d; chmod 755 /app'));
    const closed = await begin(hand, { path: '/app/a/b', recursive: true, user: 'agent' });
    const swapped = await begin(hand, { path: '/app/c/d', recursive: true, user: 'agent' });
    await said(sh('chmod 700 /app/a; touch /app/a/b/secret'));
    expect(await reasonOf(closed.next())).to.equal('NotPermitted');
    await said(
      sh(
        'mkdir /root/d; mv /app/c/d /root/d/x; ln -s /root/d /app/c/d; chmod 700 /root; touch /root/d/secret',
      ),
    );
    const end = await until(swapped, 'ended').catch((error: Refused) => [error.reason]);
    expect(end).to.have.length(1);
    expect(end[0]).to.be.oneOf(['NotPermitted', 'ended why=removed', 'ended why=replaced']);
  });

  it('tells nothing of what was moved to where its user may not look', async () => {
    const { hand, said } = container();
    await said(sh('mkdir -p /app/listed /app/one/in /app/two /root/out; chmod 744 /app/listed'));
    const events = await begin(hand, { path: '/app', recursive: true, user: 'agent' });
    await said(
      sh(
        'cd /app; mv one listed/one; mv two /root/out/two; sleep 0.1; touch listed/one/secret listed/one/in/secret',
      ),
    );
    await said(sh('touch /root/out/two/secret /app/end'));
    const seen = await until(events, 'created path=end');
    expect(seen).to.include('unwatched path=listed/one reason=NotPermitted');
    expect(seen).to.include('removed path=two kind=directory');
    expect(seen.join('\n')).not.to.include('secret');
  });

  it('tells a slow reader nothing that has happened since its user may not look', async () => {
    const { hand, said } = container();
    await said(sh('mkdir -p /app/way/in', 'agent'));
    const events = await begin(hand, { path: '/app/way/in', recursive: true, user: 'agent' });
    const many = 'import os\nfor i in range(6000): os.makedirs("/app/way/in/%d%s/x" % (i, "n" * 200))\n';
    await said({ argv: ['python3', '-c', many], user: 'agent' });
    await sleep(500);
    const closed = [
      'import os',
      'os.chown("/app/way", 0, 0); os.chmod("/app/way", 0o700); os.chdir("/app/way/in")',
      'os.makedirs("secret/a")',
      'for name in os.listdir("."): open(name + "/secret", "w").close()',
    ].join('\n');
    await said({ argv: ['python3', '-c', closed] });
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const event of events) seen.push(short(event));
    };
    expect(await reasonOf(reading())).to.equal('NotPermitted');
    expect(seen.length).to.be.greaterThan(500);
    expect(seen.filter((line) => line.includes('secret'))).to.deep.equal([]);
  });

  it('stops when its reader does, and leaves no process', async () => {
    const { hand, said } = container();
    for (let i = 0; i < 20; i += 1) {
      const watch = { path: '/app', recursive: true, user: i % 2 === 0 ? 'agent' : '0' };
      const events = await beginWithRoom(hand, watch);
      await events.return(undefined);
    }
    const idle = hand.watch({ path: '/app' }, AbortSignal.timeout(300));
    expect(await reasonOf(until(idle, 'never'))).to.match(/abort/i);
    await expectNoWatch(said);
  });

  it('that is given up before it began leaves no process', async () => {
    const { hand, said } = container();
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const given = hand.watch({ path: '/app', user: 'agent' }, AbortSignal.timeout(i));
        await reasonOf(until(given, 'never'));
      }),
    );
    await expectNoWatch(said);
  });

  it('is one of eight', async () => {
    const { hand } = container();
    const all = await Promise.all(Array.from({ length: 8 }, () => begin(hand, { path: '/app' })));
    expect(await reasonOf(hand.watch({ path: '/app' }).next())).to.equal('TooManyWatches');
    await Promise.all(all.map((events) => events.return(undefined)));
    const another = await beginWithRoom(hand, { path: '/app' });
    await another.return(undefined);
  });

  it('that nobody reads costs sbd no memory and keeps no command waiting, and tells what it has lost', async function () {
    this.timeout(60_000);
    const { hand, pod, said } = container();
    const events = await begin(hand, { path: '/app', recursive: true, user: 'agent' });
    const flood = 'import os\nfor i in range(60000):\n  os.close(os.open("/app/%d" % i, os.O_CREAT))\n';
    expect((await said({ argv: ['python3', '-c', flood], user: 'agent' })).exit.code).to.equal(0);
    await said(sh('mkdir -p /app/made/late', 'agent'));
    const status = readFileSync(`/proc/${pod.pid()}/status`, 'utf8');
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])).to.be.lessThan(9 * 1024);
    const begun = performance.now();
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
    expect(performance.now() - begun).to.be.lessThan(2000);
    await until(events, 'overflow');
    await said(sh('touch /app/made/late/file', 'agent'));
    await until(events, 'created path=made/late/file');
    await events.return(undefined);
  });

  it('goes on after somebody has halted it, and says when somebody has killed it', async () => {
    const { hand, said } = container();
    const events = await begin(hand, { path: '/app', recursive: true, user: 'agent' });
    await said(sh('kill -STOP -1', 'agent'));
    await said(sh('touch /app/one', 'agent'));
    await until(events, 'created path=one');
    await hand.whileHalted({ left: 'keep' }, async () => {
      await hand.writeFile({ path: '/app/two' }, Buffer.from('x'));
      await sleep(1500);
    });
    await until(events, 'created path=');
    await said(sh('kill -KILL -1', 'agent'));
    expect(await reasonOf(until(events, 'never'))).to.equal('Killed');
  });

  it('follows folders that are renamed in circles and swapped for links', async () => {
    const { hand, said } = container();
    const events = await begin(hand, { path: '/app', recursive: true, user: 'agent' });
    const circles = [
      'import os',
      'os.chdir("/app")',
      'for n in "abc": os.makedirs(n + "/in")',
      'for i in range(2000):',
      '  os.rename("a", "x"); os.rename("b", "a"); os.rename("c", "b"); os.rename("x", "c")',
      '  os.rename("a/in", "b/out"); os.symlink("/root", "a/in"); os.unlink("a/in"); os.rename("b/out", "a/in")',
      'for n in "abc": open(n + "/in/last", "w")',
    ].join('\n');
    expect((await said({ argv: ['python3', '-c', circles], user: 'agent' })).exit.code).to.equal(0);
    const wanted = new Set(['a/in/last', 'b/in/last', 'c/in/last']);
    let lost = false;
    while (wanted.size > 0 && !lost) {
      const { value, done } = await events.next();
      if (done) throw new Error('it ended');
      lost = value.event === 'overflow';
      if (value.event === 'created') wanted.delete(value.path);
      if ('path' in value) expect(value.path.startsWith('root')).to.equal(false);
    }
  });
});

/** Begins a watch as soon as there is room: the process of one that nobody reads ends a little later than its reader. */
async function beginWithRoom(hand: Sbd, watch: Parameters<Sbd['watch']>[0]): Promise<Watch> {
  for (let left = 100; ; left -= 1)
    try {
      return await begin(hand, watch);
    } catch (error) {
      if (left === 0 || (error as Refused).reason !== 'TooManyWatches') throw error;
      await sleep(100);
    }
}

type Said = ReturnType<ReturnType<typeof useSbd>>['said'];

/** Beside the shell and what it runs, nobody lives in the container. */
async function expectNoWatch(said: Said): Promise<void> {
  const watches = async (): Promise<string> =>
    (
      await said(sh('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" | grep -cx [f]iles; true'))
    ).stdout.trim();
  for (let i = 0; i < 50 && (await watches()) !== '0'; i += 1) await sleep(50);
  expect(await watches()).to.equal('0');
}

describe('the lines of a watch', () => {
  const chunks = async function* (whole: Buffer, cuts: number[]) {
    const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].toSorted(
      (a, b) => a - b,
    );
    for (const [index, end] of at.slice(1).entries())
      yield await Promise.resolve(whole.subarray(at[index], end));
  };
  const all = async (events: Watch): Promise<WatchEvent[]> => await Array.fromAsync(events);

  it('are the same in whatever pieces they come', async () => {
    const event = fc.record({
      event: fc.constant('created' as const),
      path: fc.string({ unit: 'grapheme' }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event), fc.array(fc.nat()), async (events, cuts) => {
        const sent: WatchEvent[] = [...events, { event: 'ended', why: 'removed' }];
        const whole = Buffer.from(sent.map((line) => `${JSON.stringify(line)}\n`).join(''));
        expect(await all(watchEvents(chunks(whole, cuts)))).to.deep.equal(sent);
      }),
    );
  });

  it('are lost where they are cut, endless or no events', async () => {
    for (const text of ['', '{"event":"overflow"}\n', '{"event":"no"}\n', 'x'.repeat(200_000)]) {
      const failure = await all(watchEvents(chunks(Buffer.from(text), []))).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(HandLost);
    }
  });
});
