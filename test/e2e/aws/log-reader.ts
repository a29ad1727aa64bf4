/**
 * Stands for Fluent Bit, whose image no registry here has: on a node, by the settings that Fluent Bit gets, it reads what containers print and writes
 * it into the streams that the same rule names. It shows that rule, files and permissions fit together, and nothing of the real program.
 */
import { closeSync, globSync, openSync, readFileSync, readSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

type Section = Record<string, string>;

/** Sections as Fluent Bit writes them, by their titles. */
const sectionsIn = (text: string): [title: string, entries: Section][] =>
  text
    .split(/^\[/m)
    .slice(1)
    .map((part) => {
      const [title = '', ...lines] = part.split('\n');
      const entries = lines.flatMap((line) => {
        const [, key, value] = /^\s+(\S+)\s+(.+)$/.exec(line) ?? [];
        return key === undefined || value === undefined ? [] : [[key, value] as const];
      });
      return [title.replace(']', ''), Object.fromEntries(entries)];
    });

const config = readFileSync(process.argv[process.argv.indexOf('--config') + 1] ?? '', 'utf8');
const sections = sectionsIn(config);
const paths = sections.flatMap(([title, { Path }]) => (title === 'INPUT' && Path ? [Path] : []));
const output = sections.find(([title]) => title === 'OUTPUT')?.[1] ?? {};
const annotation = /annotations'\]\['([^']+)'\]/.exec(output['log_stream_template'] ?? '')?.[1] ?? '';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The Pod's stream, as the operator wrote it; where it wrote none, that of all others. */
async function streamOf(namespace: string, pod: string): Promise<string> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const headers = { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}` };
  const answer = await fetch(`https://${host}:${port}/api/v1/namespaces/${namespace}/pods/${pod}`, {
    headers,
  });
  const found = (await answer.json()) as { metadata?: { annotations?: Record<string, string> } };
  return found.metadata?.annotations?.[annotation] ?? `${output['log_stream_prefix']}${pod}`;
}

async function logs(operation: string, body: object): Promise<void> {
  const scope = `Credential=${process.env['AWS_ACCESS_KEY_ID']}/20260101/${output['region']}/logs/aws4_request`;
  const answer = await fetch(process.env['AWS_ENDPOINT_URL_CLOUDWATCH_LOGS'] ?? '', {
    method: 'POST',
    body: JSON.stringify(body),
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Logs_20140328.${operation}`,
      authorization: `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=unchecked`,
    },
  });
  const said = await answer.text();
  if (!answer.ok && !said.includes('ResourceAlreadyExists')) throw new Error(`${operation}: ${said}`);
}

/** How far each file has been shipped. */
const offsets = new Map<string, number>();
const CHUNK = 256 * 1024;

/** Whole lines that came since, a chunk at most. */
function linesOf(file: string): Buffer {
  const buffer = Buffer.alloc(CHUNK);
  const open = openSync(file, 'r');
  try {
    const length = readSync(open, buffer, 0, CHUNK, offsets.get(file) ?? 0);
    return buffer.subarray(0, buffer.subarray(0, length).lastIndexOf('\n') + 1);
  } finally {
    closeSync(open);
  }
}

async function ship(file: string): Promise<void> {
  const lines = linesOf(file);
  if (lines.length === 0) return;
  const [, pod = '', namespace = '', container = ''] =
    /^(.+)_([^_]+)_(.+)-[0-9a-f]{64}\.log$/.exec(basename(file)) ?? [];
  const kubernetes = { pod_name: pod, namespace_name: namespace, container_name: container };
  const logEvents = lines
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [time = '', , , ...text] = line.split(' ');
      return { timestamp: Date.parse(time), message: JSON.stringify({ log: text.join(' '), kubernetes }) };
    });
  const stream = { logGroupName: output['log_group_name'], logStreamName: await streamOf(namespace, pod) };
  await logs('CreateLogStream', stream);
  await logs('PutLogEvents', { ...stream, logEvents });
  offsets.set(file, (offsets.get(file) ?? 0) + lines.length);
}

createServer((_, response) => response.end('{}\n')).listen(Number(sections[0]?.[1]['HTTP_Port']));
for (;;) {
  for (const file of paths.flatMap((path) => globSync(path)))
    await ship(file).catch((error: unknown) => console.error(file, error));
  await sleep(1000);
}
