import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { useScriptedServer, type ScriptedServer } from '../../../test/support/http.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import { pushImage, startRegistry } from '../../../test/support/registry.ts';
import type { ProviderError } from '../errors.ts';
import { imageRegistryContract, type PushedImage } from './contract.ts';
import { ociImageRegistry } from './oci.ts';
import type { ImageRegistry } from './port.ts';
import { parseReference } from './reference.ts';

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

async function push(base: string, text: string, { config, platforms }: PushedImage): Promise<string> {
  const { repository, tag } = parseReference(text);
  const { user, workdir, entrypoint, cmd } = config;
  const written = { User: user, WorkingDir: workdir, Entrypoint: entrypoint, Cmd: cmd };
  return pushImage(base, { path: repository, tag: tag! }, { config: written, platforms });
}

describe('oci ImageRegistry on distribution’s registry', () => {
  let server: Running | undefined;
  let base: string;
  let registry: ImageRegistry;

  before(async function () {
    server = await startRegistry();
    if (!server) skipWithout('registry', this);
    base = `http://${server.address}`;
    registry = ociImageRegistry({ mirrors: { 'docker.io': base, 'quay.io': `${base}/quay` } });
  });
  after(() => server?.stop());

  imageRegistryContract(() => ({ registry, push: (reference, image) => push(base, reference, image) }));

  it('puts a mirror’s path before the repository, and keeps the name that nodes know', async () => {
    const image = { config: { user: 'q' }, platforms: ['linux/amd64'] };
    const digest = await push(base, 'docker.io/quay/org/app:1', image);
    const found = await registry.resolve('quay.io/org/app:1');
    expect(found).to.deep.equal({ digest, reference: `quay.io/org/app@${digest}` });
    expect((await registry.config(found!, 'linux/amd64')).user).to.equal('q');
  });
});

const DIGEST = `sha256:${'a'.repeat(64)}`;
const PINNED = { reference: `docker.io/a/b@${DIGEST}`, digest: DIGEST };

type Handler = ScriptedServer['handle'];

const answer = (status: number, headers: Record<string, string> = {}): Handler => {
  return (_, response) => response.writeHead(status, headers).end();
};

/** A registry whose token server hands out `secret`. */
const tokenServer =
  (server: ScriptedServer, accepted: string): Handler =>
  (request, response) => {
    if (request.url!.startsWith('/token')) {
      response.end(JSON.stringify({ token: 'secret', expires_in: 300 }));
    } else if (request.headers.authorization === accepted) {
      response.writeHead(200, { 'docker-content-digest': DIGEST }).end();
    } else {
      const challenge = `Bearer realm="${server.base}/token",service="hub",scope="repository:a/b:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
  };

const registryAt = (base: string, login?: { username: string; password: string }): ImageRegistry =>
  ociImageRegistry({
    mirrors: { 'docker.io': base },
    timeoutMs: 500,
    ...(login ? { credentials: (host) => (host === 'docker.io' ? login : undefined) } : {}),
  });

describe('oci ImageRegistry on a server that asks for a login', () => {
  const server = useScriptedServer();

  it('fetches an anonymous token when challenged, and uses it again', async () => {
    server.handle = tokenServer(server, 'Bearer secret');
    const registry = registryAt(server.base);
    expect((await registry.resolve('a/b:1'))?.digest).to.equal(DIGEST);
    expect((await registry.resolve('a/b:2'))?.digest).to.equal(DIGEST);
    expect(server.seen.map(({ url }) => url)).to.deep.equal([
      '/v2/a/b/manifests/1',
      '/token?service=hub&scope=repository%3Aa%2Fb%3Apull',
      '/v2/a/b/manifests/1',
      '/v2/a/b/manifests/2',
    ]);
    expect(server.seen[1]!.authorization).to.equal(undefined);
  });

  it('shows its login to the token server', async () => {
    server.handle = tokenServer(server, 'Bearer secret');
    await registryAt(server.base, { username: 'me', password: 'pw' }).resolve('a/b:1');
    expect(server.seen[1]!.authorization).to.equal(`Basic ${Buffer.from('me:pw').toString('base64')}`);
    expect(server.seen[0]!.authorization).to.equal(undefined);
  });

  it('answers a Basic challenge with its login', async () => {
    const basic = `Basic ${Buffer.from('me:pw').toString('base64')}`;
    server.handle = (request, response) =>
      request.headers.authorization === basic
        ? response.writeHead(200, { 'docker-content-digest': DIGEST }).end()
        : response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    expect(
      (await registryAt(server.base, { username: 'me', password: 'pw' }).resolve('a/b:1'))?.digest,
    ).to.equal(DIGEST);
    expect((await failure(registryAt(server.base).resolve('a/b:1'))).reason).to.equal('AccessDenied');
  });

  it('says AccessDenied when the token changes nothing', async () => {
    server.handle = tokenServer(server, 'Bearer another');
    const error = await failure(registryAt(server.base).resolve('a/b:1'));
    expect([error.reason, error.message]).to.deep.equal([
      'AccessDenied',
      'resolve docker.io/a/b:1: HTTP 401',
    ]);
  });

  it('asks no token of a place that no registry should name', async () => {
    server.handle = answer(401, { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' });
    expect((await failure(registryAt(server.base).resolve('a/b:1'))).reason).to.equal('AccessDenied');
    expect(server.seen).to.have.length(1);
  });
});

describe('oci ImageRegistry on a server in trouble', () => {
  const server = useScriptedServer();

  for (const [status, reason] of [
    [403, 'AccessDenied'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [503, 'Unavailable'],
    [400, 'Invalid'],
  ] as const) {
    it(`says ${reason} for HTTP ${status}`, async () => {
      server.handle = answer(status);
      expect((await failure(registryAt(server.base).resolve('a/b:1'))).reason).to.equal(reason);
    });
  }

  it('says Unavailable for a server that does not answer in time', async () => {
    server.handle = () => {};
    expect((await failure(registryAt(server.base).resolve('a/b:1'))).reason).to.equal('Unavailable');
  });

  it('says Unavailable for a server that is not there', async () => {
    const error = await failure(registryAt('http://127.0.0.1:9').resolve('a:1'));
    expect([error.reason, error.transient]).to.deep.equal(['Unavailable', true]);
  });

  it('says Unavailable for a host that is called like a property of every object', async () => {
    const error = await failure(registryAt(server.base).resolve('toString/x:1'));
    expect([error.name, error.reason]).to.deep.equal(['ProviderError', 'Unavailable']);
  });

  it('does not believe content that hashes to something else', async () => {
    server.handle = (_, response) => response.end('{"config":{"digest":"sha256:0"}}');
    const error = await failure(registryAt(server.base).config(PINNED, 'linux/amd64'));
    expect([error.reason, error.message.includes('another digest')]).to.deep.equal(['Unavailable', true]);
  });

  it('takes no digest for one that is none, and finds out itself', async () => {
    const manifest = '{"config":{"digest":"sha256:0"}}';
    server.handle = (_, response) => {
      const told = `${'x'.repeat(200)}${DIGEST}`;
      response.writeHead(200, { 'docker-content-digest': told }).end(manifest);
    };
    const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
    expect(await registryAt(server.base).resolve('a/b:1')).to.deep.equal({
      reference: `docker.io/a/b@${digest}`,
      digest,
    });
  });

  it('follows a redirect, and shows its login to no other origin', async () => {
    const logins: (string | undefined)[] = [];
    server.handle = (request, response) => {
      const { host = '', authorization } = request.headers;
      if (request.url?.startsWith('/v2/')) {
        if (authorization === undefined)
          return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        const elsewhere = server.base.replace('127.0.0.1', 'localhost');
        return response.writeHead(307, { location: `${elsewhere}/storage` }).end();
      }
      logins.push(`${host.split(':')[0]} ${authorization}`);
      return response.writeHead(200, { 'docker-content-digest': DIGEST }).end();
    };
    const registry = registryAt(server.base, { username: 'u', password: 'p' });
    expect((await registry.resolve('a/b:1'))?.digest).to.equal(DIGEST);
    expect(logins).to.deep.equal(['localhost undefined']);
  });

  it('does not go round in circles', async () => {
    server.handle = (request, response) => response.writeHead(302, { location: `${request.url}x` }).end();
    const error = await failure(registryAt(server.base).resolve('a:1'));
    expect([error.reason, server.seen.length < 10]).to.deep.equal(['Invalid', true]);
  });

  it('stops reading a manifest that has no end', async () => {
    server.handle = (_, response) => {
      const chunk = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        if (response.destroyed) return;
        response.write(chunk, () => setImmediate(more));
      };
      more();
    };
    const error = await failure(registryAt(server.base).config(PINNED, 'linux/amd64'));
    expect(error.reason).to.equal('TooLarge');
  });
});
describe('oci ImageRegistry’s memory of configs', () => {
  const server = useScriptedServer();

  it('asks once for many at the same time, and again after a failure', async () => {
    server.handle = answer(500);
    const registry = registryAt(server.base);
    const tries = await Promise.allSettled([1, 2, 3].map(() => registry.config(PINNED, 'linux/amd64')));
    expect([server.seen.length, tries.every(({ status }) => status === 'rejected')]).to.deep.equal([1, true]);
    server.handle = answer(404);
    expect((await failure(registry.config(PINNED, 'linux/amd64'))).reason).to.equal('NotFound');
  });
});
