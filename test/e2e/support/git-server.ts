/** A Git repository that GitOps tools read over HTTP on loopback, served by Git's own program. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Texts by path; what is undefined is removed. */
export type Changes = Record<string, string | undefined>;

/** The same, in a folder. */
export const below = (folder: string, changes: Changes): Changes =>
  Object.fromEntries(Object.entries(changes).map(([path, text]) => [`${folder}/${path}`, text]));

export interface GitServer {
  url: string;
  /** Resolves to the commit's hash. */
  commit(changes: Changes): Promise<string>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const BRANCH = 'main';
const NAME = 'repository';

/** What of an answer of CGI comes before the body. */
function headOf(text: string): { status: number; headers: [string, string][] } {
  const headers = text
    .split('\r\n')
    .map((line): [string, string] => [
      line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1).trim(),
    ]);
  const status = headers.find(([name]) => name === 'Status')?.[1];
  return {
    status: Number.parseInt(status ?? '200', 10),
    headers: headers.filter(([name]) => name !== 'Status'),
  };
}

const END_OF_HEAD = '\r\n\r\n';

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://git');
  const { headers } = request;
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
    },
  });
  backend.stdin.on('error', () => {});
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  for await (const chunk of backend.stdout) chunks.push(chunk as Buffer);
  const said = Buffer.concat(chunks);
  const end = said.indexOf(END_OF_HEAD);
  if (end < 0) throw new Error('git http-backend says nothing');
  const { status, headers: sent } = headOf(said.subarray(0, end).toString());
  response.writeHead(status, sent.flat()).end(said.subarray(end + END_OF_HEAD.length));
}

/** Starts it with an empty first commit. */
export async function startGitServer(): Promise<GitServer> {
  const root = await mkdtemp(join(tmpdir(), 'sb-git-'));
  const cwd = join(root, NAME);
  const git = async (...args: string[]): Promise<string> => {
    const who = ['-c', 'user.name=sb', '-c', 'user.email=sb@example.com', '-c', 'commit.gpgsign=false'];
    return (await run('git', [...who, ...args], { cwd })).stdout.trim();
  };
  await mkdir(cwd);
  await git('init', '--quiet', '--initial-branch', BRANCH);
  await git('commit', '--quiet', '--allow-empty', '--message', 'Begin');
  const server = createServer((request, response) => {
    answer(root, request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${NAME}/.git`,
    async commit(changes) {
      for (const [path, text] of Object.entries(changes)) {
        const file = join(cwd, path);
        if (text === undefined) await rm(file);
        else await mkdir(dirname(file), { recursive: true }).then(() => writeFile(file, text));
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', Object.keys(changes).join(', '));
      return git('rev-parse', 'HEAD');
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await rm(root, { recursive: true, force: true });
    },
  };
}
