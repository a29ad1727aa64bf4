import { digest } from '../machine/paths.ts';
import { docker, run, succeeds, until } from '../machine/process.ts';
import { published, type Flavour } from '../images/flavour.ts';
import { servicesImage } from '../images/services-image.ts';
import { inspect } from '../machine/containers.ts';

/** The S3 server as programs on this machine reach it; inside the cluster it is `http://sb-s3:7070`. */
export const s3 = {
  endpoint: 'http://127.0.0.1:7070',
  region: 'us-east-1',
  bucket: 'abundant-sb-artifacts',
  accessKeyId: 'sb',
  secretAccessKey: 'sb-local-only',
} as const;

/** The registry and BuildKit as programs on this machine reach them. */
export const registry = { host: 'http://127.0.0.1:5000', inCluster: 'sb-registry:5000' } as const;
export const buildkitAddress = 'tcp://127.0.0.1:1234';

export type Service = {
  name: string;
  port: number;
  image: string;
  script: string;
  env: Record<string, string>;
  privileged?: boolean;
  healthy: () => Promise<boolean>;
};

const registryConfig = `version: 0.1
storage: {filesystem: {rootdirectory: /data}, delete: {enabled: true}}
http: {addr: ":5000"}
log: {level: warn}
`;
/** What every BuildKit beside the cluster is configured with; one registry answers for all. */
export const buildkitConfig = `[worker.oci]
  networkMode = "host"
  maxUsedSpace = "8GB"
[worker.containerd]
  enabled = false
[registry."docker.io"]
  mirrors = ["sb-registry:5000"]
[registry."public.ecr.aws"]
  mirrors = ["sb-registry:5000"]
[registry."localhost:5000"]
  mirrors = ["sb-registry:5000"]
[registry."sb-registry:5000"]
  http = true
`;

/** Registry, S3 and BuildKit: containers on kind's network, reached by name from nodes and pods, and on loopback from here. */
export function services(flavour: Flavour): Service[] {
  const image = (name: string) => (flavour === 'made' ? servicesImage : name);
  return [
    {
      name: 'sb-registry',
      port: 5000,
      image: image(published.registry),
      script: 'printf %s "$CONFIG" > /tmp/config && exec registry serve /tmp/config',
      env: { CONFIG: registryConfig, OTEL_TRACES_EXPORTER: 'none' },
      healthy: () => answers(`${registry.host}/v2/`),
    },
    {
      name: 'sb-s3',
      port: 7070,
      image: image(published.versitygw),
      script:
        'mkdir -p /data/b /data/v && exec versitygw --port :7070 posix --versioning-dir /data/v /data/b',
      env: { ROOT_ACCESS_KEY: s3.accessKeyId, ROOT_SECRET_KEY: s3.secretAccessKey },
      healthy: () => answers(s3.endpoint),
    },
    {
      name: 'sb-buildkit',
      port: 1234,
      image: image(published.buildkit),
      script:
        'printf %s "$CONFIG" > /tmp/config && exec buildkitd --root /data --addr tcp://0.0.0.0:1234 --config /tmp/config',
      env: { CONFIG: buildkitConfig },
      privileged: true,
      healthy: () =>
        succeeds('buildctl', ['--addr', buildkitAddress, 'debug', 'workers'], { timeoutSeconds: 5 }),
    },
  ];
}

/** What the store keeps when the cluster goes: by which images that the registry keeps were built of what is known. */
const KEPT = 'builds';

/** Empties the store of everything that belonged to Trials of the cluster. */
export const emptyStore = (): Promise<boolean> =>
  succeeds('docker', [
    'exec',
    'sb-s3',
    'sh',
    '-c',
    `rm -rf /data/v/${s3.bucket}/*; cd /data/b/${s3.bucket} && for each in *; do [ "$each" = ${KEPT} ] || rm -rf "$each"; done`,
  ]);

/** Brings one service to health: as it is, else started again, else made again. Its data is in a volume of its name. */
export async function ensureService(service: Service): Promise<void> {
  if (await revive(service)) return;
  await succeeds('docker', ['rm', '-f', service.name]);
  await docker(creation(service));
  if (await becomesHealthy(service, 30)) return;
  const logs = await run('sh', ['-c', `docker logs --tail 5 ${service.name} 2>&1`]);
  throw new Error(`${service.name} does not answer on port ${service.port}: ${logs}`);
}

async function revive(service: Service): Promise<boolean> {
  const found = await inspect(service.name);
  if (found?.config !== configOf(service)) return false;
  if (!found.running) await succeeds('docker', [found.paused ? 'unpause' : 'start', service.name]);
  return becomesHealthy(service, 5);
}

async function becomesHealthy(service: Service, seconds: number): Promise<boolean> {
  return until(service.name, seconds, service.healthy).then(
    () => true,
    () => false,
  );
}

function creation(service: Service): string[] {
  const env = Object.entries(service.env).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  const flags = [
    '--network',
    'kind',
    '--restart',
    'unless-stopped',
    '--label',
    `sb-config=${configOf(service)}`,
  ];
  if (service.privileged) flags.push('--privileged');
  const storage = ['-v', `${service.name}:/data`, '-p', `127.0.0.1:${service.port}:${service.port}`];
  return [
    'run',
    '-d',
    '--name',
    service.name,
    ...flags,
    ...storage,
    ...env,
    '--entrypoint',
    'sh',
    service.image,
    '-c',
    service.script,
  ];
}

const configOf = ({ image, script, env }: Service) => digest(image, script, JSON.stringify(env));

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(3000) }).then(
    async (response) => (await response.body?.cancel(), response.status < 500),
    () => false,
  );
}
