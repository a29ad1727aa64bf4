import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { SANDBOX_PORT } from '../../src/wire/sandbox/names.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { killContainer } from './support/faults.ts';
import { startSb, type RunningSb } from './support/sb.ts';
import { podOf, small, userSession } from './support/sandboxes.ts';
import { world } from './support/world.ts';

const IMAGE = 'python:3.13-slim';
const MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hands out a file, and says of what it is sent how long it is and its digest. `slow`: a piece every tenth of a second. */
const SERVER = `
import hashlib, http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        return body
    def do_GET(self):
        body = self.answer(open('/tmp/big', 'rb').read())
        if self.path != '/slow': return self.wfile.write(body)
        for at in range(0, len(body), 100000):
            self.wfile.write(body[at:at + 100000]); self.wfile.flush(); time.sleep(0.1)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.wfile.write(self.answer(f'{len(body)} {hashlib.sha256(body).hexdigest()}'.encode()))
http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Handler).serve_forever()
`;

interface Curled {
  code: number;
  stdout: string;
}

const curl = (...args: string[]): Promise<Curled> =>
  new Promise((resolve) => {
    execFile('curl', ['-sS', '--max-time', '60', ...args], (error, stdout) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout }),
    );
  });

describe('a server in a Sandbox', () => {
  let session: Session;
  let sandbox: SandboxEnvironment;
  let folder: string;
  let sb: RunningSb;
  let url: string;
  let digest: string;

  before(async function () {
    this.timeout(240_000);
    await ensureBaseImages([IMAGE]);
    folder = await mkdtemp(join(tmpdir(), 'sb-ports-'));
    session = userSession();
    sandbox = await small(session, 'served', { image: IMAGE, user: '1000' }).init();
    await sandbox.writeFile('/tmp/server.py', SERVER);
    const { stdout } = await sandbox.runCommand(
      `head -c ${50 * MIB} /dev/urandom > /tmp/big; sha256sum /tmp/big`,
    );
    [digest = ''] = stdout.split(' ');
    await sandbox.startCommand(['python3', '/tmp/server.py'], { id: 'server' });
    sb = startSb(['sandbox', 'port-forward', 'served', ':8080', ':9999'], {
      cwd: folder,
      namespace: world().namespace,
    });
    const port = await eventually(
      'sb says the port',
      () => /127\.0\.0\.1:(\d+) to port 8080/.exec(sb.said.stdout)?.[1],
    );
    url = `http://127.0.0.1:${port}`;
    await eventuallyTrue('it answers', async () => (await curl('-o', join(folder, 'first'), url)).code === 0);
  });

  after(async () => {
    sb.child.kill('SIGKILL');
    await sandbox.teardown();
    await session.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is reached through sb sandbox port-forward, 50 MB down and up without a byte changed', async () => {
    const down = join(folder, 'down');
    const began = performance.now();
    expect((await curl('-o', down, url)).code).to.equal(0);
    process.stdout.write(`      50 MiB down in ${Math.round(performance.now() - began)} ms\n`);
    expect(sha256(await readFile(down))).to.equal(digest);
    const sent = randomBytes(50 * MIB);
    await writeFile(join(folder, 'up'), sent);
    const { stdout } = await curl('-H', 'Expect:', '--data-binary', `@${join(folder, 'up')}`, url);
    expect(stdout).to.equal(`${sent.length} ${sha256(sent)}`);
  });

  it('serves many at once', async () => {
    const bodies = Array.from({ length: 30 }, (_, index) => `body ${index}`);
    const answers = await Promise.all(bodies.map((body) => curl('--data-binary', body, url)));
    expect(answers.map(({ stdout }) => stdout)).to.deep.equal(
      bodies.map((body) => `${body.length} ${sha256(Buffer.from(body))}`),
    );
  });

  it('is told from a port where nobody listens: the connection is refused, sb says why and goes on', async () => {
    const [, port] = /127\.0\.0\.1:(\d+) to port 9999/.exec(sb.said.stdout) ?? [];
    // 56: the connection was reset; 7: it was so before curl had looked.
    expect((await curl(`http://127.0.0.1:${port}`)).code).to.be.oneOf([7, 56]);
    await eventuallyTrue('sb says it', () => sb.said.stderr.includes('ConnectionRefused'));
    expect(sb.said.stderr).to.include('nothing answers on port 9999');
    expect((await curl('--data-binary', 'x', url)).code).to.equal(0);
  });

  it('is all that can be reached: of ours only the courier listens in its Pod, and to that nothing leads', async () => {
    const { stdout } = await sandbox.runCommand('cat /proc/net/tcp /proc/net/tcp6');
    const listening = stdout
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter(([, , , state]) => state === '0A')
      .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
    expect(listening).to.have.members([8080, SANDBOX_PORT]);
    const failure: unknown = await sandbox.connect(SANDBOX_PORT).catch((error: unknown) => error);
    expect(failure).to.include({ reason: 'BadRequest' });
  });

  it('has its connections cut and never quietly ended where its courier is killed; others follow', async function () {
    this.timeout(120_000);
    const slow = curl('-o', join(folder, 'slow'), `${url}/slow`);
    await eventuallyTrue('it comes', async () => {
      const size = await readFile(join(folder, 'slow')).then(
        ({ length }) => length,
        () => 0,
      );
      return size > 0;
    });
    await killContainer(await podOf('served'), CONTAINERS.courier);
    expect((await slow).code).to.equal(56);
    await eventuallyTrue('it answers again', async () => (await curl('--data-binary', 'x', url)).code === 0);
    expect((await readFile(join(folder, 'slow'))).length).to.be.lessThan(50 * MIB);
  });

  it('is reached no more after Ctrl-C', async () => {
    sb.child.kill('SIGINT');
    expect((await sb.end).code).to.equal(130);
    // 7: nobody listens.
    expect((await curl(url)).code).to.equal(7);
  });
});
