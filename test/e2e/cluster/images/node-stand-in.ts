import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from '../machine/paths.ts';
import { run } from '../machine/process.ts';
import { npmVersion } from '../versions.ts';
import { buildImage } from './build.ts';

const dockerfile = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY node /usr/local/bin/node
COPY node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
CMD ["node"]
`;

/** Makes `node:26-slim` of Debian, the Node.js that runs this program, and npm as its package ships it. Builds on `debian:bookworm-slim`. */
export async function nodeStandIn(): Promise<void> {
  using scratch = scratchFolder('image');
  const context = scratch.path;
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  copyFileSync(process.execPath, join(context, 'node'));
  await run('npm', ['install', '--no-save', '--no-package-lock', '--prefix', context, `npm@${npmVersion}`]);
  await buildImage({ name: 'library/node:26-slim', context });
}
