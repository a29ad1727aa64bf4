import { expect } from 'chai';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import type { Sbd } from './client.ts';
import type { Refused } from '../../../hand/stream.ts';

const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Refused) => error.reason ?? error.message,
  );

const whole = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

describe('files that sbd works with', function () {
  const container = useSbd();
  const big = Buffer.alloc(1_500_000, 'abcdefg');

  it('are searched for links, as far as it was asked for and no further', async () => {
    const { hand, said } = container();
    const made =
      'mkdir -p /tmp/l/a/b /tmp/l/skip; ln -s /nothing /tmp/l/a/b/one; ln -s ../l/a /tmp/l/two; ln -s /x /tmp/l/skip/three; ln -s skip /tmp/l/four; echo x > /tmp/l/a/file; mkdir /tmp/m; ln -s /tmp/m /tmp/l/five; ln -s /proc/self/root/etc/passwd /tmp/m/six; ln -s /tmp/l /tmp/m/seven';
    await said({ argv: ['sh', '-c', made] });
    const { links, more } = await hand.links({ path: '/tmp/l', exclude: ['skip'] });
    expect(more).to.equal(false);
    expect(links).to.have.deep.members([
      { name: 'a/b/one', target: '/nothing' },
      { name: 'two', target: '../l/a', leadsTo: '/tmp/l/a' },
      { name: 'four', target: 'skip', leadsTo: '/tmp/l/skip' },
      { name: 'five', target: '/tmp/m', leadsTo: '/tmp/m' },
      { name: '../m/six', target: '/proc/self/root/etc/passwd', leadsTo: '/etc/passwd' },
      { name: '../m/seven', target: '/tmp/l', leadsTo: '/tmp/l' },
    ]);
    expect((await hand.links({ path: '/tmp/l', max: 3 })).more).to.equal(true);
    expect(await hand.links({ path: '/tmp/none' })).to.deep.equal({ links: [], more: false });
  });

  for (const user of [undefined, 'agent']) {
    const as = user ? { user } : {};
    const who = user ?? 'sbd itself';
    const place = `/tmp/${user ?? 'root'}`;

    it(`are in folders whose missing parents others can enter, as ${who}`, async () => {
      const { hand } = container();
      await hand.mkdir({ path: `${place}-above/it`, parents: true, mode: 0o700, ...as });
      expect((await hand.stat({ path: `${place}-above`, ...as })).mode).to.equal(0o755);
      expect((await hand.stat({ path: `${place}-above/it`, ...as })).mode).to.equal(0o700);
    });

    it(`are written, read, listed and removed as ${who}`, async () => {
      const { hand } = container();
      await hand.mkdir({ path: place, ...as });
      await hand.writeFile({ path: `${place}/big`, mode: 0o640, ...as }, big);
      expect((await whole(hand.readFile({ path: `${place}/big`, ...as }))).equals(big)).to.equal(true);
      const part = await whole(hand.readFile({ path: `${place}/big`, offset: 3, length: 4, ...as }));
      expect(part.toString()).to.equal('defg');
      const uid = user ? 1000 : 0;
      expect(await hand.stat({ path: `${place}/big`, ...as })).to.include({
        kind: 'file',
        size: big.length,
        mode: 0o640,
        uid,
      });
      expect((await hand.list({ path: place, ...as })).map(({ name }) => name)).to.deep.equal(['big']);
      expect(await reasonOf(hand.remove({ path: place, ...as }))).to.equal('NotEmpty');
      await hand.remove({ path: place, recursive: true, ...as });
      expect(await reasonOf(hand.stat({ path: place, ...as }))).to.equal('NotFound');
    });

    it(`tell as ${who} when they were changed, whatever date they are given`, async () => {
      const { hand, said } = container();
      const path = `${place}-dated`;
      await hand.writeFile({ path, ...as }, Buffer.from('before'));
      const before = await hand.stat({ path, ...as });
      await said({
        argv: [
          'sh',
          '-c',
          `sleep 0.05; touch -r ${path} /tmp/date; printf behind >${path}; touch -r /tmp/date ${path}`,
        ],
      });
      const after = await hand.stat({ path, ...as });
      expect({ ...after, changed: 0 }).to.deep.equal({ ...before, changed: 0 });
      expect(after.changed).to.be.above(before.changed);
    });

    it(`go down and up as a tar as ${who}`, async () => {
      const { hand, said } = container();
      const made = `mkdir -p ${place}/a/b; echo one >${place}/a/one; ln -s ../../x ${place}/a/b/link; mkfifo ${place}/a/fifo; chmod 700 ${place}/a/b`;
      await said({ argv: ['sh', '-c', made], user: user ?? '0' });
      const archive = await whole(hand.tar({ path: `${place}/a`, ...as }));
      await hand.mkdir({ path: `${place}/c`, ...as });
      expect(await hand.untar({ path: `${place}/c`, ...as }, archive)).to.deep.equal({
        entries: 4,
        bytes: 4,
      });
      const { stdout } = await said({
        argv: ['sh', '-c', `cd ${place}/c; cat one; readlink b/link; stat -c %a b; ls`],
      });
      expect(stdout).to.equal('one\n../../x\n700\nb\none\n');
      expect(await reasonOf(hand.untar({ path: `${place}/c`, ...as }, archive.subarray(0, 700)))).to.equal(
        'BadArchive',
      );
      expect(await reasonOf(hand.untar({ path: `${place}/c`, maxEntries: 2, ...as }, archive))).to.equal(
        'TooLarge',
      );
      await hand.remove({ path: place, recursive: true, ...as });
    });
  }

  it('are those that their user may read', async () => {
    const { hand, said } = container();
    await said({ argv: ['sh', '-c', 'echo x > /root/secret; chmod 600 /root/secret'] });
    for (const read of [
      () => whole(hand.readFile({ path: '/root/secret', user: 'agent' })),
      () => hand.writeFile({ path: '/root/secret', user: 'agent' }, Buffer.alloc(1)),
      () => hand.remove({ path: '/root/secret', user: 'agent' }),
      () => hand.list({ path: '/root/secret/', user: 'agent' }),
    ])
      expect(await reasonOf(read())).to.be.oneOf(['NotPermitted', 'NotDirectory']);
  });

  it('are files, and nothing that would block or do something', async () => {
    const { hand, said } = container();
    await said({ argv: ['sh', '-c', 'cd /tmp; mkfifo fifo; ln -s fifo link'] });
    for (const path of ['/tmp/fifo', '/tmp/link', '/dev/zero'])
      expect(await reasonOf(whole(hand.readFile({ path })))).to.equal('NotRegular');
    expect(await reasonOf(whole(hand.readFile({ path: '/tmp' })))).to.equal('IsDirectory');
    expect(await reasonOf(hand.list({ path: '/tmp/fifo' }))).to.equal('NotDirectory');
    expect(await reasonOf(whole(hand.readFile({ path: 'relative' })))).to.equal('BadRequest');
  });

  it('are not written through a link with more rights than whoever made it had', async () => {
    const { hand, said } = container();
    await said({ argv: ['sh', '-c', 'ln -s /etc /tmp/etc; ln -s /etc/passwd /tmp/passwd'], user: 'agent' });
    expect(await reasonOf(hand.writeFile({ path: '/tmp/etc/planted' }, Buffer.from('x')))).to.equal(
      'NotDirectory',
    );
    await hand.writeFile({ path: '/tmp/passwd' }, Buffer.from('x'));
    expect((await hand.stat({ path: '/tmp/passwd' })).kind).to.equal('file');
    expect((await whole(hand.readFile({ path: '/etc/passwd' }))).length).to.be.greaterThan(10);
  });

  it('in an archive lead nowhere else', async () => {
    const { hand, said } = container();
    await said({
      argv: [
        'sh',
        '-c',
        'mkdir /tmp/t; cd /tmp/t; mkdir in; ln -s /etc in/out; tar cf 1 in; rm in/out; mkdir in/out; echo x > in/out/planted; tar cf 2 in; echo y > /tmp/up; tar cPf 3 ../up',
      ],
    });
    await hand.mkdir({ path: '/tmp/u' });
    const unpack = async (name: string) =>
      reasonOf(hand.untar({ path: '/tmp/u' }, await whole(hand.readFile({ path: `/tmp/t/${name}` }))));
    expect(await unpack('1')).to.equal('none');
    expect(await unpack('2')).not.to.equal('none');
    expect(await unpack('3')).to.equal('BadArchive');
    expect(await reasonOf(hand.stat({ path: '/etc/planted' }))).to.equal('NotFound');
  });

  it('are made afresh in place of whatever lies there', async () => {
    const { hand, said } = container();
    await said({
      argv: ['sh', '-c', 'mkdir -p /app/trap; echo kept > /app/trap/file; ln -s /app/trap /tests'],
    });
    await hand.mkdir({ path: '/tests', fresh: true, owner: 1000, mode: 0o700 });
    expect(await hand.stat({ path: '/tests' })).to.include({ kind: 'directory', uid: 1000, mode: 0o700 });
    expect((await whole(hand.readFile({ path: '/app/trap/file' }))).toString()).to.equal('kept\n');
    await hand.mkdir({ path: '/tmp', fresh: true, mode: 0o1777 });
    expect(await hand.list({ path: '/tmp' })).to.deep.equal([]);
  });

  it('are not copied where that was given up before', async () => {
    const late = AbortSignal.abort(new Error('too late'));
    const copying = container().hand.copy({ path: '/etc/passwd', to: '/logs/passwd' }, late);
    expect(await copying.catch(({ message }: Error) => message)).to.equal('too late');
  });

  it('are copied where they are neither too large nor full of holes', async () => {
    const { hand, said } = container();
    await said({
      argv: [
        'sh',
        '-c',
        'cd /app; mkdir d; echo 1 > d/1; ln -s / d/all; mkfifo d/fifo; ln -s d l; truncate -s 1T huge',
      ],
      user: 'agent',
    });
    await hand.mkdir({ path: '/logs/artifacts', mode: 0o777 });
    const limits = { maxFileBytes: 2 ** 31, maxHoleBytes: 64 * 1024 ** 2 };
    const copy = (name: string) =>
      reasonOf(
        hand.copy({ path: `/app/${name}`, to: `/logs/artifacts/x/${name}`, user: 'agent', ...limits }),
      );
    expect(await copy('l')).to.equal('none');
    expect((await hand.list({ path: '/logs/artifacts/x/l' })).map(({ name }) => name)).to.have.members([
      '1',
      'all',
    ]);
    expect(await copy('huge')).to.equal('TooLarge');
    expect(await copy('none')).to.equal('NotFound');
  });

  it('are copied without what is excluded, and without end where the copy lies within', async () => {
    const { hand, said } = container();
    const made =
      'cd /app; mkdir -p e/cache e/src; touch e/src/a.pyc e/src/a.py e/cache/x; ln -s src/a.py e/near';
    await said({ argv: ['sh', '-c', made], user: 'agent' });
    const exclude = ['*.pyc', 'cache'];
    expect(await hand.copy({ path: '/app/e', to: '/app/e/copy', user: 'agent', exclude })).to.deep.equal({
      kind: 'directory',
      linksOut: 0,
    });
    const { stdout } = await said({ argv: ['sh', '-c', 'cd /app/e/copy; find . | LC_ALL=C sort'] });
    expect(stdout).to.equal('.\n./near\n./src\n./src/a.py\n');
    await said({ argv: ['sh', '-c', 'ln -s /etc /app/e/far; ln -s ../../x /app/e/src/up'], user: 'agent' });
    const again = { path: '/app/e', to: '/app/e/copy', user: 'agent' };
    expect(await hand.copy(again)).to.deep.equal({ kind: 'directory', linksOut: 2 });
    expect(
      await hand.copy({ path: '/app/e/near', to: '/app/n', user: 'agent', exclude: ['*'] }),
    ).to.deep.equal({
      kind: 'file',
      linksOut: 0,
    });
    const patterns = Array.from({ length: 300 }, () => 'x');
    expect(await reasonOf(hand.copy({ ...again, exclude: patterns }))).to.equal('TooLarge');
  });

  it('keep nobody who stops reading or writing', async () => {
    const { hand } = container();
    await hand.writeFile({ path: '/app/large' }, big);
    for (let i = 0; i < 100; i += 1) {
      const reading = hand.readFile({ path: '/app/large', ...(i % 2 === 0 && { user: 'agent' }) });
      await new Promise<unknown>((resolve) => reading.once('readable', resolve));
      reading.destroy();
    }
    expect((await whole(hand.readFile({ path: '/app/large' }))).length).to.equal(big.length);
  });

  it('are looked up for users with no library, whatever lies there', async () => {
    const { hand, said } = container();
    const passwd = await whole(hand.readFile({ path: '/etc/passwd' }));
    const check = (sbd: Sbd) => reasonOf(sbd.check({ user: 'agent' }));
    for (const plant of [
      'mkfifo /etc/passwd',
      'ln -s /dev/zero /etc/passwd',
      'truncate -s 1T /etc/passwd',
      'mkdir /etc/passwd',
    ]) {
      await said({ argv: ['sh', '-c', `rm -rf /etc/passwd; ${plant}`] });
      expect(await check(hand)).to.equal('UserMissing');
      expect((await said({ argv: ['id', '-u'], user: '1000' })).stdout).to.equal('1000\n');
    }
    await hand.remove({ path: '/etc/passwd', recursive: true });
    await hand.writeFile({ path: '/etc/passwd' }, passwd);
    expect(await check(hand)).to.equal('none');
  });
});
