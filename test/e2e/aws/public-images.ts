/** What an installation copies from public registries, in the local one, which stands for them; and the operator's image as a release would have pushed it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CREDENTIALS } from '../../support/aws/facts.ts';
import { root } from '../../support/cluster.ts';
import {
  aliasImage,
  buildSmallImage,
  ensureBaseImages,
  ensureOperatorImage,
  imageFlavour,
} from '../cluster/index.ts';

const FLUENT_BIT = 'aws-observability/aws-for-fluent-bit:4.1.1';
/** Copied by every installation, and begun with by no build of the stories: their BuildKit is beside them. */
const UNUSED = [
  'moby/buildkit:v0.27.1',
  ...['1', '1-labs', 'latest'].map((tag) => `docker/dockerfile:${tag}`),
];

/** Whatever begins with Fluent Bit's own arguments; the addresses are in the image, since its settings know only AWS's. */
const dockerfileOf = (logsUrl: string): string =>
  [
    'FROM node:26-slim',
    'COPY log-reader.ts /log-reader.ts',
    `ENV AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=${logsUrl} AWS_ACCESS_KEY_ID=${CREDENTIALS.accessKeyId}`,
    'ENV NODE_EXTRA_CA_CERTS=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    'ENTRYPOINT ["node", "/log-reader.ts"]',
    '',
  ].join('\n');

/** Gives the name of the operator's image, by digest. `logsUrl`: CloudWatch, for what stands for Fluent Bit. */
export async function ensureSources(logsUrl: string): Promise<string> {
  await ensureBaseImages(['debian:bookworm-slim', 'node:26-slim']);
  for (const name of UNUSED) await aliasImage('library/debian:bookworm-slim', name);
  const reader = readFileSync(join(root, 'test/e2e/aws/log-reader.ts'));
  await buildSmallImage(FLUENT_BIT, { Dockerfile: dockerfileOf(logsUrl), 'log-reader.ts': reader });
  return ensureOperatorImage(await imageFlavour());
}
