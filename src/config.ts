/** The environment → one checked, frozen Config. Nobody else reads `process.env`. */

/** Settings of the operator; every field comes from the environment variable named beside it. */
export interface Config {
  /** `SB_PROFILE`. */
  profile: 'local';
  /** `POD_NAMESPACE`: namespace of the lease and of the broker's certificate. */
  namespace: string;
  /** `POD_NAME`: identity in the leader election. */
  identity: string;
  s3: {
    /** `SB_S3_BUCKET`. */
    bucket: string;
    /** `SB_S3_REGION`. */
    region: string;
    /** `SB_S3_ENDPOINT`: what Pods reach. */
    endpoint: string;
    /** `SB_S3_PUBLIC_ENDPOINT`: what a browser reaches. */
    publicEndpoint: string;
  };
  /** `SB_IMAGE_REPOSITORY`: where built images go. */
  imageRepository: string;
  /** `SB_IMAGE_PLATFORM`. */
  imagePlatform: string;
  /** `SB_REGISTRY_MIRRORS`: host → base URL, as `host=url,host=url`. */
  registryMirrors: Record<string, string>;
  buildkit: {
    /** `SB_BUILDKIT_ADDR`, for example `tcp://buildkit:1234`. */
    address: string;
    /** `SB_BUILDCTL_IMAGE`: an image with `buildctl` and `sh`. */
    buildctlImage: string;
  };
  /** `SB_COURIER_IMAGE`: the operator's own image. */
  courierImage: string;
  broker: {
    /** `SB_BROKER_URL`: what couriers reach. */
    url: string;
    /** `SB_BROKER_PORT`. */
    port: number;
  };
  /** `SB_METRICS_PORT`: /metrics, /healthz, /readyz. */
  metricsPort: number;
  /** `SB_LOG_LEVEL`. */
  logLevel: string;
}

/** Thrown with every problem at once, one line each: variable, value, reason. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

type Env = Record<string, string | undefined>;

/** Reads and checks all settings; throws `ConfigError` naming each one that is missing or wrong. */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const read = reader(env, problems);
  const config: Config = {
    profile: read.choice('SB_PROFILE', ['local'] as const),
    namespace: read.text('POD_NAMESPACE', 'sb-system'),
    identity: read.text('POD_NAME'),
    s3: {
      bucket: read.text('SB_S3_BUCKET', 'abundant-sb-artifacts'),
      region: read.text('SB_S3_REGION', 'us-east-1'),
      endpoint: read.url('SB_S3_ENDPOINT', /^https?:$/),
      publicEndpoint: read.url('SB_S3_PUBLIC_ENDPOINT', /^https?:$/),
    },
    imageRepository: read.text('SB_IMAGE_REPOSITORY'),
    imagePlatform: read.text('SB_IMAGE_PLATFORM', 'linux/amd64'),
    registryMirrors: read.pairs('SB_REGISTRY_MIRRORS'),
    buildkit: {
      address: read.url('SB_BUILDKIT_ADDR', /^(tcp|unix):$/),
      buildctlImage: read.text('SB_BUILDCTL_IMAGE'),
    },
    courierImage: read.text('SB_COURIER_IMAGE'),
    broker: { url: read.url('SB_BROKER_URL', /^https:$/), port: read.port('SB_BROKER_PORT', 8443) },
    metricsPort: read.port('SB_METRICS_PORT', 8080),
    logLevel: read.choice('SB_LOG_LEVEL', ['info', 'debug', 'warn', 'error'] as const),
  };
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze(config);
}

function reader(env: Env, problems: string[]) {
  const text = (name: string, fallback?: string): string => {
    const value = env[name] || fallback;
    if (value === undefined) problems.push(`${name}: missing; set it`);
    return value ?? '';
  };
  const url = (name: string, protocol: RegExp): string => {
    const value = text(name);
    const parsed = URL.parse(value);
    if (value && !(parsed && protocol.test(parsed.protocol)))
      problems.push(`${name}: ${value} is not a URL with ${protocol.source}`);
    return value.replace(/\/$/, '');
  };
  const port = (name: string, fallback: number): number => {
    const value = Number(env[name] || fallback);
    if (!Number.isInteger(value) || value < 0 || value > 65_535)
      problems.push(`${name}: ${env[name]} is not a port`);
    return value;
  };
  /** The first choice is the default. */
  const choice = <const T extends readonly [string, ...string[]]>(name: string, choices: T): T[number] => {
    const value = env[name] || choices[0];
    if (!choices.includes(value)) problems.push(`${name}: ${value} is not one of ${choices.join(', ')}`);
    return value;
  };
  const pairs = (name: string): Record<string, string> => {
    const entries = (env[name] ?? '').split(',').filter((entry) => entry !== '');
    for (const entry of entries)
      if (!/^[^=]+=https?:\/\/.+$/.test(entry)) problems.push(`${name}: ${entry} is not host=url`);
    return Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  };
  return { text, url, port, choice, pairs };
}
