import { imageFlavour, published } from '../images/flavour.ts';
import { servicesImage } from '../images/services-image.ts';
import { succeeds } from '../machine/process.ts';
import { ECR_HOST, LIMITED_HOST } from '../../../support/aws/facts.ts';
import { buildkitConfig, ensureService, type Service } from '../parts/services.ts';

/** The BuildKit of AWS's build machines: one of its own, because it reaches ECR through a proxy that is there during tests alone. */
export const awsBuildkit = 'sb-aws-buildkit';
const port = 1235;
const address = `tcp://127.0.0.1:${port}`;

const overProxy = [ECR_HOST, LIMITED_HOST].map((host) => `[registry."${host}"]\n  http = true\n`).join('');

/** Starts it; `proxy` is asked for everything under plain HTTP but the local registry. Its cache outlives it. */
export async function startAwsBuildkit(proxy: string): Promise<{ address: string; stop(): Promise<void> }> {
  const flavour = await imageFlavour();
  const service: Service = {
    name: awsBuildkit,
    port,
    image: flavour === 'made' ? servicesImage : published.buildkit,
    script: `printf %s "$CONFIG" > /tmp/config && exec buildkitd --root /data --addr tcp://0.0.0.0:${port} --config /tmp/config`,
    env: {
      CONFIG: buildkitConfig + overProxy,
      HTTP_PROXY: proxy,
      NO_PROXY: 'sb-registry,localhost,127.0.0.1',
    },
    privileged: true,
    healthy: () => succeeds('buildctl', ['--addr', address, 'debug', 'workers'], { timeoutSeconds: 5 }),
  };
  await ensureService(service);
  return { address, stop: async () => void (await succeeds('docker', ['rm', '-f', awsBuildkit])) };
}
