/** `npm run release`: makes everything that users get, in dist/release, and publishes it. docs/release.md says how. */
import { mkdirSync, rmSync, statSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readArguments, USAGE, type Wish } from './arguments.ts';
import { packChart } from './chart.ts';
import { objections, tagOf } from './checks.ts';
import { pushImage } from './images.ts';
import { writeInstall } from './install.ts';
import { krewManifest, PLUGIN } from './krew.ts';
import { packPackage } from './npm/package.ts';
import { run } from './process.ts';
import { checksumsOf, provenanceOf, sha256Of } from './provenance.ts';
import { publish } from './publish.ts';
import { manifestOf, type Image, type Release } from './release.ts';
import { bomPlugin, writeImageBom } from './sbom.ts';

const ROOT = join(import.meta.dirname, '..');
const PROVENANCE = 'provenance.intoto.json';
const CHECKSUMS = 'SHA256SUMS';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = (): number => Math.floor(Date.now() / 1000);

async function begin(): Promise<Release> {
  const { name, version, description, license } = manifestOf(ROOT);
  const out = join(ROOT, 'dist/release');
  const scratch = join(ROOT, 'dist/release-scratch');
  for (const folder of [out, scratch]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const said = await run('git', ['log', '-1', '--format=%H %ct'], { cwd: ROOT });
  const [commit = '', committed] = said.trim().split(' ');
  return {
    name,
    version,
    description,
    license,
    root: ROOT,
    out,
    scratch,
    commit,
    committed: Number(committed),
  };
}

/** The npm package with its SBOM, and the plugin's manifest, which names its digest. Resolves to the archive's name. */
async function makePackage(
  release: Release,
  { downloads, image }: { downloads: string; image: Image | undefined },
): Promise<string> {
  const { out, name, version } = release;
  const { archive, unpackedBytes } = await packPackage(release, image, [
    bomPlugin(join(out, `${name}-${version}.cdx.json`)),
  ]);
  say(`npm package: ${archive}, ${(unpackedBytes / 1e6).toFixed(2)} MB unpacked`);
  const url = `${downloads}/${tagOf(version)}/${archive}`;
  writeFileSync(join(out, `${PLUGIN}.yaml`), krewManifest(release, url, sha256Of(join(out, archive))));
  return archive;
}

/** The image, and what names it by its digest. */
async function makeImage(release: Release, { image: wish }: Wish): Promise<Image | undefined> {
  const { out, name, version } = release;
  await writeImageBom(release, join(out, `${name}-image-${version}.cdx.json`));
  if (!wish) {
    say('no image, install.yaml and chart, and a package that names no image: they need --registry');
    return undefined;
  }
  const image = await pushImage(release, wish);
  say(`image: ${image.repository}@${image.digest} for ${image.platforms.join(', ')}`);
  await writeInstall(release, image, join(out, 'install.yaml'));
  const chart = await packChart(release, image);
  say(`chart: ${chart}`);
  return image;
}

async function main(wish: Wish): Promise<void> {
  const against = await objections(ROOT);
  if (against.length > 0) throw new Error(against.join('\n'));
  const began = seconds();
  const release = await begin();
  // The package names the image.
  const image = await makeImage(release, wish);
  const archive = await makePackage(release, { downloads: wish.downloads, image });
  const { dryRun, builder, image: wished, downloads } = wish;
  const parameters = { dryRun, downloads, ...(wished && { image: wished }) };
  const statement = provenanceOf(release, { image, parameters, builder, began, ended: seconds() });
  writeFileSync(join(release.out, PROVENANCE), `${JSON.stringify(statement, undefined, 2)}\n`);
  writeFileSync(join(release.out, CHECKSUMS), checksumsOf(release.out));
  rmSync(release.scratch, { recursive: true });
  for (const file of readdirSync(release.out).sort())
    say(`${String(statSync(join(release.out, file)).size).padStart(9)}  dist/release/${file}`);
  if (dryRun) return say('nothing was published: --dry-run');
  await publish(release, archive);
  say(`published ${release.name} ${release.version}; git push origin v${release.version} publishes its tag`);
}

const fail = (error: unknown, code: number): void => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = code;
};

let wish: Wish | undefined;
try {
  wish = readArguments(process.argv.slice(2));
} catch (error) {
  fail(error, 2);
  process.stderr.write(`\n${USAGE}`);
}
if (wish) await main(wish).catch((error: unknown) => fail(error, 1));
