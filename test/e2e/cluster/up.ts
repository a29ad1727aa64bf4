import { ensureBaseImages } from './images/base-images.ts';
import { ensureBuildctlImage } from './images/buildctl-image.ts';
import { makeDebian } from './images/debian.ts';
import { imageFlavour, pullPublished, type Flavour } from './images/flavour.ts';
import { makeNodeBases, makeNodeImage } from './images/node-image.ts';
import { ensureOperatorImage } from './images/operator-image.ts';
import { fetchPrograms } from './images/published-programs.ts';
import { makeServicesImage } from './images/services-image.ts';
import { acquireLock } from './machine/lock.ts';
import { ensureEngine } from './machine/engine.ts';
import { step } from './machine/progress.ts';
import { ensureNetwork } from './machine/containers.ts';
import { ensureCluster } from './parts/cluster.ts';
import { deployOperator } from './parts/operator.ts';
import { ensurePolicyEngine } from './parts/policy-engine.ts';
import { ensureService, services } from './parts/services.ts';
import { ensureBucket } from './parts/storage.ts';
import { buildPrograms } from './programs.ts';

/**
 * Brings the local cluster to health from whatever state it is in, and deploys this checkout's operator into it. `enforcing`: NetworkPolicies are
 * enforced, too; what that needs takes minutes to build the first time.
 */
export async function up({ enforcing = true } = {}): Promise<void> {
  using _ = acquireLock();
  await step('Docker engine', ensureEngine);
  const flavour = await step('looking for Docker Hub', imageFlavour);
  const images = flavour === 'made' ? makeImages() : pullImages();
  images.cluster.catch(() => {});
  await images.beside;
  await ensureNetwork();
  const cluster = images.cluster.then(() => step('kind cluster', () => ensureCluster(flavour)));
  const [image] = await Promise.all([standBeside(flavour), cluster]);
  await Promise.all([
    image !== undefined && step('operator', () => deployOperator(image)),
    enforcing && step('policy engine', () => ensurePolicyEngine(flavour)),
  ]);
}

type Images = { beside: Promise<void>; cluster: Promise<void> };

// Go builds take all cores for minutes; downloads and image builds go on beside them, each as soon as its programs are there.
function makeImages(): Images {
  const programs = buildPrograms();
  const debian = step('Debian base image', () => makeDebian('debian:bookworm-slim'));
  const bases = debian.then(() => step('packages of the node image', makeNodeBases));
  const node = Promise.all([bases, programs.kubernetes]).then(() => step('node image', makeNodeImage));
  const beside = Promise.all([debian, programs.beside]).then(() => step('services image', makeServicesImage));
  bases.catch(() => {});
  return { beside, cluster: node };
}

function pullImages(): Images {
  const beside = step('published images and programs', () => pullPublished().then(fetchPrograms));
  return { beside, cluster: Promise.resolve() };
}

/** Everything that needs no Kubernetes; gives the name of the operator's image, none where SB_NO_OPERATOR asks for a bare cluster. */
async function standBeside(flavour: Flavour): Promise<string | undefined> {
  await step('registry, S3, BuildKit', () => Promise.all(services(flavour).map(ensureService)));
  await ensureBucket();
  await ensureBaseImages(['debian:bookworm-slim'], flavour);
  await step('buildctl image', () => ensureBuildctlImage(flavour));
  if (process.env['SB_NO_OPERATOR']) return undefined;
  return step('operator image', () => ensureOperatorImage(flavour));
}
