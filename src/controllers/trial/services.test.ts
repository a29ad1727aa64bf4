import { expect } from 'chai';
import { aReadyImage, aTrial, POD_SETTINGS } from '../../../test/support/builders/objects.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import { mapRoles } from '../../crds/trial-status.ts';
import { securityLevelOf } from '../../pods/reading/security-level.ts';
import { verifierImagesOf } from '../../pods/verifier-images.ts';
import { compile, filledIn, parseTaskToml, storedSpec } from '../../tasks/index.ts';
import { readDocument } from '../../tasks/compose/document.ts';
import { jobFor } from './manifests.ts';
import { ofRole } from './images.ts';

/** The Pod of a Trial whose task has these services. */
function jobOf(services: string, { spec = {}, user = '' }: { spec?: object; user?: string } = {}) {
  const read = readDocument(`services: ${services}\nvolumes: { data: }\n`);
  if ('fault' in read) throw new Error(read.fault);
  const trial = aTrial();
  const asked = storedSpec({ ...trial.spec, environment: { image: 'main' }, ...spec });
  const compiled = compile(asked, {
    config: parseTaskToml(''),
    files: ['environment/docker-compose.yaml', 'instruction.md', 'tests/test.sh', 'solution/solve.sh'].map(
      (path) => ({
        path,
      }),
    ),
    compose: { document: read.document },
  });
  expect(compiled.problems).to.deep.equal([]);
  return jobFor({ ...trial, spec: filledIn(asked, compiled) }, 1, {
    images: mapRoles(compiled.environments, (_, role) => aReadyImage(role, user)),
    settings: POD_SETTINGS,
  });
}

const podOf = (...asked: Parameters<typeof jobOf>) => jobOf(...asked).spec?.template.spec;

const TWO = `
  db:
    image: postgres
    environment: { POSTGRES_PASSWORD: "a$$b" }
    mem_limit: 256m
    shm_size: 64m
    hostname: database
    volumes: ["data:/var/lib/data", "./init.sql:/init.sql:ro"]
  web: { image: web, depends_on: [db], volumes: ["data:/data:ro"], tmpfs: "/run" }
  main: { volumes: ["data:/shared"] }`;

describe('the Pod of a Trial with services', () => {
  it('looks as it always did', async () => {
    await expectGolden('trial-pod-services.yaml', podOf(TWO) ?? {});
  });

  it('starts them before the agent’s container, and keeps them beside a separate verifier’s', () => {
    const pod = podOf(TWO, { spec: { verifier: { mode: 'Separate', image: 'judge' } } });
    expect(pod?.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).to.deep.equal([
      ['courier', 'Always'],
      ['fill-db', undefined],
      ['service-db', 'Always'],
      ['service-web', 'Always'],
      ['task', undefined],
    ]);
    expect(pod?.containers.map(({ name }) => name)).to.deep.equal(['verifier']);
    const mounts = pod?.containers[0]?.volumeMounts?.map(({ name }) => name);
    expect(mounts).to.deep.equal(['control-verifier', 'logs-verifier']);
  });

  it('fills a volume from the first image that has it, unless the file says no', () => {
    const fills = (services: string) =>
      podOf(services)?.initContainers?.flatMap(({ name, command }) =>
        name.startsWith('fill-') ? [`${name}: ${command?.slice(2).join(' ')}`] : [],
      );
    expect(fills(TWO)).to.deep.equal(['fill-db: /var/lib/data /sb-volumes/volume-1']);
    expect(
      fills('{ main: { volumes: ["data:/app", "/own"] }, web: { image: x, volumes: ["data:/x"] } }'),
    ).to.deep.equal(['fill-main: /app /sb-volumes/volume-1 /own /sb-volumes/volume-2']);
    expect(fills('{ web: { image: x, volumes: ["data:/x:nocopy"] } }')).to.deep.equal([]);
  });

  it('knows each by its names, and says which image it has', () => {
    const { metadata, spec } = jobOf(TWO).spec?.template ?? {};
    expect(spec?.hostAliases).to.deep.equal([
      { ip: '127.0.0.1', hostnames: ['db', 'database', 'web', 'main'] },
    ]);
    expect(Object.keys(verifierImagesOf(metadata?.annotations) ?? {})).to.deep.equal([
      'service-db',
      'service-web',
    ]);
    expect(ofRole('service-db', 'gone')).to.equal('image of the service db: gone');
  });

  it('meets Pod Security as before where every one of them has one user', () => {
    const spec = { environment: { image: 'main', allowPrivilegeEscalation: false } };
    const level = (user: string) => {
      const pod = podOf('{ db: { image: postgres } }', { spec, user });
      return pod && securityLevelOf(pod);
    };
    expect(level('1000')).to.equal('restricted');
    expect(level('')).to.equal('baseline');
  });
});
