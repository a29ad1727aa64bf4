import { docker } from '../machine/process.ts';
import { say, step } from '../machine/progress.ts';
import { aliasImage } from './alias.ts';
import { makeDebian, type DebianImage } from './debian.ts';
import { buildSmallImage, inRegistry, pushImage } from './build.ts';
import { imageFlavour, type Flavour } from './flavour.ts';
import { nodeStandIn } from './node-stand-in.ts';

type Recipe = () => Promise<void>;

// Bookworm has Python 3.11, trixie 3.13.
const recipes: Record<string, Recipe> = {
  'debian:bookworm-slim': () => debian('debian:bookworm-slim'),
  'debian:trixie-slim': () => debian('debian:trixie-slim'),
  'ubuntu:24.04': () =>
    from('debian:bookworm-slim', 'ubuntu:24.04', ['RUN useradd --create-home --shell /bin/bash ubuntu']),
  'python:3.11-slim': () => python('debian:bookworm-slim', 'python:3.11-slim'),
  'python:3.13-slim': () => python('debian:trixie-slim', 'python:3.13-slim'),
  'busybox:1.37': busybox,
  'node:26-slim': () => debianFirst().then(nodeStandIn),
};

/** The names that `ensureBaseImages` can answer without Docker Hub. */
export const standIns = Object.keys(recipes);

/**
 * Puts Docker Hub images (`python:3.11-slim`) into the local registry, where nodes and builds look first: pulled where that works,
 * else stand-ins made of Debian packages. Throws for a name that can be neither pulled nor made.
 */
export async function ensureBaseImages(names: string[], flavour?: Flavour): Promise<void> {
  for (const name of names) {
    const own = atWork.get(name) ?? ensure(name, flavour).finally(() => atWork.delete(name));
    atWork.set(name, own);
    await own;
  }
}

// Tests ask for the same image at the same time.
const atWork = new Map<string, Promise<void>>();

async function ensure(name: string, flavour?: Flavour): Promise<void> {
  if (!(await inRegistry(`library/${name}`))) {
    const source = flavour ?? (await imageFlavour());
    await step(`base image ${name}`, () => (source === 'pulled' ? pulled(name) : made(name)));
  }
  // What Docker Hub's own images are called at public.ecr.aws.
  await aliasImage(`library/${name}`, `docker/library/${name}`);
}

async function pulled(name: string): Promise<void> {
  await docker(['pull', '-q', name]);
  await pushImage(name, `library/${name}`);
}

async function made(name: string): Promise<void> {
  const recipe = recipes[name];
  if (!recipe) throw new Error(`no stand-in for ${name} can be made here; there are: ${standIns.join(', ')}`);
  await recipe();
  say(`${name} is a stand-in made of Debian packages`);
}

async function debian(image: DebianImage): Promise<void> {
  await makeDebian(image);
  await pushImage(image, `library/${image}`);
}

const debianFirst = () => ensureBaseImages(['debian:bookworm-slim'], 'made');

async function from(base: DebianImage, name: string, lines: string[]): Promise<void> {
  await ensureBaseImages([base], 'made');
  await buildSmallImage(`library/${name}`, { Dockerfile: [`FROM ${base}`, ...lines, ''].join('\n') });
}

async function python(base: DebianImage, name: string): Promise<void> {
  const install =
    'apt-get update && apt-get install -y --no-install-recommends python3 python3-pip python3-venv';
  const tidy = 'rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED';
  const links = ['python3:python', 'python3:python3', 'pip:pip', 'pip3:pip3'].map((pair) => {
    const [program, link] = pair.split(':');
    return `ln -s /usr/bin/${program} /usr/local/bin/${link}`;
  });
  await from(base, name, [`RUN ${[install, tidy, ...links].join(' && ')}`, 'CMD ["python3"]']);
}

// No bash and no libc: what a task's image may lack.
async function busybox(): Promise<void> {
  await debianFirst();
  const lines = [
    'FROM debian:bookworm-slim AS build',
    'RUN apt-get update && apt-get install -y --no-install-recommends busybox-static',
    'RUN mkdir -p /out/bin /out/tmp /out/root /out/etc && cp /bin/busybox /out/bin/ && chroot /out /bin/busybox --install -s /bin \\',
    ' && chmod 1777 /out/tmp && echo "root:x:0:0:root:/root:/bin/sh" > /out/etc/passwd && echo "root:x:0:" > /out/etc/group',
    'FROM scratch',
    'COPY --from=build /out /',
    'CMD ["sh"]',
    '',
  ];
  await buildSmallImage('library/busybox:1.37', { Dockerfile: lines.join('\n') });
}
